package policy

import (
	"slices"
	"time"

	"github.com/detour-net/detour/events"
)

// Question is everything that Evaluate may look at.
type Question struct {
	Now       time.Time
	Rule      Rule
	Symptom   events.AnomalyKind
	Plan      events.Plan
	Digest    events.Digest // of Plan; "" has it computed
	Mode      events.Mode
	Facts     events.Facts
	Approved  bool // by a quorum, of exactly this plan; in a dry run nobody needs to
	Situation Situation

	// ApprovedFor are the checks for which the quorum was asked. Live, an approval counts for no other.
	ApprovedFor []string

	// The alarm and the inventory. A condition that asks for what is left out gets an error, which is a no.
	Subject Subject

	// Lap is called with "" before checks are asked, and with the name of each once it has been asked, by who times them; nil:
	// nobody does. It changes no answer.
	Lap func(check string)

	underWay   bool    // some steps stand: metrics are what they set
	approved   bool    // as far as the check is concerned that is asked
	claimed    []Claim // what claims says, computed once for all checks
	unforeseen string  // why Facts.Prospect is none to rest on; it is nil then
}

// Situation is what the Board says besides the incident that is asked about.
type Situation struct {
	Freezes    map[events.Scope]events.Frozen // in force
	Claims     []Claim                        // of the other incidents: what is under mitigation or waits for approval
	Links      map[string]events.Target       // the links that Facts find drained or down; one not in it counts against the network and itself, and nobody knows how large it is
	Routers    map[string]events.Target       // the routers that Facts find overloaded, as large as their links together; one not in it counts against the network and itself
	Capacity   map[events.Scope]int64         // bits per second of all links in a scope of the target's, each direction; one not in it is not known
	Busy       map[string]string              // routers with an outstanding intent or a doubt, and the incident it is of
	Admissions []Admission                    // of the last day, oldest first
	Failures   []time.Time                    // failed verifications of the last day
}

// Claim is what one incident, or one drain that is not ours, counts against.
type Claim struct {
	Incident string // "" when it is not ours
	Router   string // that has the overload bit, "" when it is none
	Scopes   []events.Scope
	Capacity int64 // of its links in bits per second, each direction; 0: not known
	Down     bool  // it is a link that is down, drained by nobody
}

// Admission is one mitigation that was begun.
type Admission struct {
	At     time.Time
	Scopes []events.Scope
}

func (q Question) digest() events.Digest {
	if q.Digest != "" {
		return q.Digest
	}
	return q.Plan.Digest()
}

// foresee is the what-if that the question rests on; why says what is wrong when there is none.
func (p *Policy) foresee(q Question) (f *events.Prospect, why string) {
	f = q.Facts.Prospect
	if why := p.usable(f, q.Now); why != "" {
		return nil, why
	}
	if q.isolates() && !f.Hard() {
		return nil, "it is of a drain that leaves the link as a last resort, and the plan takes it out of SPF"
	}
	return f, ""
}

// claims are the claims of others together with every link that facts find drained and nobody claims, and every router that
// they find overloaded: people's and other tools' drains count against budgets like ours. A router is one drain, however
// many links it has.
func (q Question) claims() []Claim {
	all := q.withLinks(q.Situation.Claims, q.Facts.Network.DrainedLinks, false)
	for _, name := range q.Facts.Network.Overloaded {
		router, ok := q.Situation.Routers[name]
		if !ok {
			router.Scopes = []events.Scope{events.Network, events.ScopeOf("device", name)}
		}
		all = append(all, Claim{Router: name, Scopes: router.Scopes, Capacity: router.Capacity})
	}
	return all
}

// withLinks adds to claims the links that none of them is about, each once. The plan's own link is not among them.
func (q Question) withLinks(claims []Claim, names []string, down bool) []Claim {
	all := slices.Clip(claims)
	known := map[events.Scope]bool{events.ScopeOf("link", q.Plan.Target.Name): true}
	for _, c := range claims {
		for _, s := range c.Scopes {
			if s.Kind() == "link" {
				known[s] = true
			}
		}
	}
	for _, name := range names {
		scope := events.ScopeOf("link", name)
		if known[scope] {
			continue
		}
		known[scope] = true
		link, ok := q.Situation.Links[name]
		if !ok {
			link.Scopes = []events.Scope{events.Network, scope}
		}
		all = append(all, Claim{Scopes: link.Scopes, Capacity: link.Capacity, Down: down})
	}
	return all
}

// softest is the metric from which on a link counts as drained on the router at an end.
func softest(end events.EndFacts) uint64 {
	if end.Profile.SoftMetric > 0 {
		return uint64(end.Profile.SoftMetric)
	}
	return LastMetric
}

// endOf returns the facts of one end.
func endOf(f events.Facts, device, iface string) (events.EndFacts, bool) {
	for _, e := range f.Ends {
		if e.Device == device && e.Interface == iface {
			return e, true
		}
	}
	return events.EndFacts{}, false
}

// settings calls f for every setting of the plan.
func settings(p events.Plan, f func(device string, s events.Setting)) {
	for _, step := range p.Steps {
		for _, c := range step.Changes {
			for _, s := range c.Settings {
				f(c.Device, s)
			}
		}
	}
}

// drains reports whether the plan takes its link out of normal use at any end.
func (q Question) drains() bool {
	found := false
	settings(q.Plan, func(device string, s events.Setting) {
		n, ok := s.After.Uint()
		end, _ := endOf(q.Facts, device, s.Interface)
		found = found || ok && n >= softest(end)
	})
	return found
}

// isolates reports whether the plan takes its link out of SPF altogether.
func (q Question) isolates() bool { return Isolates(q.Plan, q.Facts) }

// Isolates reports whether a plan takes its link out of SPF altogether, by the profiles of its routers: what it does to the
// network is another thing than what a drain does that leaves the link as the last resort.
func Isolates(plan events.Plan, facts events.Facts) bool {
	found := false
	settings(plan, func(device string, s events.Setting) {
		n, ok := s.After.Uint()
		end, _ := endOf(facts, device, s.Interface)
		hard := uint64(MaxMetric)
		if h := uint64(end.Profile.HardMetric); h > 0 {
			hard = h
		}
		found = found || ok && n >= hard
	})
	return found
}
