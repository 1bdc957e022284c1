package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/device"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/incident/boardtest"
)

// past is a backbone of three routers and a ledger, as older sees them.
type past struct {
	board    *incident.Board
	end      uint64            // of the ledger
	grows    int               // how often the ledger has grown when it is asked for the second time
	seen     map[string]uint64 // election ids
	unheard  int               // how many of the next calls of routers come to nothing
	raised   []string
	reasons  []string
	lastAsks int
}

func (p *past) older() *older {
	return &older{
		routers: []string{"a", "b", "c"}, me: "r0/1", log: zap.NewNop(), again: olderAgain,
		raise: func(_ context.Context, router string, position uint64) error {
			if p.unheard > 0 {
				p.unheard--
				return errors.New("no route")
			}
			if p.seen[router] > position {
				return fmt.Errorf("raise: %w", device.ErrNewer)
			}
			p.seen[router] = position
			p.raised = append(p.raised, router)
			return nil
		},
		view: func(f func(*incident.Board)) { f(p.board) },
		last: func(context.Context) (uint64, error) {
			if p.lastAsks++; p.grows > 0 && p.lastAsks%2 == 0 {
				p.grows--
				p.grow(events.Thawed{Scope: "site:x"})
			}
			return p.end, nil
		},
		others: func() []string { return []string{"a-b"} },
		submit: func(_ context.Context, do incident.Order) error {
			records, err := do(p.board, time.Now())
			if err != nil {
				return err
			}
			p.reasons = append(p.reasons, records[0].Body.(events.Frozen).Reason)
			return nil
		},
	}
}

// grow has the ledger hold one commit more, which this replica has folded.
func (p *past) grow(body events.Body) {
	p.end++
	c := events.Commit{ID: fmt.Sprint(p.end), Prev: p.board.Digest, Position: p.end, At: time.Now(), By: "r1/1", Digest: events.DigestBytes(fmt.Append(nil, p.end)), Records: []events.Record{{Body: body}}}
	if err := p.board.Apply(c); err != nil {
		panic(err)
	}
}

// TestOlder says when the ledger is found to be older than the routers.
func TestOlder(t *testing.T) {
	for _, c := range []struct {
		name   string
		set    func(p *past)
		frozen []string // parts of the one reason; none: nothing is frozen
		raised int
	}{
		{"as old as the routers", func(p *past) { p.seen["a"] = 3 }, nil, 3},
		{"older than one", func(p *past) { p.seen["b"] = 9 }, []string{"b saw intents", "another cluster", "no incident holds: a-b", "election id", "thaw"}, 2},
		{"older than two", func(p *past) { p.seen["a"], p.seen["c"] = 9, 4 }, []string{"a, c saw intents"}, 1},
		{"routers that answer late", func(p *past) { p.seen["c"], p.unheard = 9, 5 }, []string{"c saw intents"}, 2},
		{"frozen already", func(p *past) {
			p.seen["b"] = 9
			p.grow(events.Frozen{Scope: events.Network, By: events.Person{Name: "alice"}, Reason: "x"})
		}, nil, 2},
		{"another replica has just written and acted", func(p *past) {
			p.seen["a"], p.grows = 4, 1
		}, nil, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &past{board: incident.NewBoard(), seen: map[string]uint64{}}
				for range 3 {
					p.grow(events.Thawed{Scope: "site:x"})
				}
				c.set(p)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if err := p.older().run(ctx); err != nil {
					t.Fatal(err)
				}
				if len(p.raised) != c.raised {
					t.Errorf("raised %v, want %d of them", p.raised, c.raised)
				}
				if (len(p.reasons) > 0) != (len(c.frozen) > 0) || len(p.reasons) > 1 {
					t.Fatalf("frozen for %q, want for %q", p.reasons, c.frozen)
				}
				for _, part := range c.frozen {
					if !strings.Contains(p.reasons[0], part) {
						t.Errorf("%q does not say %q", p.reasons[0], part)
					}
				}
			})
		})
	}
}

// TestOlderWaits asks no router before this replica has read the ledger.
func TestOlderWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &past{board: incident.NewBoard(), seen: map[string]uint64{}, end: 2}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := p.older().run(ctx); err != nil {
			t.Fatal(err)
		}
		if len(p.raised) != 0 {
			t.Errorf("raised %v by a replica that has not read the ledger", p.raised)
		}
	})
}

// TestOlderWaitsForActs: a router is left alone while something may still be said to it under an intent that stands.
func TestOlderWaitsForActs(t *testing.T) {
	standing := incident.ChangeState{Seen: events.SeenAfter}
	for _, c := range []struct {
		name  string
		phase incident.Phase
		state incident.ChangeState
		want  bool
	}{
		{"a drain is held", incident.Holding, standing, false},
		{"a person is asked", incident.Asking, incident.ChangeState{}, false},
		{"a Set is on its way", incident.Acting, standing, true},
		{"what is verified may be taken back without the ledger", incident.Verifying, standing, true},
		{"a commit is to be confirmed", incident.Confirming, standing, true},
		{"an undo is on its way", incident.Reverting, standing, true},
		{"an outcome is outstanding", incident.Stuck, incident.ChangeState{Pending: true}, true},
		{"the router will roll it back", incident.Stuck, incident.ChangeState{Seen: events.SeenAfter, Armed: true}, true},
	} {
		if got := mayBeSet(&incident.Incident{Phase: c.phase, Steps: [][]incident.ChangeState{{standing}, {{}, c.state}}}); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}

// TestOlderAfterAct has a replica start while a drain is being verified: no router is raised until that has come out.
func TestOlderAfterAct(t *testing.T) {
	ledger := boardtest.New(t)
	id, plan := ledger.Open("a-b", events.Major, events.Allow)
	ledger.Act(id, plan)
	for n := range 2 {
		ledger.Say(id, events.Applied{Act: events.Act{Change: n, Fence: ledger.Incident(id).Intent.Position}, Sets: 1})
	}
	if phase := ledger.Incident(id).Phase; phase != incident.Verifying {
		t.Fatalf("the incident is %s", phase)
	}
	p := &past{seen: map[string]uint64{}, end: ledger.Position()}
	o := p.older()
	o.view = ledger.View
	ask := func(want error) {
		t.Helper()
		if _, err := o.newer(t.Context(), "c"); !errors.Is(err, want) {
			t.Errorf("err = %v, want %v", err, want)
		}
	}
	ask(errBusy)
	ledger.Say(id, events.Verified{Pass: true}, events.Held{Expires: time.Now().Add(time.Hour).UTC()})
	p.end = ledger.Position()
	ask(nil)
	if diff := cmp.Diff([]string{"c"}, p.raised); diff != "" {
		t.Errorf("raised (-want +got):\n%s", diff)
	}
}
