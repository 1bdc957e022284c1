package e2e

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/web/api"
)

// asked lets a link fall sick under a policy that wants approval, and returns the incident that asks.
func (s *stage) asked(link string, changes ...change) *incident.Incident {
	s.t.Helper()
	s.sicken(link, changes...)
	i := s.reaches(link, incident.Asking)
	for _, r := range s.replicas {
		s.wait(r.name+" to know it", func() bool {
			known, err := r.as("carol").Incident(s.within(), i.ID)
			return err == nil && known.Phase == incident.Asking
		})
	}
	return i
}

// kinds counts the records of an incident, by kind.
func (s *stage) kinds(id string) map[events.Kind]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := map[events.Kind]int{}
	for _, c := range s.commits {
		for _, r := range c.Records {
			if r.Incident == id {
				n[r.Body.Kind()]++
			}
		}
	}
	return n
}

// problem is what the API answered, nil if it was done.
func problem(t testing.TB, err error) *api.Problem {
	t.Helper()
	var p *api.Problem
	if err != nil && !errors.As(err, &p) {
		t.Fatalf("no problem document: %v", err)
	}
	return p
}

// TestApprovalRace has two people decide at two replicas at the same moment, time and again: one decision stands on the
// ledger, and the other is told whose.
func TestApprovalRace(t *testing.T) {
	t.Parallel()
	s := raise(t, setup{replicas: 2, proven: true, rules: rules{Autonomy: "approve"}})
	for n, link := range []string{linkPlain, linkSingle, linkLevels} {
		i := s.asked(link)
		plan := string(i.Ask.Plan)
		decide := []func() error{
			func() error { _, err := s.replicas[0].as("alice").Approve(s.within(), i.ID, plan); return err },
			func() error {
				if n == 1 {
					_, err := s.replicas[1].as("bob").Reject(s.within(), i.ID, plan, "not now")
					return err
				}
				_, err := s.replicas[1].as("bob").Approve(s.within(), i.ID, plan)
				return err
			},
		}
		errs := make([]error, len(decide))
		var both sync.WaitGroup
		for n, d := range decide {
			both.Go(func() { errs[n] = d() })
		}
		both.Wait()
		won := 0
		for n, err := range errs {
			p := problem(t, err)
			other := []string{"bob", "alice"}[n]
			switch {
			case p == nil:
				won++
			case p.Type != api.ProblemRefused || !strings.Contains(p.Detail, other):
				t.Errorf("%s: the later one is told %+v, want that it was %s", i.ID, p, other)
			}
		}
		i = s.reaches(link, incident.Holding, incident.Closed)
		kinds := s.kinds(i.ID)
		if won != 1 || kinds[events.KindApproved]+kinds[events.KindRejected] != 1 {
			t.Errorf("%s: %d decisions were taken, the ledger has %v\n%s", i.ID, won, kinds, s.history(i.ID))
		}
		s.heal(link)
		s.reaches(link, incident.Closed)
	}
	s.account()
}

// TestApprovals asks for approval, and has everybody who should not get it try.
func TestApprovals(t *testing.T) {
	t.Parallel()
	s := raise(t, setup{replicas: 1, proven: true, rules: rules{Autonomy: "approve", Quorum: 2}})
	r := s.replicas[0]
	i := s.asked(linkPlain, labelled(incident.LabelAskedBy, "dave"))
	short := i.Ask.Plan.Short()
	for _, c := range []struct {
		name, who string
		args      []string
		code      int
		want      string
	}{
		{"another plan", "alice", []string{"approve", i.ID, "--plan", strings.Repeat("0", 12)}, 3, "is not the one"},
		{"too few digits", "alice", []string{"approve", i.ID, "--plan", short[:6]}, 2, "first 12 digits"},
		{"no plan", "alice", []string{"approve", i.ID}, 2, "--plan"},
		{"no such incident", "alice", []string{"approve", "nowhere-7", "--plan", short}, 4, "nowhere-7"},
		{"a viewer", "carol", []string{"approve", i.ID, "--plan", short}, 3, "approver"},
		{"an operator", "oscar", []string{"approve", i.ID, "--plan", short}, 3, "approver"},
		{"whoever asked for it", "dave", []string{"approve", i.ID, "--plan", short}, 3, "may not approve it"},
		{"the first of two", "alice", []string{"approve", i.ID, "--plan", short}, 0, ""},
		{"the same again", "alice", []string{"approve", i.ID, "--plan", short}, 3, "has approved"},
	} {
		if a := r.detour(c.who, c.args...); a.code != c.code || !strings.Contains(a.err, c.want) {
			t.Errorf("%s: exit %d, %q; want %d, %q", c.name, a.code, a.err, c.code, c.want)
		}
	}
	s.untouched()

	// A plan is a plan: what changed on the router between the question and the answer voids it.
	was := i.Ask.Plan
	l := s.linkNamed(linkPlain)
	for _, end := range []network.End{l.A, l.B} {
		r := s.net.Router(end.Device)
		path := r.Path("interfaces", "interface[interface-id="+end.Interface+"]", "levels", "level[level-number=2]", "afi-safi", "af[afi-name=IPV4][safi-name=UNICAST]", "config", "metric")
		if err := r.Configure(path, "111"); err != nil {
			t.Fatal(err)
		}
	}
	s.first[linkPlain] = s.metrics(linkPlain)
	if a := r.detour("bob", "approve", i.ID, "--plan", short); a.code != 0 {
		t.Fatalf("the second of two: exit %d, %s", a.code, a.err)
	}
	s.wait("the changed plan to be asked about", func() bool {
		i = s.latest(linkPlain)
		return i.Phase == incident.Asking && i.Ask.Plan != was
	})
	s.untouched()
	for _, who := range []string{"alice", "bob"} {
		if a := r.detour(who, "approve", i.ID, "--plan", i.Ask.Plan.Short()); a.code != 0 {
			t.Fatalf("%s: exit %d, %s", who, a.code, a.err)
		}
	}
	s.reaches(linkPlain, incident.Holding)
	s.heal(linkPlain, labelled(incident.LabelAskedBy, "dave"))
	s.ends(linkPlain, events.Restored)
	s.account()
}

// TestApprovalLapses leaves a question without the second of two answers: that is a no, which no later answer changes.
func TestApprovalLapses(t *testing.T) {
	t.Parallel()
	s := raise(t, setup{replicas: 1, proven: true, rules: rules{Autonomy: "approve", Quorum: 2, Expiry: 10 * time.Second}})
	r := s.replicas[0]
	s.sicken(linkPlain)
	i := s.reaches(linkPlain, incident.Asking, incident.Closed)
	alice := r.as("alice")
	s.wait("one approval, or the end", func() bool {
		_, err := alice.Approve(s.within(), i.ID, string(i.Ask.Plan))
		return err == nil || s.latest(linkPlain).Phase == incident.Closed
	})
	i = s.ends(linkPlain, events.HasLapsed)
	if a := r.detour("bob", "approve", i.ID, "--plan", i.Ask.Plan.Short()); a.code != 3 || !strings.Contains(a.err, "lapsed") {
		t.Errorf("after it lapsed: exit %d, %q", a.code, a.err)
	}
	s.untouched()
	s.heal(linkPlain)
	s.account()
}

// TestAbort stops incidents in every phase that can be met, and wants the routers as they were.
func TestAbort(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		phase incident.Phase
		rules rules
		slow  bool // a router does not answer before the abort is on record
	}{
		{phase: incident.Waiting},
		{phase: incident.Asking, rules: rules{Autonomy: "approve"}},
		{phase: incident.Acting, slow: true, rules: rules{Clocks: map[string]string{"set_deadline": "1m"}}},
		{phase: incident.Verifying},
		{phase: incident.Holding},
		{phase: incident.Probation, rules: rules{Clocks: map[string]string{"probation": "30s"}}},
	} {
		t.Run(string(c.phase), func(t *testing.T) {
			t.Parallel()
			s := raise(t, setup{replicas: 1, proven: true, rules: c.rules})
			r := s.replicas[0]
			_, b := s.routersOf(linkPlain)
			answer := func() {}
			switch {
			case c.slow:
				answer = b.OnSet(backbone.First(1, backbone.Do), backbone.CommitLate(0)).Release
			case c.phase == incident.Verifying:
				b.OnSet(backbone.First(1, backbone.Do), backbone.NotProgrammed())
			case c.phase == incident.Waiting:
				if a := r.detour("oscar", "freeze", "--reason", "test", "--scope", "device:"+ber); a.code != 0 {
					t.Fatal(a.err)
				}
			}
			s.sicken(linkPlain)
			if c.phase == incident.Probation {
				s.reaches(linkPlain, incident.Holding)
				s.heal(linkPlain)
			}
			i := s.reaches(linkPlain, c.phase)
			if a := r.detour("oscar", "abort", i.ID, "--reason", "enough"); a.code != 0 {
				t.Fatalf("exit %d: %s", a.code, a.err)
			}
			answer()
			i = s.ends(linkPlain, events.WasAborted)
			if a := r.detour("oscar", "abort", i.ID, "--reason", "enough"); a.code != 3 || !strings.Contains(a.err, "has ended") {
				t.Errorf("twice: exit %d: %s", a.code, a.err)
			}
			s.heal(linkPlain)
			s.account()
		})
	}
}

// TestUndrain puts a link back on a person's word, though the fault still fires: it is not drained again at once.
func TestUndrain(t *testing.T) {
	t.Parallel()
	s := raise(t, setup{replicas: 1, proven: true, rules: rules{Clocks: map[string]string{"override": "5s"}}})
	r := s.replicas[0]
	stop := s.telling(linkPlain)
	i := s.reaches(linkPlain, incident.Holding)
	if a := r.detour("carol", "undrain", i.ID, "--reason", "x"); a.code != 3 {
		t.Errorf("a viewer: exit %d: %s", a.code, a.err)
	}
	if a := r.detour("oscar", "undrain", i.ID, "--reason", "we need it"); a.code != 0 {
		t.Fatalf("exit %d: %s", a.code, a.err)
	}
	i = s.ends(linkPlain, events.Restored)
	s.wait("an alarm to be held down", func() bool { return strings.Contains(s.history(i.ID), string(events.DidHoldDown)) })
	s.wait("the person's word to lapse", func() bool { return s.latest(linkPlain).Epoch > i.Epoch })
	stop()
	s.reaches(linkPlain, incident.Holding)
	s.heal(linkPlain)
	s.reaches(linkPlain, incident.Closed)
	s.until("all to end", func(b *incident.Board) bool { return len(b.Open()) == 0 })
	s.account()
}

// TestMaintenance opens a window over a router: the same record and no Set; and when it ends, what is still wrong is decided
// anew from what is seen then.
func TestMaintenance(t *testing.T) {
	long(t)
	t.Parallel()
	s := raise(t, setup{replicas: 2, proven: true})
	r := s.replicas[1]
	a := r.detour("oscar", "maintenance", "begin", "--scope", "device:"+ber, "--for", "10m", "--reason", "card swap", "-o", "json")
	var done api.Done
	if err := json.Unmarshal([]byte(a.out), &done); err != nil || a.code != 0 {
		t.Fatalf("exit %d, %v: %s", a.code, err, a.err)
	}
	stop := s.telling(linkPlain)
	i := s.reaches(linkPlain, incident.Holding)
	if i.Live() {
		t.Errorf("%s is live inside a window", i.ID)
	}
	s.untouched()
	s.sicken(linkSingle) // outside of the window
	s.reaches(linkSingle, incident.Holding)
	s.heal(linkSingle)
	s.ends(linkSingle, events.Restored)
	if a := r.detour("oscar", "maintenance", "end", done.Window); a.code != 0 {
		t.Fatalf("exit %d: %s", a.code, a.err)
	}
	s.wait("it to be drained", func() bool { i := s.latest(linkPlain); return i.Drained() && i.Phase == incident.Holding })
	stop()
	s.heal(linkPlain)
	s.ends(linkPlain, events.Restored)
	s.account()
}
