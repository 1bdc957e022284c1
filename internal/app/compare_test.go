package app

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/webtest"
)

// site is a replica that holds a drain, with routers that show whatever was set last.
type site struct {
	*webtest.Replica
	t      *testing.T
	behind []events.Record   // on the ledger, and not folded here before somebody has looked at the Board once more
	metric map[string]uint64 // by link and router, 0: before the change
	away   map[string]bool   // routers that cannot be read
	during func()            // happens while routers are read, once
	asked  map[string]int    // how often a link was read
}

func newSite(t *testing.T) *site {
	return &site{Replica: webtest.New(), t: t, metric: map[string]uint64{}, away: map[string]bool{}, asked: map[string]int{}}
}

func (s *site) comparer() comparer { return comparer{board: s, ledger: s, routers: s} }

// LastPosition counts what is still to be folded.
func (s *site) LastPosition(ctx context.Context) (uint64, error) {
	last, err := s.Replica.LastPosition(ctx)
	return last + uint64(len(s.behind)), err
}

// View folds one record more, afterwards.
func (s *site) View(f func(*incident.Board)) {
	s.Replica.View(f)
	if len(s.behind) > 0 {
		next := s.behind[0]
		s.behind = s.behind[1:]
		s.write(next)
	}
}

func (s *site) write(records ...events.Record) events.Commit {
	s.t.Helper()
	c, err := s.Append(webtest.Start.Add(20*time.Minute), records...)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// Observe reads a link's ends.
func (s *site) Observe(_ context.Context, target events.Target) events.Facts {
	s.asked[target.Name]++
	var facts events.Facts
	for n, e := range target.Ends {
		end := events.EndFacts{End: e}
		if s.away[e.Device] {
			end.Unreadable = "it does not answer"
		}
		value := uint64(100 + n)
		if set := s.metric[target.Name+" "+e.Device]; set != 0 {
			value = set
		}
		end.Leaves = []events.LeafFacts{{LeafRef: events.LeafRef{Leaf: events.ISISMetric, Interface: e.Interface, Level: 2, Family: events.IPv4}, Config: events.UintValue(value)}}
		facts.Ends = append(facts.Ends, end)
	}
	if s.during != nil && target.Name == "den-kcy" {
		s.during()
		s.during = nil
	}
	return facts
}

// undone is how the drain of den-kcy is taken back, which takes the next commits of the ledger.
func (s *site) undone() []events.Record {
	last, err := s.Replica.LastPosition(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	deadline := webtest.Start.Add(20 * time.Minute)
	records := []events.Record{{Incident: webtest.Held, Body: events.Intended{Undo: true, Changes: []int{0, 1}, Owner: "replica-1", Attempt: 1, Deadline: deadline}}}
	for n := range 2 {
		records = append(records, events.Record{Incident: webtest.Held, Body: events.Applied{Act: events.Act{Change: n, Undo: true, Fence: last + 1}, Sets: 1}})
	}
	return records
}

const softly = 16777214

func TestCompare(t *testing.T) {
	unread := func(change int, router string) api.Difference {
		return api.Difference{Incident: webtest.Held, Change: change, Device: router, Ledger: events.SeenAfter, Detail: "the router could not be read"}
	}
	differs := func(change int, router string, seen events.Seen) api.Difference {
		d := unread(change, router)
		d.Router, d.Detail = seen, "the ledger has it after the change, the router shows it "+string(seen)
		return d
	}
	for name, c := range map[string]struct {
		alter func(*site)
		want  []api.Difference
		read  int // times that den-kcy was
	}{
		"as the ledger says": {alter: func(*site) {}, read: 1},
		"not drained":        {alter: func(s *site) { s.metric["den-kcy den"] = 0 }, want: []api.Difference{differs(0, "den", events.SeenBefore)}, read: 1},
		"changed by others":  {alter: func(s *site) { s.metric["den-kcy kcy"] = 777 }, want: []api.Difference{differs(1, "kcy", events.SeenOther)}, read: 1},
		"out of reach":       {alter: func(s *site) { s.away["kcy"] = true }, want: []api.Difference{unread(1, "kcy")}, read: 1},
		"taken back, and this replica has not heard of it": {alter: func(s *site) {
			s.metric["den-kcy den"], s.metric["den-kcy kcy"] = 0, 0
			s.behind = s.undone()
		}, read: 1},
		"taken back while it is read": {alter: func(s *site) {
			s.during = func() {
				s.metric["den-kcy den"], s.metric["den-kcy kcy"] = 0, 0
				for _, r := range s.undone() {
					s.write(r)
				}
			}
		}, read: 2},
		"ended while it is read": {alter: func(s *site) {
			s.metric["den-kcy den"], s.metric["den-kcy kcy"] = 0, 0
			s.during = func() {
				for _, r := range append(s.undone(), events.Record{Incident: webtest.Held, Body: events.Reverted{}}, events.Record{Incident: webtest.Held, Body: events.Closed{Outcome: events.Restored}}) {
					s.write(r)
				}
			}
		}, read: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			for _, router := range []string{"den-kcy den", "den-kcy kcy", "lax-hou lax"} {
				s.metric[router] = softly
			}
			c.alter(s)
			got, err := s.comparer().compare(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(append([]api.Difference{}, c.want...), got.Differences); diff != "" {
				t.Errorf("differences (-want +got):\n%s", diff)
			}
			if s.asked["den-kcy"] != c.read {
				t.Errorf("den-kcy was read %d times, want %d", s.asked["den-kcy"], c.read)
			}
			if got.Compared == 0 || got.Position == 0 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// still is a Board that nothing is folded into any more.
type still struct{ *site }

func (s still) View(f func(*incident.Board)) { s.Replica.View(f) }

// A replica that does not hear of what the ledger holds says so instead of comparing; one that has halted compares what it has.
func TestCompareBehind(t *testing.T) {
	s := newSite(t)
	s.behind = s.undone()
	c := s.comparer()
	c.board = still{s}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := c.compare(ctx); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "this replica has followed it to") || len(s.asked) > 0 {
		t.Errorf("behind: %+v, %v", got, err)
	}
	c.halted = true
	if got, err := c.compare(t.Context()); err != nil || len(got.Differences) == 0 {
		t.Errorf("halted: %+v, %v", got, err)
	}
}
