package device

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
)

// A Set that arrives after its successor has looked is refused by the router; without arbitration it is not, and the
// look was not final.
func TestLateSetAfterLook(t *testing.T) {
	for name, c := range map[string]struct {
		arbitrates bool
		v          uint32
		fence      bool
	}{
		"with arbitration":    {true, 10, true},
		"without arbitration": {false, softMetric, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := startLab(t, labSetup{idle: true, router: func(o *backbone.Options) { o.MasterArbitration = c.arbitrates }})
			if c.arbitrates {
				l.Proven(events.Proved{Device: "a", Bars: []events.Bar{events.BarArbitration}})
			}
			ctx := t.Context()
			order := l.drain(ctx)
			late := l.a().OnSet(backbone.Any, backbone.CommitLate(0))
			l.unanswered(ctx, &order, late)

			fence := order.Fence + 1
			found, err := l.Look(ctx, order, fence)
			if err != nil || found.Seen != events.SeenBefore {
				t.Fatalf("look: %+v, %v", found, err)
			}
			if c.fence != (found.Fence == fence) || !c.fence && found.Fence != 0 {
				t.Errorf("fence %d, want %d: %t", found.Fence, fence, c.fence)
			}
			late.Release()
			eventually(t, "the late Set has been decided", func() bool {
				sets := l.net.Sets()
				return sets[len(sets)-1].Injected != ""
			})
			l.expectMetrics(c.v, c.v)
		})
	}
}

func TestOlderFenceIsRefused(t *testing.T) {
	l := startLab(t, labSetup{idle: true})
	ctx := t.Context()
	newer, older := l.drain(ctx), l.drain(ctx)
	older.Fence, newer.Fence = 7, 8
	l.expectSet(ctx, newer, applied(1))
	l.expectSet(ctx, older, refusedAs(events.RefusedByFence, "PermissionDenied", 1))
}

func TestLook(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		alter func(*lab)
		seen  events.Seen
		fails string
	}{
		"before":           {alter: func(*lab) {}, seen: events.SeenBefore},
		"after":            {alter: func(l *lab) { l.configure("IPV4", "16777214"); l.configure("IPV6", "16777214") }, seen: events.SeenAfter},
		"mixed":            {alter: func(l *lab) { l.configure("IPV4", "16777214") }, seen: events.SeenOther},
		"foreign":          {alter: func(l *lab) { l.configure("IPV6", "9") }, seen: events.SeenOther},
		"Get broken":       {alter: func(l *lab) { l.a().RefuseGet(codes.Internal, "x") }, seen: events.SeenBefore},
		"unreachable":      {alter: func(l *lab) { l.a().SetUnreachable(true) }, fails: "router a at"},
		"a newer mastered": {alter: func(l *lab) { l.raised(1000) }, fails: "election id"},
		"fenced by itself": {alter: func(l *lab) { l.raised(200) }, seen: events.SeenBefore},
		"hangs":            {alter: func(l *lab) { l.hangs() }, fails: "DeadlineExceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			l := startLab(t, labSetup{idle: true})
			order := l.drain(ctx)
			l.Proven(events.Proved{Device: "a", Bars: []events.Bar{events.BarArbitration}})
			c.alter(l)
			found, err := l.Look(ctx, order, 200)
			switch {
			case c.fails != "":
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("error %v, want one with %q", err, c.fails)
				}
			case err != nil:
				t.Error(err)
			case found.Seen != c.seen || found.Fence != 200:
				t.Errorf("found %+v, want %s", found, c.seen)
			case c.seen == events.SeenOther && !strings.Contains(found.Detail, "ethernet-1/1"):
				t.Errorf("detail %q names no leaf", found.Detail)
			}
		})
	}
}

// hangs lets router a answer nothing any more, and whoever reads it not wait for long.
func (l *lab) hangs() {
	l.sessions["a"].opts.ReadTimeout = 200 * time.Millisecond
	l.a().SetHanging(true)
}

// raised lets another replica look first.
func (l *lab) raised(fence uint64) {
	l.t.Helper()
	if _, err := l.sessions["a"].raise(l.t.Context(), fence); err != nil {
		l.t.Fatal(err)
	}
}

// TestRaise raises a router whose arbitration is proven; one of which nobody knows is left alone.
func TestRaise(t *testing.T) {
	for _, c := range []struct {
		name   string
		proven bool
		seen   uint64
		to     uint64
		want   error
		master uint64
	}{
		{"newer", true, 5, 7, nil, 7},
		{"the same", true, 5, 5, nil, 5},
		{"older", true, 5, 4, ErrNewer, 5},
		{"not proven", false, 0, 4, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := startLab(t, labSetup{idle: true})
			if c.proven {
				l.Proven(events.Proved{Device: "a", Bars: []events.Bar{events.BarArbitration}})
				l.raised(c.seen)
			}
			if err := l.Raise(t.Context(), "a", c.to); !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if _, master, _ := l.a().Master(events.Identity); master != c.master {
				t.Errorf("the router's master is %d, want %d", master, c.master)
			}
		})
	}
}

func TestUnknownRouterEverywhere(t *testing.T) {
	l := startLab(t, labSetup{idle: true})
	order := events.Order{Change: events.Change{Device: "nowhere"}}
	if _, err := l.Look(t.Context(), order, 1); err == nil {
		t.Error("looked at nothing")
	}
	if got := l.Confirm(t.Context(), order); got.OK || !strings.Contains(got.Detail, "nowhere") {
		t.Errorf("confirmed nothing: %+v", got)
	}
	if err := l.Raise(t.Context(), "nowhere", 1); err == nil {
		t.Error("raised nothing")
	}
	if _, err := l.Prove(t.Context(), "nowhere", events.Person{}); err == nil {
		t.Error("proved nothing")
	}
	l.Proven(events.Proved{Device: "nowhere"})
}
