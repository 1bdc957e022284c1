package main

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/proto/gnmi_ext"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// story is evidence that is made up, one thing a second.
type story struct {
	evidence
	now time.Time
}

// links are a chain of routers: a-b, b-c, and so on.
func told(f func(s *story)) evidence {
	s := &story{now: noon, evidence: evidence{published: map[string]string{}, before: map[string][2]backbone.EndMetrics{}, network: 2, device: 1}}
	names := []string{"a", "b", "c", "d", "e", "f", "g"}
	for n := range len(names) - 1 {
		l := network.Link{Name: names[n] + "-" + names[n+1], A: network.End{Device: names[n], Interface: "east"}, B: network.End{Device: names[n+1], Interface: "west"}}
		s.links = append(s.links, l)
		s.before[l.Name] = [2]backbone.EndMetrics{{IPv4: backbone.Metric{Value: 10}}, {IPv4: backbone.Metric{Value: 10}}}
	}
	s.after = maps.Clone(s.before)
	f(s)
	return s.evidence
}

// commit appends records in the name of a replica.
func (s *story) commit(records ...events.Record) (position uint64) {
	s.now = s.now.Add(time.Second)
	c := events.Commit{ID: fmt.Sprint(len(s.commits)), At: s.now, By: "r0/1", Records: records, Position: uint64(len(s.commits)) + 1}
	if n := len(s.commits); n > 0 {
		c.Prev = s.commits[n-1].Digest
	}
	c.Digest = events.DigestBytes([]byte(c.ID))
	s.commits = append(s.commits, c)
	return c.Position
}

// intend plans and intends a drain of a link, or its undo.
func (s *story) intend(link string, undo bool) (position uint64) {
	id, devices := link+"-1", []string{link[:1], link[2:]}
	step := events.Step{}
	for _, d := range devices {
		step.Changes = append(step.Changes, events.Change{Device: d})
	}
	planned := events.Record{Incident: id, Body: events.Planned{Plan: events.Plan{Steps: []events.Step{step}}}}
	intended := events.Intended{Undo: undo, Changes: []int{0, 1}, Owner: "r0/1", Deadline: s.now.Add(5 * time.Second), Margin: events.Duration(time.Second)}
	return s.commit(planned, events.Record{Incident: id, Body: intended})
}

// set has a router take a metric for its end of a link, under the intent at a position.
func (s *story) set(position uint64, router, port string, from, to uint32) {
	s.now = s.now.Add(time.Second)
	request := &gpb.SetRequest{Extension: []*gnmi_ext.Extension{{Ext: &gnmi_ext.Extension_MasterArbitration{MasterArbitration: &gnmi_ext.MasterArbitration{
		Role: &gnmi_ext.Role{Id: events.Identity}, ElectionId: &gnmi_ext.Uint128{Low: position},
	}}}}}
	path := "/network-instances/isis/interfaces/interface[interface-id=" + port + "]/levels/level[level-number=2]/metric"
	s.sets = append(s.sets, backbone.SetRecord{Router: router, At: s.now, Request: request, Changes: []backbone.Change{{Path: path, Before: fmt.Sprint(from), After: fmt.Sprint(to)}}})
}

// drain sets both ends of a link, and undrain takes that back.
func (s *story) drain(link string) {
	p := s.intend(link, false)
	s.set(p, link[:1], "east", 10, softDrain)
	s.set(p, link[2:], "west", 10, softDrain)
}

func (s *story) undrain(link string) {
	p := s.intend(link, true)
	s.set(p, link[:1], "east", softDrain, 10)
	s.set(p, link[2:], "west", softDrain, 10)
}

func (s *story) observe(event string, as events.Disposition) {
	s.commit(events.Record{Body: &events.Observed{Event: event, Disposition: as}})
}

// TestJudge makes up what must not be, one thing at a time, and wants it to be found, and nothing else.
func TestJudge(t *testing.T) {
	frozen := events.Record{Body: events.Frozen{Scope: events.Network, By: events.Person{Name: "alice"}, Reason: "x"}}
	thawed := events.Record{Body: events.Thawed{Scope: events.Network, By: events.Person{Name: "alice"}}}
	for _, c := range []struct {
		name  string
		story func(s *story)
		want  []string // rules
	}{
		{"nothing", func(*story) {}, nil},
		{"two drains, one after the other and two at once", func(s *story) {
			s.drain("a-b")
			s.drain("c-d")
			s.undrain("a-b")
			s.drain("e-f")
			s.undrain("c-d")
			s.undrain("e-f")
		}, nil},
		{"a Set without an intent", func(s *story) { s.set(9, "a", "east", 10, 11) }, []string{ruleIntent}},
		{"without an election id", func(s *story) {
			s.set(s.intend("a-b", false), "a", "east", 10, 11)
			s.sets[0].Request = &gpb.SetRequest{}
		}, []string{ruleIntent}},
		{"on another router", func(s *story) { s.set(s.intend("a-b", false), "c", "east", 10, 11) }, []string{ruleIntent}},
		{"before its intent", func(s *story) {
			s.set(1, "a", "east", 10, 11)
			s.intend("a-b", false)
		}, []string{ruleIntent}},
		{"after its deadline", func(s *story) {
			p := s.intend("a-b", false)
			s.now = s.now.Add(time.Minute)
			s.set(p, "a", "east", 10, 11)
		}, []string{ruleIntent}},
		{"after its deadline, by no longer than nobody could run", func(s *story) {
			p := s.intend("a-b", false)
			s.stalls = []stall{{s.now, s.now.Add(time.Minute)}}
			s.now = s.now.Add(time.Minute)
			s.set(p, "a", "east", 10, 11)
		}, nil},
		{"after its deadline, by longer than nobody could run", func(s *story) {
			p := s.intend("a-b", false)
			s.stalls = []stall{{s.now.Add(-time.Hour), s.now}, {s.now, s.now.Add(50 * time.Second)}}
			s.now = s.now.Add(time.Minute)
			s.set(p, "a", "east", 10, 11)
		}, []string{ruleIntent}},
		{"after the end of its incident, while nobody could run", func(s *story) {
			p := s.intend("a-b", false)
			s.commit(events.Record{Incident: "a-b-1", Body: events.Closed{Outcome: events.RolledBack}})
			s.stalls = []stall{{s.now, s.now.Add(time.Minute)}}
			s.set(p, "a", "east", 10, 11)
		}, []string{ruleIntent}},
		{"after the end of its incident, which was planned anew", func(s *story) {
			p := s.intend("a-b", false)
			s.intend("a-b", false)
			s.commit(events.Record{Incident: "a-b-1", Body: events.Closed{Outcome: events.RolledBack}})
			s.stalls = []stall{{s.now, s.now.Add(time.Minute)}}
			s.set(p, "a", "east", 10, 11)
		}, []string{ruleIntent}},
		{"a drain under an undo", func(s *story) { s.set(s.intend("a-b", true), "a", "east", 10, 11) }, []string{ruleIntent}},
		{"twice", func(s *story) {
			p := s.intend("a-b", false)
			s.set(p, "a", "east", 10, 11)
			s.set(p, "a", "east", 11, 12)
		}, []string{ruleOnce}},
		{"there and back under one intent, as it authorises", func(s *story) {
			p := s.intend("a-b", false)
			s.set(p, "a", "east", 10, softDrain)
			s.set(p, "a", "east", softDrain, 10)
		}, nil},
		{"three at once", func(s *story) {
			s.drain("a-b")
			s.drain("c-d")
			s.drain("e-f")
		}, []string{ruleBudget}},
		{"two of one router", func(s *story) {
			s.drain("a-b")
			s.set(s.intend("b-c", false), "b", "east", 10, softDrain)
		}, []string{ruleBudget}},
		{"a third, until a rollback", func(s *story) {
			s.drain("a-b")
			s.set(s.intend("c-d", false), "c", "east", 10, softDrain)
			s.set(0, "c", "east", softDrain, 10)
			s.sets[len(s.sets)-1].Local = true
			s.drain("e-f")
		}, nil},
		{"an intent while frozen", func(s *story) {
			s.commit(frozen)
			s.intend("a-b", true)
			s.intend("c-d", false)
			s.commit(thawed)
			s.intend("e-f", false)
		}, []string{ruleFreeze}},
		{"an anomaly recorded once, and again as a duplicate", func(s *story) {
			s.published["1"] = "x"
			s.observe("1", events.DidJoin)
			s.observe("1", events.WasDuplicate)
		}, nil},
		{"a lost anomaly", func(s *story) { s.published["1"] = "x" }, []string{ruleRecorded}},
		{"one taken for new twice", func(s *story) {
			s.published["1"] = "x"
			s.observe("1", events.DidOpen)
			s.observe("1", events.DidOpen)
		}, []string{ruleRecorded}},
		{"a metric that is not as before", func(s *story) {
			s.after["a-b"] = [2]backbone.EndMetrics{{IPv4: backbone.Metric{Value: softDrain}}, s.before["a-b"][1]}
		}, []string{ruleRestored}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := told(c.story)
			var v verdict
			e.judgeRecorded(&v)
			e.judgeSets(&v)
			e.judgeBudgets(&v)
			e.judgeFreezes(&v)
			e.judgeRestored(&v)
			compareRules(t, c.want, v)
		})
	}
}

// TestJudgeChain makes up ledgers.
func TestJudgeChain(t *testing.T) {
	window := func(s *story) {
		s.commit(events.Record{Body: events.Frozen{Scope: events.Network, By: events.Person{Name: "alice"}, Reason: "x"}})
		s.commit(events.Record{Body: events.Thawed{Scope: events.Network, By: events.Person{Name: "alice"}}})
	}
	opened := func(s *story) {
		s.commit(events.Record{Incident: "a-b-1", Body: events.Opened{Epoch: 1, Target: events.Target{Kind: events.TargetLink, Name: "a-b"}, Symptom: events.LinkErrors, Severity: events.Major}})
	}
	for _, c := range []struct {
		name  string
		story func(s *story)
		want  []string
	}{
		{"in order", window, nil},
		{"one left out", func(s *story) { window(s); window(s); s.commits = slices.Delete(s.commits, 1, 2) }, []string{ruleChain, ruleChain}},
		{"another predecessor", func(s *story) { window(s); s.commits[1].Prev = "sha256:0" }, []string{ruleChain}},
		{"an unlawful record", func(s *story) {
			window(s)
			s.commit(events.Record{Incident: "a-b-1", Body: events.Lapsed{}})
		}, []string{ruleChain}},
		{"of a kind that is not known", func(s *story) { s.commit(events.Record{Body: events.Foreign{Name: "blessed"}}) }, []string{ruleChain}},
		{"an incident that has not ended", opened, []string{ruleSettled}},
		{"one that has", func(s *story) {
			opened(s)
			s.commit(events.Record{Incident: "a-b-1", Body: events.Closed{Outcome: events.WasCleared}})
		}, nil},
		{"one that called a person", func(s *story) {
			s.commit(events.Record{Incident: "a-b-1", Body: events.Stuck{Why: "x"}})
		}, []string{ruleSettled, ruleChain}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := told(c.story)
			var v verdict
			e.judgeChain(&v)
			compareRules(t, c.want, v)
		})
	}
}

func compareRules(t *testing.T, want []string, got verdict) {
	t.Helper()
	var rules []string
	for _, v := range got {
		rules = append(rules, v.Rule)
	}
	if diff := cmp.Diff(want, rules); diff != "" {
		t.Errorf("rules that are violated (-want +got):\n%s%v", diff, got)
	}
}
