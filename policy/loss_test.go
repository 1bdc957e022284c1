package policy

import (
	"fmt"
	"testing"

	"github.com/detour-net/detour/events"
)

// TestLost takes what a link loses from its counters or its alarm, whichever says more.
func TestLost(t *testing.T) {
	for _, c := range []struct {
		kind           events.AnomalyKind
		value          float64
		unit           string
		benefit, moved int64
		want           float64
	}{
		{events.LinkErrors, 3e-4, "", 0, 0, 3e-4},
		{events.LinkErrors, 3e-4, "ratio", 0, 0, 3e-4},
		{events.LinkErrors, 3e-4, "frames/s", 0, 0, 0},
		{events.SilentLoss, 0.2, "", 0, 0, 0.2},
		{events.OpticalDegrade, 0.2, "", 0, 0, 0},
		{events.LinkErrors, 3e-4, "", 1, 100, 0.01},
		{events.LinkErrors, 0.5, "", 1, 100, 0.5},
		{events.LinkErrors, 9600, "", 1, 100, 0.01}, // errors in a second, not a share
		{events.LinkErrors, 0, "", 7, 0, 0},
		{events.LinkErrors, 0, "", 300, 100, 1},
	} {
		s := Subject{Kind: c.kind, Value: c.value, Anomaly: &events.Anomaly{Unit: c.unit}}
		if got := s.lost(&events.Prospect{Benefit: c.benefit, Moved: c.moved}); got != c.want {
			t.Errorf("%s of %g %s with %d of %d bit/s lost: %g, want %g", c.kind, c.value, c.unit, c.benefit, c.moved, got, c.want)
		}
	}
	if got := (Subject{Kind: events.LinkErrors, Value: 1e-3}).lost(nil); got != 1e-3 {
		t.Errorf("without a what-if: %g", got)
	}
}

// TestAtOnce gives loop-free steps up from the policy's limit on, which is the one that loop-free goes by.
func TestAtOnce(t *testing.T) {
	for _, c := range []struct {
		limit, value float64
		want         string
	}{
		{1e-3, 0.99e-3, ""},
		{1e-3, 1e-3, "it loses 0.001 of its packets"},
		{1e-2, 1e-3, ""},
		{1e-2, 0.25, "it loses 0.25 of its packets"},
		{1, 1, "it loses 1 of its packets"},
	} {
		p := parse(t, fmt.Sprintf("prospect: {skip_steps_loss: %g}", c.limit))
		if got := p.AtOnce(Subject{Kind: events.LinkErrors, Value: c.value}, nil); got != c.want {
			t.Errorf("%g with a limit of %g: %q, want %q", c.value, c.limit, got, c.want)
		}
	}
}
