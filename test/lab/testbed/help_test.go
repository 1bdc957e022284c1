//go:build linux

package testbed

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/test/lab/plan"
)

// ward is two routers that are watched, with a clock of their own.
type ward struct {
	lab       *plan.Lab
	now       time.Time
	fails     error
	restarted []string
	said      []string
	help
}

func newWard() *ward {
	w := &ward{now: time.Unix(1_800_000_000, 0), lab: &plan.Lab{Routers: []plan.Router{
		{Name: "a", Interfaces: []plan.Interface{{Name: "eth1"}}}, {Name: "b", Interfaces: []plan.Interface{{Name: "eth1"}}},
	}}}
	w.help = help{
		lab: w.lab, now: func() time.Time { return w.now }, since: map[string]time.Time{}, helped: map[string]bool{},
		say: func(text string) { w.said = append(w.said, text) },
		restart: func(_ context.Context, r *plan.Router) (string, error) {
			w.restarted = append(w.restarted, r.Name)
			return "isisd computed none", w.fails
		},
	}
	return w
}

// without is how a router reports that has everything but a route.
func (w *ward) without(router int) Report {
	return Report{Router: &w.lab.Routers[router], Adjacencies: 1, LSPs: 2, Unreached: []netip.Addr{netip.MustParseAddr("10.255.0.1")}}
}

func (w *ward) alone(router int) Report {
	return Report{Router: &w.lab.Routers[router], LSPs: 2, Unreached: []netip.Addr{netip.MustParseAddr("10.255.0.1")}}
}

func TestHelp(t *testing.T) {
	type look struct {
		after time.Duration
		seen  func(*ward) []Report
	}
	a := func(w *ward) []Report { return []Report{w.without(0)} }
	both := func(w *ward) []Report { return []Report{w.without(0), w.without(1)} }
	single := func(w *ward) []Report { return []Report{w.alone(0)} }
	blind := func(w *ward) []Report { return []Report{{Router: &w.lab.Routers[0], Wrong: "it does not answer"}} }
	reaching := func(w *ward) []Report { return []Report{{Router: &w.lab.Routers[0], Adjacencies: 1, LSPs: 2}} }
	none := func(*ward) []Report { return nil }
	for name, tt := range map[string]struct {
		looks []look
		want  []string
	}{
		"not yet":                    {[]look{{0, a}, {routeless - 1, a}}, nil},
		"after a while":              {[]look{{0, a}, {routeless, a}}, []string{"a"}},
		"once":                       {[]look{{0, a}, {routeless, a}, {routeless, a}, {routeless, a}}, []string{"a"}},
		"each":                       {[]look{{0, both}, {routeless, both}}, []string{"a", "b"}},
		"each for itself":            {[]look{{0, a}, {time.Second, both}, {routeless - time.Second, both}}, []string{"a"}},
		"it lacks none":              {[]look{{0, reaching}, {routeless, reaching}}, nil},
		"routes came":                {[]look{{0, a}, {time.Second, none}, {routeless, a}}, nil},
		"an adjacency is missing":    {[]look{{0, single}, {routeless, single}}, nil},
		"an adjacency came late":     {[]look{{0, single}, {routeless, a}, {routeless - 1, a}}, nil},
		"isisd does not answer":      {[]look{{0, blind}, {routeless, blind}}, nil},
		"it did not answer meantime": {[]look{{0, a}, {time.Second, blind}, {routeless, a}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWard()
			for _, l := range tt.looks {
				w.now = w.now.Add(l.after)
				if err := w.see(t.Context(), l.seen(w)); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(tt.want, w.restarted); diff != "" {
				t.Errorf("restarted (-want +got):\n%s", diff)
			}
			if len(w.said) != len(tt.want) || slices.ContainsFunc(w.said, func(s string) bool {
				return !strings.Contains(s, "no route to [10.255.0.1] for 20s: isisd computed none")
			}) {
				t.Errorf("said %q", w.said)
			}
		})
	}
}

// TestHelpFails says what cannot be helped, and helps without anybody to tell.
func TestHelpFails(t *testing.T) {
	w := newWard()
	w.say = nil
	w.fails = errors.New("it runs no isisd")
	seen := []Report{w.without(1)}
	if err := w.see(t.Context(), seen); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(routeless)
	if err := w.see(t.Context(), seen); err == nil || !strings.Contains(err.Error(), "router b has no route to [10.255.0.1], and cannot be helped: it runs no isisd") {
		t.Errorf("got %v", err)
	}
	w = newWard()
	w.say = nil
	for range 2 {
		if err := w.see(t.Context(), seen); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(routeless)
	}
	if !slices.Equal(w.restarted, []string{"b"}) {
		t.Errorf("restarted %v", w.restarted)
	}
}
