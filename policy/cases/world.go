package cases

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/policy"
)

// or is *p, or value where p is nil.
func or[T any](p *T, value T) T {
	if p == nil {
		return value
	}
	return *p
}

// defaultCapacity is that of a link of which the case says nothing, in bits per second.
const defaultCapacity = 10_000_000_000

// fill gives the case what it leaves out.
func (c *Case) fill() {
	text := func(p *string, value string) {
		if *p == "" {
			*p = value
		}
	}
	if c.Now.IsZero() {
		c.Now = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	}
	if c.Mode == "" {
		c.Mode = events.Live
	}
	if c.Anomaly.State == "" {
		c.Anomaly.State = events.Firing
	}
	if c.Anomaly.Severity == "" {
		c.Anomaly.Severity = events.Major
	}
	if len(c.Device) == 0 {
		c.Device = []Device{{Name: "a"}, {Name: "b"}}
	}
	if c.Verdict.Method == "" {
		c.Verdict.Method = events.MethodExact
	}
	for i := range c.Device {
		text(&c.Device[i].Interface, "ethernet-1/1")
		text(&c.Device[i].Profile, "openconfig")
		text(&c.Device[i].Oper, "UP")
	}
	text(&c.Link.Name, c.Device[0].Name+"-"+c.Device[len(c.Device)-1].Name)
}

// target is the link with everything that an act on it counts against.
func (c *Case) target() events.Target {
	t := events.Target{Kind: events.TargetLink, Name: c.Link.Name, Capacity: or(c.Link.Capacity, defaultCapacity), Scopes: []events.Scope{events.Network}}
	add := func(kind, name string) {
		if name != "" {
			t.Scopes = append(t.Scopes, events.ScopeOf(kind, name))
		}
	}
	add("link", c.Link.Name)
	add("bundle", c.Link.Bundle)
	for _, d := range c.Device {
		t.Ends = append(t.Ends, events.End{Device: d.Name, Interface: d.Interface})
		add("device", d.Name)
	}
	a, b := c.Device[0], c.Device[1]
	add("site", a.Site)
	if b.Site != a.Site {
		add("site", b.Site)
		if a.Site != "" && b.Site != "" {
			add("site-pair", min(a.Site, b.Site)+"-"+max(a.Site, b.Site))
		}
	}
	add("plane", a.Plane)
	if b.Plane != a.Plane {
		add("plane", b.Plane)
	}
	for _, name := range c.Link.SRLGs {
		add("srlg", name)
	}
	for _, name := range c.Link.Diverse {
		add("srlg-partner", name)
	}
	if c.Link.Level > 0 {
		add("level", strconv.Itoa(c.Link.Level))
	}
	return t
}

func (d Device) leaf() events.LeafRef {
	return events.LeafRef{Leaf: events.ISISMetric, Interface: d.Interface, Level: 2, Family: events.IPv4}
}

const defaultMetric = 10

func (d Device) metric() events.Value { return events.UintValue(or(d.Metric, defaultMetric)) }

// facts are what was seen of the link and the network just now.
func (c *Case) facts() events.Facts {
	routers := or(c.Network.Routers, 100)
	f := events.Facts{At: c.Now, Prospect: c.prospect(), Network: events.NetworkFacts{
		Routers: routers, Seen: or(c.Network.Seen, routers), Links: or(c.Network.Links, 300), DrainedLinks: c.Network.Drained, DownLinks: c.Network.Down,
		WorstLink: c.Network.WorstLink, WorstPermil: or(c.Network.WorstPermil, 300),
	}}
	for n, d := range c.Device {
		f.Asymmetric = f.Asymmetric || d.metric() != c.Device[0].metric() // the topology of a case has the metrics of the case
		f.Ends = append(f.Ends, events.EndFacts{
			End: events.End{Device: d.Name, Interface: d.Interface}, Oper: d.Oper, Adjacencies: or(d.Adjacencies, 1),
			System: d.Name, Neighbours: []string{c.Device[len(c.Device)-1-n].Name},
			Leaves:  []events.LeafFacts{{LeafRef: d.leaf(), Config: d.metric(), State: d.metric()}},
			Traffic: &events.Traffic{Window: events.Duration(10 * time.Second), InBPS: d.InBPS, OutBPS: d.OutBPS, InErrors: d.InErrors, InPPS: d.InPPS},
			Profile: events.Profile{Name: d.Profile, Software: d.Software, SoftMetric: policy.LastMetric, HardMetric: policy.MaxMetric, Qualified: or(d.Qualified, true)},
		})
	}
	return f
}

// plan sets the metric of both ends in every step.
func (c *Case) plan(remediation string) events.Plan {
	metric := or(c.Plan.Metric, drainMetric)
	p := events.Plan{
		Remediator: remediation, Sentence: fmt.Sprintf("set the metric of link %s to %d", c.Link.Name, metric), Target: c.target(),
		Checks: []string{events.CheckAsConfigured, events.CheckTrafficLeft, events.CheckSymptomGone, events.CheckNothingBroke},
	}
	before := map[string]events.Value{}
	for _, d := range c.Device {
		before[d.Name] = d.metric()
	}
	for _, m := range c.way(or(c.Plan.Steps, max(1, c.Verdict.Steps)), metric) {
		var step events.Step
		for _, d := range c.Device {
			after := events.UintValue(m)
			step.Changes = append(step.Changes, events.Change{Device: d.Name, Settings: []events.Setting{{LeafRef: d.leaf(), Before: before[d.Name], After: after}}})
			before[d.Name] = after
		}
		p.Steps = append(p.Steps, step)
	}
	return p
}

// subject is the case as a rule sees it.
func (c *Case) subject() policy.Subject {
	a := c.Anomaly
	s := policy.Subject{
		Kind: a.Kind, Severity: a.Severity, Value: a.Value, Now: c.Now, Target: c.target(),
		Anomaly: &events.Anomaly{
			Kind: a.Kind, State: a.State, Severity: a.Severity, Resource: events.Resource{Link: c.Link.Name}, ObservedAt: c.Now.Add(-a.Age.Std()),
			Value: a.Value, Unit: a.Unit, Threshold: a.Threshold, Evidence: a.Evidence, Labels: a.Labels,
		},
	}
	s.Scopes = s.Target.Scopes
	for _, d := range c.Device {
		s.Devices = append(s.Devices, events.Device{Name: d.Name, Site: d.Site, Plane: d.Plane, Roles: d.Roles})
	}
	return s
}

// situation is what else is going on.
func (c *Case) situation() policy.Situation {
	s := policy.Situation{Freezes: map[events.Scope]events.Frozen{}, Busy: map[string]string{}, Links: map[string]events.Target{}, Capacity: map[events.Scope]int64{}}
	for name, scopes := range c.Network.Scopes {
		s.Links[name] = events.Target{Scopes: scopes, Capacity: defaultCapacity}
	}
	target := c.target()
	for _, scope := range target.Scopes {
		s.Capacity[scope] = 1000 * min(max(target.Capacity, defaultCapacity), math.MaxInt64/1000)
		if bps, ok := c.Network.Capacity[scope]; ok {
			s.Capacity[scope] = bps
		}
	}
	for _, scope := range c.Board.Frozen {
		s.Freezes[scope] = events.Frozen{By: events.Person{Name: "the case"}, Reason: "frozen in the case"}
	}
	for i, scopes := range c.Board.InFlight {
		s.Claims = append(s.Claims, policy.Claim{Incident: fmt.Sprintf("other-%d", i+1), Scopes: scopes, Capacity: defaultCapacity})
	}
	for _, ago := range c.Board.Begun {
		s.Admissions = append(s.Admissions, policy.Admission{At: c.Now.Add(-ago.Std()), Scopes: []events.Scope{events.Network}})
	}
	for _, ago := range c.Board.Failed {
		s.Failures = append(s.Failures, c.Now.Add(-ago.Std()))
	}
	for _, device := range c.Board.Busy {
		s.Busy[device] = "other"
	}
	return s
}
