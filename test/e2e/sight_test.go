package e2e

import (
	"fmt"
	"slices"
	"strings"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/incident"
)

// until waits for the Board.
func (s *stage) until(what string, done func(b *incident.Board) bool) {
	s.t.Helper()
	s.wait(what, func() bool { return s.look(done) })
}

func (s *stage) look(f func(b *incident.Board) bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return f(s.board)
}

// latest is a copy of the newest incident of a link; nil if there is none.
func (s *stage) latest(link string) (i *incident.Incident) {
	s.look(func(b *incident.Board) bool {
		if found, ok := b.Latest(string(events.TargetLink) + "/" + link); ok {
			c := *found
			i = &c
		}
		return true
	})
	return i
}

// reaches waits for the newest incident of a link to be in one of phases, and returns it.
func (s *stage) reaches(link string, phases ...incident.Phase) *incident.Incident {
	s.t.Helper()
	var i *incident.Incident
	s.wait(fmt.Sprintf("%s to be %v", link, phases), func() bool {
		i = s.latest(link)
		return i != nil && i.Epoch > s.ended[link] && slices.Contains(phases, i.Phase)
	})
	return i
}

// ends waits until the newest incident of a link has ended, which it must as outcome.
func (s *stage) ends(link string, outcome events.Outcome) *incident.Incident {
	s.t.Helper()
	i := s.reaches(link, incident.Closed)
	if i.End.Outcome != outcome {
		s.t.Errorf("%s ended as %s (%s), want %s\n%s", i.ID, i.End.Outcome, i.End.Reason, outcome, s.history(i.ID))
	}
	return i
}

// history is what the ledger says of an incident, one record a line, without the alarms that changed nothing.
func (s *stage) history(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, c := range s.commits {
		for _, r := range c.Records {
			if r.Incident != id && (r.Incident != "" || r.Body.Kind() == events.KindObserved || r.Body.Kind() == events.KindProved) {
				continue
			}
			if text := brief(r.Body); text != "" {
				fmt.Fprintf(&b, "%6d %s %s %s %s\n", c.Position, c.At.Format("05.000"), c.By, r.Body.Kind(), text)
			}
		}
	}
	return b.String()
}

// brief is a record in a few words, "" for one that says nothing new.
func brief(body events.Body) string {
	failed := func(checks []events.Check) (list []string) {
		for _, c := range checks {
			if !c.OK {
				list = append(list, fmt.Sprintf("%s is %s, limit %s: %s", c.Name, c.Value, c.Limit, c.Detail))
			}
		}
		return list
	}
	switch b := body.(type) {
	case *events.Observed:
		if b.Disposition == events.DidJoin && b.Anomaly.State == events.Firing {
			return ""
		}
		return fmt.Sprintf("%s %s: %s", b.Anomaly.Kind, b.Anomaly.State, b.Disposition)
	case events.Opened:
		return b.Target.Key()
	case events.Planned:
		return b.Plan.Sentence
	case events.Ruled:
		return fmt.Sprintf("%s %v", b.Verdict, failed(b.Checks))
	case events.Verified:
		return fmt.Sprintf("%t %v", b.Pass, failed(b.Checks))
	case events.Renewed:
		return ""
	}
	return fmt.Sprintf("%.200s", fmt.Sprintf("%+v", body))
}

// dump is what helps to see why something did not come.
func (s *stage) dump() string {
	var b strings.Builder
	var open []string
	s.look(func(board *incident.Board) bool {
		fmt.Fprintf(&b, "position %d, freezes %v, halted %q\n", board.Position, board.Freezes(), board.Halted())
		for _, i := range board.Open() {
			e, _ := board.Why(i.ID)
			fmt.Fprintf(&b, "%s %s: %s %v\n", i.ID, i.Phase, e.Sentence, e.Unblock)
			open = append(open, i.ID)
		}
		return true
	})
	for _, id := range open {
		fmt.Fprintf(&b, "--- %s\n%s", id, s.history(id))
	}
	for _, r := range s.replicas {
		fmt.Fprintf(&b, "--- log of %s, alive %t\n%s", r.name, r.alive(), r.tail())
	}
	return b.String()
}

// owner is the living replica of a name, nil if there is none.
func (s *stage) owner(name string) *replica {
	for _, r := range s.replicas {
		if r.name == name && r.alive() {
			return r
		}
	}
	return nil
}

// link is a link of the topology with its two routers.
func (s *stage) routersOf(link string) (a, b *backbone.Router) {
	s.t.Helper()
	for _, l := range s.net.Topology().Links {
		if l.Name == link {
			return s.net.Router(l.A.Device), s.net.Router(l.B.Device)
		}
	}
	s.t.Fatalf("no link %q", link)
	return nil, nil
}
