package e2e

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/test/sets"
)

// account is what must hold when everything has ended, as it shows from outside: routers as they were, the ledger intact
// and in agreement with them, every event on it once, every Set of the routers' account with its intent.
func (s *stage) account() {
	s.t.Helper()
	s.recorded()
	s.until("every incident to end", func(b *incident.Board) bool { return len(b.Open()) == 0 })
	s.asBefore()
	s.setsHaveIntents()
	s.verifies()
	s.free()
}

// recorded wants every event that was published to stand on the ledger as new exactly once.
func (s *stage) recorded() {
	s.t.Helper()
	s.wait("every event to be recorded", func() bool { return len(s.unrecorded()) == 0 })
	s.mu.Lock()
	defer s.mu.Unlock()
	times := map[string]int{}
	for _, c := range s.commits {
		for _, r := range c.Records {
			if o, ok := r.Body.(*events.Observed); ok && o.Disposition != events.WasDuplicate {
				times[o.Source+" "+o.Event]++
			}
		}
	}
	for id, n := range times {
		if n != 1 {
			s.t.Errorf("event %s was taken for new %d times", id, n)
		}
	}
}

func (s *stage) unrecorded() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[string]bool{}
	for _, c := range s.commits {
		for _, r := range c.Records {
			if o, ok := r.Body.(*events.Observed); ok {
				seen[o.Event] = true
			}
		}
	}
	var missing []string
	for id, what := range s.fired {
		if !seen[id] {
			missing = append(missing, id+" "+what)
		}
	}
	return missing
}

// metrics are those of a link's two ends now.
func (s *stage) metrics(link string) [2]backbone.EndMetrics {
	s.t.Helper()
	a, b, err := s.net.Metrics(link)
	if err != nil {
		s.t.Fatal(err)
	}
	return [2]backbone.EndMetrics{a, b}
}

// asBefore wants every metric of every router as it was at the start: its value, and whether it is configured at all, as
// far as the router lets anybody know.
func (s *stage) asBefore() {
	s.t.Helper()
	for _, l := range s.net.Topology().Links {
		has, was := s.metrics(l.Name), s.first[l.Name]
		a, b := has[0], has[1]
		for _, end := range []struct {
			device   string
			was, has *backbone.EndMetrics
		}{{l.A.Device, &was[0], &a}, {l.B.Device, &was[1], &b}} {
			if routerOptions(end.device).Absent == backbone.AbsentDefault {
				end.was.IPv4.Explicit, end.was.IPv6.Explicit = end.has.IPv4.Explicit, end.has.IPv6.Explicit
			}
		}
		if was[0] != a || was[1] != b {
			s.t.Errorf("%s (%s %s) had metrics %+v, has %+v %+v", l.Name, l.A.Device, l.B.Device, was, a, b)
		}
	}
	for _, r := range s.net.Routers() {
		if id, waits := r.Unconfirmed(); waits {
			s.t.Errorf("commit %s still waits on %s to be confirmed", id, r.Name())
		}
	}
}

type intent struct {
	events.Intended
	at time.Time
	id string
}

// commit is what stands at a position, one record a line.
func (s *stage) commit(position uint64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, c := range s.commits {
		if c.Position == position {
			for _, r := range c.Records {
				fmt.Fprintf(&b, "%s %s %.300v\n", r.Incident, r.Body.Kind(), fmt.Sprint(r.Body))
			}
		}
	}
	return b.String()
}

// place is where an intent acts: one commit may intend several things, on different routers.
type place struct {
	position uint64
	router   string
}

// intents are those on the ledger.
func (s *stage) intents() map[place]intent {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, plans := map[place]intent{}, map[string]events.Plan{}
	for _, c := range s.commits {
		for _, r := range c.Records {
			switch b := r.Body.(type) {
			case events.Planned:
				plans[r.Incident] = b.Plan
			case events.Intended:
				for _, n := range b.Changes {
					at := place{c.Position, plans[r.Incident].Steps[b.Step].Changes[n].Device}
					all[at] = intent{Intended: b, at: c.At, id: r.Incident}
				}
			}
		}
	}
	return all
}

// setsHaveIntents holds the routers' account of Sets against the ledger: whatever changed something was sent under an
// intent that stood on the ledger before, for that router and in that direction, at most once, and in time.
func (s *stage) setsHaveIntents() {
	s.t.Helper()
	intents := s.intents()
	times := map[string]int{}
	for _, set := range s.net.Sets() {
		if set.Local || !set.Effective() || sets.Canary(&set) {
			continue
		}
		where := fmt.Sprintf("the Set that %s took at %s (%s from %q to %q)", set.Router, set.At.Format("05.000"), path.Base(set.Changes[0].Path), set.Changes[0].Before, set.Changes[0].After)
		position, ok := sets.Election(set.Request)
		if !ok {
			s.t.Errorf("%s has no election id", where)
			continue
		}
		in, ok := intents[place{position, set.Router}]
		switch {
		case !ok:
			s.t.Errorf("%s has no intent at position %d, which holds\n%s", where, position, s.commit(position))
			continue
		case set.At.Before(in.at):
			s.t.Errorf("%s came before its intent, which was written at %s", where, in.at.Format("05.000"))
		case in.Undo && sets.Risky(&set):
			s.t.Errorf("%s adds risk under the undo at position %d", where, position)
		case sets.Risky(&set) && set.At.After(in.Deadline.Add(in.Margin.Std())) && !s.late[set.Router]:
			s.t.Errorf("%s came after its deadline %s and margin", where, in.Deadline.Format("05.000"))
		}
		key := fmt.Sprintf("%s of intent %d on %s, adding risk %t", in.id, position, set.Router, sets.Risky(&set))
		most := 1
		if !in.Undo && !sets.Risky(&set) {
			most = in.Step + 1 // without a ledger the newest intent authorises taking back all steps up to its own
		}
		if times[key]++; times[key] > most {
			s.t.Errorf("%s was effective %d times", key, times[key])
		}
	}
}

// sets counts the Sets that changed something, those that add risk and those that do not.
func (s *stage) sets() (risks, others int) {
	for _, set := range s.net.Sets() {
		switch {
		case set.Local || !set.Effective():
		case sets.Risky(&set):
			risks++
		default:
			others++
		}
	}
	return risks, others
}

// untouched wants no router to have got any Set with something in it.
func (s *stage) untouched() {
	s.t.Helper()
	for _, set := range s.net.Sets() {
		r := set.Request
		if !set.Local && len(r.GetUpdate())+len(r.GetReplace())+len(r.GetDelete()) > 0 {
			s.t.Errorf("%s got a Set at %s: %v", set.Router, set.At.Format("05.000"), r)
		}
	}
}

// verdict is what `detour ledger verify -o json` prints, as far as it matters here.
type verdict struct {
	OK       bool   `json:"ok"`
	Last     uint64 `json:"last"`
	Findings []struct {
		Position uint64 `json:"position"`
		To       uint64 `json:"to"`
		Line     int    `json:"line"`
		Problem  string `json:"problem"`
		Detail   string `json:"detail"`
	} `json:"findings"`
	Unlawful []struct {
		Position uint64 `json:"position"`
		Detail   string `json:"detail"`
	} `json:"unlawful"`
	Differences []struct {
		Device string `json:"device"`
		Detail string `json:"detail"`
	} `json:"differences"`
}

// verify asks a replica, or with --file an export, and returns what is said.
func (s *stage) verify(r *replica, args ...string) (verdict, answer) {
	s.t.Helper()
	a := r.detour("carol", append([]string{"ledger", "verify", "-o", "json"}, args...)...)
	return readVerdict(s.t, a), a
}

// readVerdict reads what verify printed.
func readVerdict(t testing.TB, a answer) (v verdict) {
	t.Helper()
	if a.out != "" {
		if err := json.Unmarshal([]byte(a.out), &v); err != nil {
			t.Errorf("ledger verify: %v\n%s", err, a.out)
		}
	}
	if v.OK != (a.code == 0) {
		t.Errorf("ledger verify says %t with code %d", v.OK, a.code)
	}
	return v
}

// verifies wants every living replica to find the ledger in order and in agreement with the routers.
func (s *stage) verifies() {
	s.t.Helper()
	for _, r := range s.replicas {
		if !r.alive() {
			continue
		}
		s.wait("replica "+r.name+" to be ready", func() bool { ready, err := r.ready(); return err == nil && ready.Ready })
		if v, a := s.verify(r); a.code != 0 {
			s.t.Errorf("%s: ledger verify exits %d: %s\n%+v", r.name, a.code, a.err, v)
		}
	}
}

// free wants nothing to count against a budget any more, and no freeze but people's.
func (s *stage) free() {
	s.t.Helper()
	s.look(func(b *incident.Board) bool {
		if why := b.Halted(); why != "" {
			s.t.Errorf("the Board has halted: %s", why)
		}
		for scope, f := range b.Freezes() {
			if f.By.Name == events.Identity {
				s.t.Errorf("%s was frozen by the fold: %s", scope, f.Reason)
			}
		}
		for _, i := range b.Closed() {
			if len(i.Claims) > 0 || i.Holds() {
				s.t.Errorf("%s has ended and still counts against %v", i.ID, i.Claims)
			}
		}
		return true
	})
	for _, r := range s.replicas {
		if !r.alive() {
			continue
		}
		if st, err := r.as("carol").Status(s.within()); err != nil || st.Halted != "" {
			s.t.Errorf("%s: %v, halted %q", r.name, err, st.Halted)
		}
	}
}
