package remediators

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/detour-net/detour/events"
)

func TestAllHaveNamesOfTheirOwn(t *testing.T) {
	var names []string
	seen := map[string]bool{}
	for _, r := range All() {
		if seen[r.Name()] {
			t.Errorf("%s stands twice", r.Name())
		}
		seen[r.Name()] = true
		names = append(names, r.Name())
	}
	if diff := cmp.Diff([]string{"link-drain", "isis-metric"}, names); diff != "" {
		t.Errorf("All (-want +got):\n%s", diff)
	}
}

func TestFind(t *testing.T) {
	r, err := Find(All(), "isis-metric")
	if err != nil || r.Name() != "isis-metric" {
		t.Errorf("Find = %v, %v", r, err)
	}
	if _, err := Find(All(), "pray"); err == nil || err.Error() != `remediation "pray" is not known; want one of link-drain, isis-metric` {
		t.Errorf("err = %v", err)
	}
}

func TestCheck(t *testing.T) {
	tests := []struct{ remediation, with, err string }{
		{"link-drain", ``, ""},
		{"link-drain", `{"style":"hard"}`, ""},
		{"link-drain", `{"style":"medium"}`, `link-drain: style "medium": want soft or hard`},
		{"isis-metric", `{"raise_by":10}`, ""},
		{"isis-metric", ``, "isis-metric: give exactly one of raise_by and raise_to"},
		{"pray", ``, "is not known"},
	}
	for _, tt := range tests {
		err := Check(tt.remediation, json.RawMessage(tt.with))
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("Check(%s, %s) = %v, want %q", tt.remediation, tt.with, err, tt.err)
		}
	}
}

// TestEveryPlanCanBeUndone: whatever the routers hold, a plan sets both ends, changes every leaf that it names upwards,
// carries the pre-image that was read, goes on from where the step before leads, and its undo leads back to exactly that.
func TestEveryPlanCanBeUndone(t *testing.T) {
	withs := map[string][]string{
		"link-drain":  {``, `{"style":"soft"}`, `{"style":"hard"}`},
		"isis-metric": {`{"raise_by":1}`, `{"raise_by":16777214}`, `{"raise_to":1000}`},
	}
	planned, stepped := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		target := events.Target{Kind: events.TargetLink, Name: "x", Ends: []events.End{{Device: "a", Interface: "e1"}, {Device: "b", Interface: "e2"}}}
		facts := events.Facts{}
		read := map[events.End]map[events.LeafRef]events.Value{}
		for _, e := range target.Ends {
			end := events.EndFacts{End: e, Profile: events.Profile{SoftMetric: 1<<24 - 2, HardMetric: 1<<24 - 1, SameLevels: rapid.Bool().Draw(t, "same")}}
			read[e] = map[events.LeafRef]events.Value{}
			for _, level := range []int{1, 2} {
				for _, family := range []string{events.IPv4, events.IPv6} {
					if !rapid.Bool().Draw(t, "configured") {
						continue
					}
					l := events.LeafFacts{LeafRef: events.LeafRef{Leaf: events.ISISMetric, Interface: e.Interface, Level: level, Family: family}}
					l.State = events.UintValue(rapid.Uint64Range(1, 1<<24-1).Draw(t, "state"))
					if rapid.Bool().Draw(t, "given") {
						l.Config = events.UintValue(rapid.Uint64Range(1, 1<<24-1).Draw(t, "config"))
					}
					read[e][l.LeafRef] = l.Config
					end.Leaves = append(end.Leaves, l)
				}
			}
			facts.Ends = append(facts.Ends, end)
		}
		facts.Prospect = &events.Prospect{Way: drawWay(t, target)}
		r := rapid.SampledFrom(All()).Draw(t, "remediator")
		plan, err := r.Propose(target, facts, "", json.RawMessage(rapid.SampledFrom(withs[r.Name()]).Draw(t, "with")))
		if err != nil {
			if !cmp.Equal(plan, events.Plan{}, cmp.AllowUnexported(events.Value{})) {
				t.Fatal("a plan beside an error")
			}
			return
		}
		if planned++; len(plan.Steps) > 1 {
			stepped++
		}
		if plan.Sentence == "" || len(plan.Checks) == 0 || plan.Remediator != r.Name() || len(plan.Steps) == 0 {
			t.Fatalf("plan lacks something: %+v", plan)
		}
		for _, step := range plan.Steps {
			if len(step.Changes) != 2 {
				t.Fatalf("%d changes", len(step.Changes))
			}
			for n, change := range step.Changes {
				e := target.Ends[n]
				if change.Device != e.Device || len(change.Settings) != len(read[e]) {
					t.Fatalf("change %d: %+v", n, change)
				}
				for _, s := range change.Settings {
					before, ok := read[e][s.LeafRef] // or what the step before sets
					if !ok || before != s.Before {
						t.Fatalf("pre-image of %s is %s, was read as %s", s.LeafRef, s.Before, before)
					}
					after, _ := s.After.Uint()
					if was, set := s.Before.Uint(); set && after <= was || after > 1<<24-1 {
						t.Fatalf("%s goes from %s to %s", s.LeafRef, s.Before, s.After)
					}
					read[e][s.LeafRef] = s.After
				}
				if diff := cmp.Diff(change, change.Undo().Undo(), cmp.AllowUnexported(events.Value{})); diff != "" {
					t.Fatalf("undo of undo:\n%s", diff)
				}
			}
		}
	})
	if planned == 0 || stepped == 0 {
		t.Errorf("%d were ever planned, %d by steps: the property says nothing", planned, stepped)
	}
}

// drawWay is some way, lawful or not, of the target or of another link, for both ends at once or for each by itself.
func drawWay(t *rapid.T, target events.Target) (way []events.Push) {
	link := rapid.SampledFrom([]string{target.Name, target.Name, target.Name, "another"}).Draw(t, "link of the way")
	device := rapid.SampledFrom([]string{"", target.Ends[0].Device, target.Ends[1].Device})
	family := rapid.SampledFrom([]string{"", events.IPv4, events.IPv6})
	for range rapid.IntRange(0, 5).Draw(t, "pushes") {
		var push events.Push
		for range rapid.IntRange(1, 3).Draw(t, "metrics") {
			push = append(push, events.EndMetric{
				Link: link, Device: device.Draw(t, "device"), Family: family.Draw(t, "family"), Metric: rapid.Uint32Range(1, 1<<24-1).Draw(t, "metric"),
			})
		}
		way = append(way, push)
	}
	return way
}
