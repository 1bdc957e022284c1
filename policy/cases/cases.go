// Package cases runs what operators expect of their policy: files of cases, each an alarm on a link, as much of the world
// around it as matters, and what the policy must say.
//
// What a case leaves out is as a policy would like it: a link of 10 Gbit/s between two qualified routers that were just
// looked at, in a calm network that bears its drain, in live mode. So a case says what it is about and nothing else. What a case asks for is
// asked of the policy itself (Match, Mode, Evaluate), not of a second reading of it. Only the plan is made here: by
// default a soft drain at both ends, whatever the rule's remediation is, since what a remediation plans is not the
// policy's to say.
//
// A file is YAML, read strictly:
//
//	policy: policy.yaml            # beside this file; the default
//	cases:
//	  - name: a small link is left to a person
//	    anomaly: {kind: link-errors, severity: major, value: 3e-4, age: 30s, labels: {site: den}}
//	    link: {name: den-kcy, capacity_bps: 1000000000, srlgs: [duct-7]}
//	    device: [{name: den, site: denver, roles: [core]}, {name: kcy}]
//	    verdict: {after_worst_permil: 710}
//	    expect: {rule: corrupting-links, verdict: ask, failing: [approval]}
package cases

import (
	"fmt"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/config/strict"
)

// File is a file of cases.
type File struct {
	Policy string `yaml:"policy"` // the policy's path, relative to this file
	Cases  []Case `yaml:"cases"`
}

// Case is one thing that operators expect. Pointers are what has a default other than zero.
type Case struct {
	Name     string      `yaml:"name"`
	Now      time.Time   `yaml:"now"`  // of the decision; default noon UTC on 2026-01-01, a Thursday
	Mode     events.Mode `yaml:"mode"` // of the service; default live
	Approved bool        `yaml:"approved"`
	Anomaly  Anomaly     `yaml:"anomaly"`
	Link     Link        `yaml:"link"`
	Device   []Device    `yaml:"device"` // both ends, or none
	Network  Network     `yaml:"network"`
	Plan     Plan        `yaml:"plan"`
	Verdict  Verdict     `yaml:"verdict"`
	Board    Board       `yaml:"board"`
	Expect   Expect      `yaml:"expect"`
}

// Anomaly is the alarm.
type Anomaly struct {
	Kind      events.AnomalyKind  `yaml:"kind"`
	State     events.AnomalyState `yaml:"state"`    // default firing
	Severity  events.Severity     `yaml:"severity"` // default major
	Value     float64             `yaml:"value"`
	Unit      string              `yaml:"unit"`
	Threshold float64             `yaml:"threshold"`
	Age       events.Duration     `yaml:"age"` // since it was observed
	Evidence  map[string]float64  `yaml:"evidence"`
	Labels    map[string]string   `yaml:"labels"`
}

// Link is the link that it is on.
type Link struct {
	Name     string   `yaml:"name"`         // default a-b, after its ends
	Capacity *int64   `yaml:"capacity_bps"` // default 10 Gbit/s
	Bundle   string   `yaml:"bundle"`
	SRLGs    []string `yaml:"srlgs"`
	Diverse  []string `yaml:"diverse"` // risk groups that are declared to be diverse from its own
	Level    int      `yaml:"level"`   // of IS-IS; 0: no budget by level is asked
}

// Device is a router at an end of the link, as the inventory has it and as it was seen.
type Device struct {
	Name        string   `yaml:"name"`
	Interface   string   `yaml:"interface"` // default ethernet-1/1
	Site        string   `yaml:"site"`
	Plane       string   `yaml:"plane"`
	Roles       []string `yaml:"roles"`
	Profile     string   `yaml:"profile"` // default openconfig
	Software    string   `yaml:"software"`
	Qualified   *bool    `yaml:"qualified"`   // default true
	Oper        string   `yaml:"oper"`        // default UP
	Adjacencies *int     `yaml:"adjacencies"` // default 1
	Metric      *uint64  `yaml:"metric"`      // default 10
	InBPS       int64    `yaml:"in_bps"`
	OutBPS      int64    `yaml:"out_bps"`
	InErrors    int64    `yaml:"in_errors_per_s"`
	InPPS       int64    `yaml:"in_pps"`
}

// Network is what is seen around the link.
type Network struct {
	Routers *int     `yaml:"routers"` // default 100
	Seen    *int     `yaml:"seen"`    // default all
	Links   *int     `yaml:"links"`   // default 300
	Drained []string `yaml:"drained"`
	Down    []string `yaml:"down"`

	// Scopes are those of links that are drained or down, by their name; one that is left out counts against the network alone.
	Scopes map[string][]events.Scope `yaml:"scopes"`

	// Capacity is that of all links in a scope, in bits per second; one that is left out is a thousand times the larger of the link and 10 Gbit/s.
	Capacity map[events.Scope]int64 `yaml:"capacity_bps"`

	WorstLink   string `yaml:"worst_link"`
	WorstPermil *int   `yaml:"worst_permil"` // default 300; -1: not known
}

// Plan is what would be set.
type Plan struct {
	Metric *uint64 `yaml:"metric"` // at both ends, by the last step; default the soft drain's
	Steps  *int    `yaml:"steps"`  // default as many as the verdict's, and 1 where that has none
}

// Board is what else is going on.
type Board struct {
	Frozen   []events.Scope    `yaml:"frozen"`
	InFlight [][]events.Scope  `yaml:"in_flight"` // the scopes of each other incident under mitigation; its link, like any other than the case's own, carries 10 Gbit/s
	Begun    []events.Duration `yaml:"begun"`     // how long ago each of the last mitigations was begun
	Failed   []events.Duration `yaml:"failed"`    // how long ago each of the last failed its verification
	Busy     []string          `yaml:"busy"`      // routers with a change in flight
}

// NoRule is what a case expects that no rule answers.
const NoRule = "none"

// Expect is what the policy must say. What is left out may be anything.
type Expect struct {
	Rule    string         `yaml:"rule"` // the name of the rule that answers, or NoRule
	Verdict events.Verdict `yaml:"verdict"`
	Failing *[]string      `yaml:"failing"` // the checks that say no, in any order
}

// MaxCases bounds the cases of one file.
const MaxCases = 10_000

// Parse reads a file of cases. name stands in its messages. Everything wrong is reported at once, with line, column and a
// caret.
func Parse(name string, raw []byte) (*File, error) {
	f := &File{Policy: "policy.yaml"}
	doc, err := strict.Read(name, raw, f)
	if err != nil {
		return nil, err
	}
	if len(f.Cases) == 0 || len(f.Cases) > MaxCases {
		doc.Bad("cases", "%d cases: want 1 to %d, each with name, anomaly and expect", len(f.Cases), MaxCases)
	}
	seen := map[string]bool{}
	for i := range f.Cases {
		c, at := &f.Cases[i], fmt.Sprintf("cases[%d]", i)
		if c.Name == "" || seen[c.Name] {
			doc.Bad(at+".name", "%q: want a name that no other case has", c.Name)
		}
		seen[c.Name] = true
		c.check(doc, at)
		c.fill()
	}
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return f, nil
}

// word complains unless value is empty or one of known.
func word[T ~string](doc *strict.Document, path string, value T, known ...T) {
	if value != "" && !slices.Contains(known, value) {
		doc.Bad(path, "%q is not known; want one of %v", value, known)
	}
}

func (c *Case) check(doc *strict.Document, at string) {
	if c.Anomaly.Kind == "" {
		doc.Bad(at+".anomaly", "the kind of the anomaly is missing; want one of %v", events.Kinds())
	}
	word(doc, at+".anomaly.kind", c.Anomaly.Kind, events.Kinds()...)
	word(doc, at+".anomaly.severity", c.Anomaly.Severity, events.Severities()...)
	word(doc, at+".anomaly.state", c.Anomaly.State, events.Firing, events.Resolved)
	word(doc, at+".mode", c.Mode, events.Live, events.DryRun)
	word(doc, at+".expect.verdict", c.Expect.Verdict, events.Allow, events.Ask, events.Defer, events.Deny)
	if n := len(c.Device); n != 0 && n != 2 {
		doc.Bad(at+".device", "%d routers: a link has two ends", n)
	}
	for i, d := range c.Device {
		if d.Name == "" || i == 1 && d.Name == c.Device[0].Name {
			doc.Bad(fmt.Sprintf("%s.device[%d]", at, i), "%q: want a name that the other end does not have", d.Name)
		}
	}
	if c.Link.Capacity != nil && *c.Link.Capacity <= 0 {
		doc.Bad(at+".link.capacity_bps", "%d: want bits per second in each direction", *c.Link.Capacity)
	}
	const most = 100
	if n := c.Plan.Steps; n != nil && (*n < 0 || *n > most) {
		doc.Bad(at+".plan.steps", "%d: want 0 to %d", *n, most)
	}
	c.Verdict.check(doc, at+".verdict")
	c.places(doc, at)
	e := c.Expect
	switch {
	case e.Rule == "" && e.Verdict == "" && e.Failing == nil:
		doc.Bad(at, "nothing is expected: give expect with rule, verdict or failing")
	case e.Rule == NoRule && (e.Verdict != "" || e.Failing != nil):
		doc.Bad(at+".expect", "where no rule answers there is no verdict and no check")
	}
}

// places checks every scope that the case names.
func (c *Case) places(doc *strict.Document, at string) {
	scopes := func(path string, list []events.Scope) {
		for i, s := range list {
			if _, err := events.ParseScope(string(s)); err != nil || s == "" {
				doc.Bad(fmt.Sprintf("%s[%d]", path, i), "%q: want network or KIND:NAME with KIND one of %v", s, events.ScopeKinds())
			}
		}
	}
	scopes(at+".board.frozen", c.Board.Frozen)
	for i, list := range c.Board.InFlight {
		scopes(fmt.Sprintf("%s.board.in_flight[%d]", at, i), list)
	}
	for scope, bps := range c.Network.Capacity {
		path := at + ".network.capacity_bps." + string(scope)
		scopes(path, []events.Scope{scope})
		if bps <= 0 {
			doc.Bad(path, "%d: want bits per second in each direction", bps)
		}
	}
	for name, list := range c.Network.Scopes {
		path := at + ".network.scopes." + name
		if !slices.Contains(c.Network.Drained, name) && !slices.Contains(c.Network.Down, name) {
			doc.Bad(path, "%q is neither drained nor down", name)
		}
		scopes(path, list)
	}
}
