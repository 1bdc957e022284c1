package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
)

// What happens to the simulation: faults on links, moods of routers, deaths of replicas, and people.

// simulatedLinks join eight routers, each of degree three.
var simulatedLinks = []string{"a-b", "b-c", "c-d", "d-e", "e-f", "f-g", "g-h", "a-h", "a-e", "b-f", "c-g", "d-h"}

// fault is what telemetry tells of one link.
type fault struct {
	kind     events.AnomalyKind
	severity events.Severity
	ends     []int // that have told
}

// begin plans the first of everything; each plans its next.
func (s *simulation) beginChaos() {
	for _, c := range []struct {
		low, high time.Duration
		do        func()
	}{
		{2 * time.Second, 40 * time.Second, s.breakLink},
		{5 * time.Second, 60 * time.Second, s.upsetRouter},
		{10 * time.Second, 120 * time.Second, s.upsetTraffic},
		{20 * time.Second, 200 * time.Second, s.meddle},
		{2 * time.Second, 25 * time.Second, s.upsetReplica},
		{time.Second, 15 * time.Second, s.person},
	} {
		var again func()
		again = func() {
			if !s.calm {
				c.do()
				s.after(s.between(c.low, c.high), again)
			}
		}
		s.after(s.between(0, c.high), again)
	}
	s.tick()
}

// tick is what goes on for ever: telemetry repeats itself, and overdue incidents are looked for.
func (s *simulation) tick() {
	s.inspectDeadlines()
	s.after(time.Second, s.tick)
}

// breakLink lets a link be sick for a while. Faults like to come to two links whose drains must not stand together.
func (s *simulation) breakLink() {
	if s.chance(30) {
		s.breakGroup()
	}
	n := s.rng.IntN(len(s.targets))
	s.sicken(s.targets[n])
	for _, pair := range s.lab.apart {
		if at := slices.Index(pair[:], s.targets[n].Name); at >= 0 && s.chance(50) {
			other := slices.IndexFunc(s.targets, func(t events.Target) bool { return t.Name == pair[1-at] })
			s.after(s.between(0, time.Second), func() {
				if !s.calm {
					s.sicken(s.targets[other])
				}
			})
		}
	}
}

func (s *simulation) sicken(target events.Target) {
	if s.faults[target.Name] != nil {
		return
	}
	f := &fault{kind: events.LinkErrors, severity: events.Severities()[s.rng.IntN(2)]}
	if s.chance(10) {
		f.severity = events.Minor
	}
	if s.chance(40) {
		f.kind = events.OpticalDegrade // answered with approval only
	}
	s.faults[target.Name] = f
	l := s.lab.link(target.Name)
	l.sick, l.stubborn = true, s.chance(15)
	lasts := s.between(time.Second, 120*time.Second)
	if s.chance(10) {
		lasts = 7 * time.Minute // longer than any hold
	}
	silent := s.chance(10) // telemetry says it once
	var tell func()
	tell = func() {
		if s.faults[target.Name] != f {
			return
		}
		if s.chance(10) {
			f.severity = events.Critical
		}
		s.tell(target, f, s.rng.IntN(2), events.Firing)
		if !silent {
			s.after(s.between(5*time.Second, 25*time.Second), tell)
		}
	}
	tell()
	s.after(lasts, func() {
		if s.faults[target.Name] == f {
			s.mend(target)
		}
	})
}

// mend ends a link's fault.
func (s *simulation) mend(target events.Target) {
	f := s.faults[target.Name]
	delete(s.faults, target.Name)
	l := s.lab.link(target.Name)
	l.sick, l.stubborn = false, false
	for _, end := range f.ends {
		s.tell(target, f, end, events.Resolved)
	}
}

// tell publishes what one end of a link notices.
func (s *simulation) tell(target events.Target, f *fault, end int, state events.AnomalyState) {
	if !slices.Contains(f.ends, end) {
		f.ends = append(f.ends, end)
	}
	at := target.Ends[end]
	m := &message{event: events.Event{
		SpecVersion: "1.0", Type: events.TypeAnomaly, ID: fmt.Sprintf("e%d", len(s.bus)+1), Source: "/telemetry/" + at.Device, Time: s.now,
		Data: events.Anomaly{
			Kind: f.kind, State: state, Severity: f.severity, Value: 3e-4, ObservedAt: s.now,
			Resource: events.Resource{Device: at.Device, Interface: at.Interface},
		},
	}}
	s.bus = append(s.bus, m)
	s.deliver(m)
}

// deliver hands a message to a replica, and again until it is acknowledged. Sometimes two get it.
func (s *simulation) deliver(m *message) {
	if m.acked {
		return
	}
	for range 1 + s.rng.IntN(100)/95 {
		if r := s.anybody(); r != nil && !slices.ContainsFunc(r.pending, func(e events.Event) bool { return e.Identity() == m.event.Identity() }) {
			r.pending = append(r.pending, m.event)
			s.soon(r, s.between(time.Millisecond, 20*time.Millisecond))
		}
	}
	s.after(5*time.Second, func() { s.deliver(m) })
}

// upsetRouter gives a router a mood for a while, or lets it restart without what was set.
func (s *simulation) upsetRouter() {
	name := string(rune('a' + s.rng.IntN(8)))
	r := s.lab.router(name)
	if s.chance(20) {
		s.lab.reboot(name)
		return
	}
	moods := []mood{refusing, losing, dropping, unreachable, unreadable}
	if slices.Contains(s.lab.bars, events.BarArbitration) || s.flaw == noFence {
		moods = append(moods, hanging) // without the fence nothing may arrive later than deadline and margin
	}
	r.mood = moods[s.rng.IntN(len(moods))]
	s.after(s.between(time.Second, 30*time.Second), func() {
		r.mood = well
		if s.chance(50) {
			s.after(s.between(0, time.Minute), func() { s.lab.release(name) })
		}
	})
}

// foresee lets it be computed what drains do: some must not stand together, and some go by steps.
func (s *simulation) foresee() {
	s.lab.ahead = map[string]events.Prospect{}
	s.lab.apart = [][2]string{{"a-b", "c-d"}, {"b-c", "e-f"}, {"a-h", "f-g"}, {"g-h", "a-e"}, {"b-f", "d-h"}}
	for _, name := range simulatedLinks {
		if s.chance(50) {
			p := safe
			p.Way = events.Uniform(name, 1000, 4000, drained)
			s.lab.ahead[name] = p
		}
	}
}

// upsetTraffic lets traffic stay on a link whatever is done, or a link go down, or traffic be such that the link's drain is
// more than the network bears.
func (s *simulation) upsetTraffic() {
	name := s.targets[s.rng.IntN(len(s.targets))].Name
	for _, i := range s.open() {
		if i.Phase == Holding && s.chance(50) {
			name = i.Target.Name
		}
	}
	if s.lab.ahead != nil && s.chance(40) {
		was, known := s.lab.ahead[name]
		p := was
		if !known {
			p = safe
		}
		p.Drained.WorstPermil = 950
		s.lab.ahead[name] = p
		s.after(s.between(time.Second, 30*time.Second), func() {
			if s.lab.ahead[name] = was; !known {
				delete(s.lab.ahead, name)
			}
		})
		return
	}
	l := s.lab.link(name)
	stubborn := s.chance(50)
	l.stubborn, l.down = stubborn, !stubborn
	s.after(s.between(5*time.Second, 60*time.Second), func() { l.stubborn, l.down = false, false })
}

// meddle lets a person change what Detour has set.
func (s *simulation) meddle() {
	for _, i := range s.open() {
		if i.Phase == Holding && i.Live() && s.chance(50) {
			end := i.Target.Ends[s.rng.IntN(2)]
			s.lab.router(end.Device).metric[end.Interface] = 5000
			return
		}
	}
}

// upsetReplica kills a replica, cuts it off, or sets its clock, preferably one that is about something. One is always well.
func (s *simulation) upsetReplica() {
	r := s.replicas[s.rng.IntN(len(s.replicas))]
	for _, i := range s.open() {
		for _, owner := range s.replicas {
			if (i.Phase == Acting || i.Phase == Verifying) && i.Intent.Owner == owner.me() && s.chance(50) {
				r = owner
			}
		}
	}
	r.skew = s.between(-1500*time.Millisecond, 1500*time.Millisecond)
	if s.others(r) == 0 || !r.hears() {
		return
	}
	lasts := s.between(100*time.Millisecond, 20*time.Second)
	switch s.rng.IntN(3) {
	case 0:
		s.crash(r)
		s.after(lasts, func() { s.restart(r) })
	case 1:
		r.cut = true
		s.after(lasts, func() {
			r.cut, r.reach = false, uint64(len(s.commits))
			s.soon(r, time.Millisecond)
		})
	}
}

var staff = []events.Person{
	{Name: "ann", Role: []string{"approver"}}, {Name: "bob", Role: []string{"approver"}}, {Name: "cyd", Role: []string{"operator"}},
}

// person lets somebody do something, sensible or not.
func (s *simulation) person() {
	by := staff[s.rng.IntN(len(staff))]
	board := s.auditor.board
	var i *Incident
	if open := s.open(); len(open) > 0 {
		i = open[s.rng.IntN(len(open))]
	}
	scopes := []events.Scope{events.Network, events.ScopeOf("device", "b"), events.ScopeOf("device", "g"), events.ScopeOf("link", "a-e")}
	scope := scopes[s.rng.IntN(len(scopes))]
	switch n := s.rng.IntN(100); {
	case n < 45:
		for _, asked := range s.open() {
			if asked.Phase == Asking {
				s.order(Approve(asked.ID, asked.Ask.Plan, by))
			}
		}
	case n < 50 && i != nil && i.Phase == Asking:
		s.order(Reject(i.ID, "", by, "not now"))
	case n < 56 && i != nil:
		s.order(Abort(i.ID, by, "enough", false))
	case n < 62 && i != nil:
		s.order(Undrain(i.ID, by, "repaired"))
	case n < 68:
		s.freeze(scope, by)
	case n < 72:
		window := fmt.Sprintf("w%d", board.Position)
		s.order(BeginMaintenance(events.MaintenanceBegun{Window: window, Scope: scope, Until: s.now.Add(s.between(time.Second*5, 40*time.Second)), By: by}))
		if s.chance(30) {
			s.after(5*time.Second, func() { s.order(EndMaintenance(window, by)) })
		}
	case n < 85:
		s.attend(by)
	}
}

// freeze stops what adds risk in a scope for a while.
func (s *simulation) freeze(scope events.Scope, by events.Person) {
	s.order(Freeze(scope, by, "careful"))
	s.after(s.between(time.Second, 40*time.Second), func() { s.order(Thaw(scope, by)) })
}

// attend looks after what is stuck: puts back by hand what somebody changed, or orders the undo.
func (s *simulation) attend(by events.Person) {
	for _, i := range s.open() {
		if i.Phase != Stuck {
			continue
		}
		_, after, _ := i.count()
		if s.chance(30) && !s.calm && after == 0 && !i.doubtful() {
			if s.order(Abort(i.ID, by, "let go of", true)) {
				s.putBack(i)
			}
			continue
		}
		if after == 0 && !i.doubtful() {
			s.putBack(i)
			continue
		}
		s.order(Undrain(i.ID, by, "seen to"))
	}
}

func (s *simulation) putBack(i *Incident) {
	for _, end := range i.Target.Ends {
		s.lab.router(end.Device).metric[end.Interface] = usual
	}
}

// doubtful reports whether nobody can tell how some change stands.
func (i *Incident) doubtful() bool {
	return slices.ContainsFunc(slices.Concat(i.Steps...), func(c ChangeState) bool { return c.Doubt > 0 || c.Pending })
}

// rest lets everything that is wrong end, and people attend until nothing is open.
func (s *simulation) rest() {
	s.calm = true
	for _, t := range s.targets {
		if s.faults[t.Name] != nil {
			s.mend(t)
		}
		l := s.lab.link(t.Name)
		l.stubborn, l.down = false, false
	}
	for n := range 8 {
		name := string(rune('a' + n))
		s.lab.router(name).mood = well
		s.lab.release(name)
	}
	s.heal()
	var again func()
	again = func() {
		for _, scope := range s.freezes() {
			s.order(Thaw(scope, staff[0]))
		}
		s.attend(staff[0])
		s.after(5*time.Second, again)
	}
	again()
}
