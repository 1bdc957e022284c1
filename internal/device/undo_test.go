package device

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
)

func TestUndo(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		alter  func(*lab)
		want   events.Body
		v4, v6 uint32
	}{
		"as set":       {func(*lab) {}, applied(1), 10, 10},
		"back already": {func(l *lab) { l.configure("IPV4", "10"); l.configure("IPV6", "10") }, applied(0), 10, 10},
		"half back":    {func(l *lab) { l.configure("IPV4", "10") }, applied(1), 10, 10},
		"changed by somebody": {func(l *lab) { l.configure("IPV6", "55") },
			refusedAs(events.RefusedByChanged, "", 0), softMetric, 55},
		"Get is broken": {func(l *lab) { l.a().RefuseGet(codes.Unimplemented, "no Get") }, applied(1), 10, 10},
		"refused": {func(l *lab) { l.a().OnSet(backbone.Undo, backbone.Refuse(codes.Aborted, "no")) },
			refusedAs(events.RefusedByRouter, "Aborted", 1), softMetric, softMetric},
		"rebooted without saving": {func(l *lab) { l.a().Reboot(0); l.reconnected() }, applied(0), 10, 10},
	} {
		t.Run(name, func(t *testing.T) {
			l := startLab(t, labSetup{idle: true})
			order := l.drain(ctx)
			l.expectSet(ctx, order, applied(1))
			c.alter(l)
			before := len(l.net.Sets())
			l.expectSet(ctx, l.undoing(order), c.want)
			l.expectMetrics(c.v4, c.v6)
			if name == "half back" {
				sent := l.net.Sets()[before].Request
				if len(sent.GetUpdate()) != 1 || !strings.Contains(sent.String(), "IPV6") {
					t.Errorf("sent %v, want the IPv6 leaf alone", sent)
				}
			}
		})
	}
}

// configure changes router a's end of link a-b as somebody else would.
func (l *lab) configure(family, value string) {
	l.t.Helper()
	if err := l.a().Configure(l.metricPath(family), value); err != nil {
		l.t.Fatal(err)
	}
}

// reconnected waits until router a answers again.
func (l *lab) reconnected() {
	l.t.Helper()
	eventually(l.t, "a answers", func() bool {
		return l.Observe(l.t.Context(), l.target("a-b")).Ends[0].Unreadable == ""
	})
}

// A pre-image that was absent is restored by deleting the leaf, whichever way the router shows that it is not there.
func TestAbsentPreImage(t *testing.T) {
	for name, c := range map[string]struct {
		manner backbone.Absent
		want   events.Value
	}{
		"not found":         {backbone.AbsentNotFound, events.Value{}},
		"empty":             {backbone.AbsentEmpty, events.Value{}},
		"default is shown":  {backbone.AbsentDefault, events.UintValue(10)},
		"Get does not work": {backbone.AbsentNotFound, events.Value{}},
	} {
		t.Run(name, func(t *testing.T) {
			l := startLab(t, labSetup{idle: true, router: func(o *backbone.Options) { o.MetricAbsent, o.Absent = true, c.manner }})
			if name == "Get does not work" {
				l.a().RefuseGet(codes.PermissionDenied, "no Get")
			}
			ctx := t.Context()
			order := l.drain(ctx)
			for _, set := range order.Change.Settings {
				if set.Before != c.want {
					t.Fatalf("pre-image of %s is %s, want %s", set.LeafRef, set.Before, c.want)
				}
			}
			order.ReadAt = time.Time{} // absence is confirmed once more
			l.expectSet(ctx, order, applied(1))
			l.expectMetrics(softMetric, softMetric)
			l.expectSet(ctx, l.undoing(order), applied(1))
			a, _, err := l.net.Metrics("a-b")
			if err != nil {
				t.Fatal(err)
			}
			if explicit := !c.want.Absent(); a.IPv4.Explicit != explicit || a.IPv6.Explicit != explicit || a.IPv4.Value != 10 {
				t.Errorf("after the undo: %+v", a)
			}
			l.expectSet(ctx, l.undoing(order), applied(0))
		})
	}
}

func TestCommitConfirmed(t *testing.T) {
	ctx := context.Background()
	armed := func(l *lab, window time.Duration) events.Order {
		l.Proven(events.Proved{Device: "a", Bars: []events.Bar{events.BarArbitration, events.BarCommitConfirmed}})
		order := l.drain(ctx)
		order.Arm = events.Duration(window)
		want := applied(1)
		want.Armed = true
		l.expectSet(ctx, order, want)
		l.expectMetrics(softMetric, softMetric)
		return order
	}
	undo := func(l *lab, order events.Order) events.Order {
		back := l.undoing(order)
		back.Pending = true
		return back
	}

	t.Run("confirmed", func(t *testing.T) {
		l := startLab(t, labSetup{idle: true})
		order := armed(l, time.Minute)
		if id, _ := l.a().Unconfirmed(); id != order.CommitID() {
			t.Errorf("commit %q waits, want %q", id, order.CommitID())
		}
		if got := l.Confirm(ctx, order); !got.OK {
			t.Errorf("confirm: %+v", got)
		}
		if _, waits := l.a().Unconfirmed(); waits {
			t.Error("the commit still waits")
		}
		if got := l.Confirm(ctx, order); !got.OK || got.Detail == "" {
			t.Errorf("confirmed twice, the first answer being lost: %+v", got)
		}
		// Nothing is pending any more, so the undo is an ordinary one after a cancel in vain.
		l.expectSet(ctx, undo(l, order), applied(2))
		l.expectMetrics(10, 10)
	})
	t.Run("rolls back by itself", func(t *testing.T) {
		var ahead atomic.Int64
		clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		l := startLab(t, labSetup{idle: true, config: func(c *backbone.Config) { c.Clock = clock }})
		order := armed(l, time.Minute)
		ahead.Store(int64(time.Hour))
		eventually(t, "rolled back", func() bool { v4, _ := l.metrics(); return v4 == 10 })
		if got := l.Confirm(ctx, order); got.OK {
			t.Errorf("confirm after the window: %+v", got)
		}
		found, err := l.Look(ctx, order, l.fence)
		if err != nil || found.Seen != events.SeenBefore {
			t.Errorf("look: %+v, %v", found, err)
		}
		l.expectSet(ctx, undo(l, order), applied(0))
	})
	t.Run("taken and not carried out", func(t *testing.T) {
		for name, how := range map[string]backbone.Behaviour{"nothing of it": backbone.Ignore(), "half of it": backbone.FirstOnly()} {
			t.Run(name, func(t *testing.T) {
				l := startLab(t, labSetup{idle: true})
				l.Proven(events.Proved{Device: "a", Bars: []events.Bar{events.BarArbitration, events.BarCommitConfirmed}})
				l.a().OnSet(backbone.First(1, backbone.Do), how)
				order := l.drain(ctx)
				order.Arm = events.Duration(time.Minute)
				l.expectSet(ctx, order, refusedAs(events.RefusedByRouter, "", 2))
				if id, waits := l.a().Unconfirmed(); waits {
					t.Errorf("commit %q still waits", id)
				}
				l.expectMetrics(10, 10)
				next := l.drain(ctx) // the router takes what comes next at once
				l.expectSet(ctx, next, applied(1))
				l.expectMetrics(softMetric, softMetric)
			})
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		l := startLab(t, labSetup{idle: true})
		order := armed(l, time.Minute)
		l.expectSet(ctx, undo(l, order), applied(1))
		l.expectMetrics(10, 10)
		if _, waits := l.a().Unconfirmed(); waits {
			t.Error("the commit still waits")
		}
	})
	t.Run("cancel is not permitted", func(t *testing.T) {
		l := startLab(t, labSetup{idle: true})
		order := armed(l, time.Minute)
		if got := l.essence(l.Set(ctx, undo(l, order), forbidden)); got != l.essence(refusedAs(events.RefusedByPermit, "", 0)) {
			t.Errorf("got %+v", got)
		}
		l.expectMetrics(softMetric, softMetric)
	})
	t.Run("another writer's commit", func(t *testing.T) {
		l := startLab(t, labSetup{idle: true})
		other := armed(l, time.Minute)
		order := l.drain(ctx)
		order.Incident = "a-b-2"
		for i := range order.Change.Settings {
			order.Change.Settings[i].After = events.UintValue(99)
		}
		l.expectSet(ctx, order, refusedAs(events.RefusedByForeign, "FailedPrecondition", 1))
		// Somebody else's commit is not ours to cancel.
		back := undo(l, order)
		back.Change.Settings = other.Change.Undo().Settings
		l.expectSet(ctx, back, refusedAs(events.RefusedByForeign, "FailedPrecondition", 2))
		l.expectMetrics(softMetric, softMetric)
	})
	t.Run("not proven is not armed", func(t *testing.T) {
		l := startLab(t, labSetup{idle: true})
		order := l.drain(ctx)
		order.Arm = events.Duration(50 * time.Millisecond)
		l.expectSet(ctx, order, applied(1))
		if _, waits := l.a().Unconfirmed(); waits {
			t.Error("a commit waits although the bar is not proven")
		}
	})
	t.Run("the router ignores it", func(t *testing.T) {
		l := startLab(t, labSetup{idle: true, router: func(o *backbone.Options) { o.CommitConfirmed = false }})
		order := armed(l, time.Minute)
		l.expectSet(ctx, undo(l, order), applied(2))
		l.expectMetrics(10, 10)
	})
}
