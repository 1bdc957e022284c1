package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/device"
	"github.com/detour-net/detour/internal/incident"
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
		{"older than one", func(p *past) { p.seen["b"] = 9 }, []string{"b saw intents", "no incident holds: a-b", "thaw"}, 2},
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

// TestUnsettled: a router is left alone while something is still to be said to it under an intent that stands.
func TestUnsettled(t *testing.T) {
	for _, c := range []struct {
		name  string
		state incident.ChangeState
		want  bool
	}{
		{"it stands", incident.ChangeState{Seen: events.SeenAfter}, false},
		{"its Set is on its way", incident.ChangeState{Pending: true}, true},
		{"it is to be confirmed", incident.ChangeState{Seen: events.SeenAfter, Armed: true}, true},
	} {
		if got := unsettled([][]incident.ChangeState{{{Seen: events.SeenAfter}}, {{}, c.state}}); got != c.want {
			t.Errorf("%s: unsettled %t", c.name, got)
		}
	}
}
