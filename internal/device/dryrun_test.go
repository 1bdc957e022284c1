package device

import (
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
)

// An order that is not live is looked at in earnest and sent nowhere: not as a Set, a look, a confirmation or an undo.
func TestDryRunReachesNoRouter(t *testing.T) {
	for _, mode := range []events.Mode{events.DryRun, ""} {
		t.Run(string(mode), func(t *testing.T) {
			l := startLab(t, labSetup{idle: true})
			l.Proven(events.Proved{Device: "a", Bars: []events.Bar{events.BarArbitration, events.BarCommitConfirmed}})
			ctx := t.Context()
			order := l.drain(ctx)
			order.Mode, order.Arm = mode, events.Duration(time.Minute)
			body, ok := l.Set(ctx, order, granted).(events.Applied)
			if !ok || body.Sets != 0 || body.Armed || len(body.Bars) > 0 || !strings.Contains(body.Detail, "would set isis-metric ethernet-1/1 L2 ipv4 from 10 to 16777214") {
				t.Errorf("Set: %+v", body)
			}
			if found, err := l.Look(ctx, order, order.Fence+1); err != nil || found.Seen != events.SeenBefore || found.Fence != 0 {
				t.Errorf("Look: %+v, %v", found, err)
			}
			if got := l.Confirm(ctx, order); !got.OK {
				t.Errorf("Confirm: %+v", got)
			}
			back := l.undoing(order)
			back.Pending = true
			l.expectSet(ctx, back, applied(0))
			l.configure("IPV4", "16777214") // somebody drains it by hand meanwhile
			l.expectSet(ctx, back, applied(0))
			for _, set := range l.net.Sets() {
				if !set.Local {
					t.Errorf("a Set reached router %s: %v", set.Router, set.Request)
				}
			}
			l.expectMetrics(softMetric, 10)
		})
	}
}

// What would refuse a live order refuses a dry one.
func TestDryRunRefusesLikeALiveOne(t *testing.T) {
	l := startLab(t, labSetup{idle: true})
	ctx := t.Context()
	order := l.drain(ctx)
	order.Mode = events.DryRun

	late := order
	late.Deadline = time.Now().Add(-time.Second)
	l.expectSet(ctx, late, refusedAs(events.RefusedLate, "", 0))

	wrong := order
	wrong.Change.Settings = []events.Setting{order.Change.Settings[0]}
	wrong.Change.Settings[0].After = events.UintValue(0)
	l.expectSet(ctx, wrong, refusedAs(events.RefusedInvalid, "", 0))

	l.configure("IPV4", "77")
	changed := order
	changed.ReadAt = time.Time{}
	l.expectSet(ctx, changed, refusedAs(events.RefusedByChanged, "", 0))
}
