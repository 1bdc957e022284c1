package incident

import (
	"slices"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
)

// What must hold at every step of a simulation, judged by the routers themselves and by a fold of its own.

// limits are those of the run's policy.
type limits struct {
	network, device, srlg int // mitigations at once
	rate                  int // that begin within ratePer
}

const (
	ratePer  = 2 * time.Minute
	clockRun = 3 * time.Second // how far two clocks are apart at most
	grace    = 30 * time.Second
)

// auditor follows the ledger as it is written.
type auditor struct {
	limits
	board    *Board
	frozen   map[events.Scope]time.Time // since when, by the true clock
	admitted []time.Time
	taken    map[string]int // by event: records that do not call it a duplicate
	overdue  map[string]time.Time

	gathering map[string]events.Gathering // what incidents waited for at first
}

func newAuditor(l limits) *auditor {
	return &auditor{limits: l, board: NewBoard(), frozen: map[events.Scope]time.Time{}, taken: map[string]int{}, overdue: map[string]time.Time{}, gathering: map[string]events.Gathering{}}
}

// audit looks at one commit as it is stored.
func (s *simulation) audit(c events.Commit) {
	a := s.auditor
	before := a.board.Freezes()
	if err := a.board.Apply(c); err != nil {
		s.fail("%v", err)
		return
	}
	for _, r := range c.Records {
		s.tally.kinds[r.Body.Kind()]++
		i, _ := a.board.Incident(r.Incident)
		switch b := r.Body.(type) {
		case *events.Observed:
			if b.Disposition != events.WasDuplicate {
				a.taken[b.Source+"\x00"+b.Event]++
			}
		case events.Opened:
			if b.Gathering != nil {
				a.gathering[r.Incident] = *b.Gathering
			}
		case events.Closed:
			s.tally.ends[b.Outcome]++
		case events.Frozen:
			a.frozen[b.Scope] = s.now
		case events.Thawed:
			delete(a.frozen, b.Scope)
		case events.Admitted:
			s.auditAdmitted(c, i)
		case events.Intended:
			if f, frozen := frozenBy(before, i.Target.Scopes); frozen && !b.Undo && i.Live() {
				s.fail("%s intends a change although %s is frozen", i.ID, f)
			}
		}
	}
	if f, ok := a.board.Freezes()[events.Network]; ok && strings.Contains(f.Reason, "is not lawful") { // a person may have frozen it before
		s.fail("an unlawful record: %s", f.Reason)
	}
	s.gathered()
	s.auditBudgets()
}

func (s *simulation) auditAdmitted(c events.Commit, i *Incident) {
	a := s.auditor
	if !i.Live() {
		return
	}
	s.auditShared(c, i)
	a.admitted = append(a.admitted, c.At)
	within := 0
	for _, at := range a.admitted {
		if c.At.Sub(at) < ratePer-clockRun {
			within++
		}
	}
	if within > a.rate {
		s.fail("%s is the %dth act within %s, at most %d may be", i.ID, within, ratePer, a.rate)
	}
}

// auditBudgets counts what the ledger says is, or may be, under mitigation.
func (s *simulation) auditBudgets() {
	held := map[events.Scope]int{}
	for _, i := range s.auditor.board.Open() {
		if i.Holds() {
			for _, scope := range i.Target.Scopes {
				held[scope]++
			}
		}
	}
	s.withinLimits("the ledger", held)
}

// inspectRouters counts what stands on the routers.
func (s *simulation) inspectRouters() {
	var held map[events.Scope]int
	for _, t := range s.targets {
		for _, end := range t.Ends {
			if s.lab.router(end.Device).at(end.Interface) >= drained {
				if held == nil {
					held = map[events.Scope]int{}
				}
				for _, scope := range t.Scopes {
					held[scope]++
				}
				break
			}
		}
	}
	s.withinLimits("the routers", held)
}

// inspectPairs wants two drains that are not safe together never to stand together.
func (s *simulation) inspectPairs() {
	stands := func(name string) bool {
		target, _ := testNetwork{}.Link(name)
		return slices.ContainsFunc(target.Ends, func(e events.End) bool { return s.lab.router(e.Device).at(e.Interface) >= drained })
	}
	for _, pair := range s.lab.apart {
		if stands(pair[0]) && stands(pair[1]) {
			s.fail("%s and %s are drained at once, and must not be", pair[0], pair[1])
		}
	}
}

func (s *simulation) withinLimits(who string, held map[events.Scope]int) {
	for scope, n := range held {
		limit, ok := map[string]int{"network": s.auditor.network, "device": s.auditor.device, "srlg": s.auditor.srlg, "link": 1}[scope.Kind()]
		if ok && n > limit {
			s.fail("%s: %d mitigations in %s, at most %d may be", who, n, scope, limit)
		}
	}
}

// inspectSend wants no Set that adds risk to leave once its sender must have heard of a freeze.
func (s *simulation) inspectSend(o events.Order) {
	i, ok := s.auditor.board.Incident(o.Incident)
	if !ok || o.Undo || o.Mode != events.Live {
		return
	}
	const heard = 200 * time.Millisecond
	for _, scope := range append([]events.Scope{events.Network}, i.Target.Scopes...) {
		if since, frozen := s.auditor.frozen[scope]; frozen && s.now.Sub(since) > heard {
			s.fail("a Set of %s leaves although %s has been frozen for %s", o.Incident, scope, s.now.Sub(since))
		}
	}
}

func frozenBy(freezes map[events.Scope]events.Frozen, scopes []events.Scope) (events.Scope, bool) {
	for _, scope := range append([]events.Scope{events.Network}, scopes...) {
		if _, ok := freezes[scope]; ok {
			return scope, true
		}
	}
	return "", false
}

// inspectDeadlines wants no incident to stay anywhere for longer than it may.
func (s *simulation) inspectDeadlines() {
	a := s.auditor
	for _, i := range a.board.Open() {
		why := s.overdue(i)
		if why == "" {
			delete(a.overdue, i.ID)
			continue
		}
		since, known := a.overdue[i.ID]
		if !known {
			a.overdue[i.ID] = s.now
		} else if s.now.Sub(since) > grace {
			e, _ := a.board.Why(i.ID)
			s.fail("%s is %s, overdue for %s: %s (%s)", i.ID, i.Phase, grace, why, e.Sentence)
		}
	}
}

// overdue says which of an incident's times has passed.
func (s *simulation) overdue(i *Incident) string {
	clocks, now := s.world.Policy.Clocks(), s.now
	for _, step := range i.Steps {
		for _, c := range step {
			switch {
			case c.Pending && now.After(i.Intent.Deadline.Add(i.Intent.Margin.Std())):
				return "its outcome is outstanding"
			case c.Doubt > 0 && i.Phase != Stuck && now.After(laterOf(c.Since, c.Wait).Add(clocks.LookFor.Std())):
				return "its doubt is not settled"
			}
		}
	}
	firing, last := i.Firing()
	switch i.Phase {
	case Open, Waiting:
		if i.Gathering != nil && now.After(i.Gathering.Until) {
			return "it has waited for others for long enough"
		}
		if !firing {
			return "it has cleared"
		}
		if now.After(last.Add(s.world.Policy.MaxAge(i.Symptom))) {
			return "it is too old to act on"
		}
	case Asking:
		if now.After(i.Ask.Expires) {
			return "the request has lapsed"
		}
	case Verifying:
		if now.After(laterOf(i.Intent.Verify, i.Changed.Add(clocks.VerifyWithin.Std()))) {
			return "it is not verified"
		}
	case Confirming:
		if now.After(i.waitAfter().Add(clocks.LookFor.Std())) {
			return "it is not confirmed"
		}
	case Holding:
		if now.After(i.Hold.Expires) {
			return "the hold has expired"
		}
	case Acting, Reverting:
		if now.After(i.Changed.Add(3 * time.Minute)) {
			return "it goes on and on"
		}
	case Probation:
		if now.After(i.Watch.Add((clocks.VerifyWithin + clocks.LookFor).Std())) {
			return "probation has ended"
		}
	}
	return ""
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
