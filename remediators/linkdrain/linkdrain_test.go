package linkdrain

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

func ref(iface string, level int, family string) events.LeafRef {
	return events.LeafRef{Leaf: events.ISISMetric, Interface: iface, Level: level, Family: family}
}

func leaf(r events.LeafRef, config, state string) events.LeafFacts {
	return events.LeafFacts{LeafRef: r, Config: events.JSONValue(config), State: events.JSONValue(state)}
}

func link() events.Target {
	return events.Target{Kind: events.TargetLink, Name: "den-kcy", Ends: []events.End{{Device: "den", Interface: "e1"}, {Device: "kcy", Interface: "e2"}}}
}

func seen() events.Facts {
	profile := events.Profile{Name: "openconfig", SoftMetric: 16777214, HardMetric: 16777215}
	return events.Facts{Ends: []events.EndFacts{
		{End: events.End{Device: "kcy", Interface: "e2"}, Profile: profile, Leaves: []events.LeafFacts{leaf(ref("e2", 2, events.IPv4), "20", "20")}},
		{End: events.End{Device: "den", Interface: "e1"}, Profile: profile, Leaves: []events.LeafFacts{
			leaf(ref("e1", 1, events.IPv4), "", "10"), leaf(ref("e1", 2, events.IPv4), "10", "10"), leaf(ref("e1", 2, events.IPv6), "11", "11"),
		}},
	}}
}

func TestPropose(t *testing.T) {
	for with, metric := range map[string]uint64{``: 16777214, `{"style":"soft"}`: 16777214, `{}`: 16777214, `{"style":"hard"}`: 16777215} {
		plan, err := New().Propose(link(), seen(), "", json.RawMessage(with))
		if err != nil {
			t.Fatalf("%s: %v", with, err)
		}
		after := events.UintValue(metric)
		want := []events.Step{{Changes: []events.Change{
			{Device: "den", Settings: []events.Setting{
				{LeafRef: ref("e1", 1, events.IPv4), Before: events.Value{}, After: after},
				{LeafRef: ref("e1", 2, events.IPv4), Before: events.UintValue(10), After: after},
				{LeafRef: ref("e1", 2, events.IPv6), Before: events.UintValue(11), After: after},
			}},
			{Device: "kcy", Settings: []events.Setting{{LeafRef: ref("e2", 2, events.IPv4), Before: events.UintValue(20), After: after}}},
		}}}
		if diff := cmp.Diff(want, plan.Steps, cmp.AllowUnexported(events.Value{})); diff != "" {
			t.Errorf("%s: steps (-want +got):\n%s", with, diff)
		}
		if diff := cmp.Diff([]string{"as-configured", "traffic-left", "symptom-gone", "nothing-broke"}, plan.Checks); diff != "" {
			t.Errorf("checks (-want +got):\n%s", diff)
		}
		if !strings.Contains(plan.Sentence, after.String()) || !strings.Contains(plan.Sentence, "den-kcy") {
			t.Errorf("sentence %q", plan.Sentence)
		}
	}
}

func TestProposeRefuses(t *testing.T) {
	tests := []struct {
		name  string
		with  string
		spoil func(*events.Target, *events.Facts)
		want  string
	}{
		{"not a link", ``, func(t *events.Target, _ *events.Facts) { t.Kind = events.TargetDevice }, "device/den-kcy is not a link with two known ends"},
		{"one end", ``, func(t *events.Target, _ *events.Facts) { t.Ends = t.Ends[:1] }, "not a link with two known ends"},
		{"an end not looked at", ``, func(_ *events.Target, f *events.Facts) { f.Ends = f.Ends[1:] }, "kcy e2 was not looked at"},
		{"unreadable", ``, func(_ *events.Target, f *events.Facts) { f.Ends[1].Unreadable = "PermissionDenied" }, "the pre-image of den e1 is unreadable: PermissionDenied"},
		{"no metric leaf", ``, func(_ *events.Target, f *events.Facts) { f.Ends[0].Leaves = nil }, "IS-IS has no metric configured on kcy e2"},
		{"a leaf of another interface", ``, func(_ *events.Target, f *events.Facts) { f.Ends[0].Leaves[0].Interface = "e9" }, "IS-IS has no metric configured on kcy e2"},
		{"drained already", ``, func(_ *events.Target, f *events.Facts) {
			f.Ends[0].Leaves[0] = leaf(ref("e2", 2, events.IPv4), "16777214", "16777214")
		}, "on kcy already stands at 16777214: somebody has drained the link"},
		{"drained softly, and hard is wanted", `{"style":"hard"}`, func(_ *events.Target, f *events.Facts) {
			f.Ends[0].Leaves[0] = leaf(ref("e2", 2, events.IPv4), "16777214", "16777214")
		}, "somebody has drained the link"},
		{"no number", ``, func(_ *events.Target, f *events.Facts) {
			f.Ends[0].Leaves[0].Config = events.JSONValue(`"GLOBAL_METRIC"`)
		}, `on kcy is configured as "GLOBAL_METRIC", which is not a number`},
		{"neither configured nor seen", ``, func(_ *events.Target, f *events.Facts) { f.Ends[0].Leaves[0] = leaf(ref("e2", 2, events.IPv4), "", "") }, "the router's state does not tell its default"},
		{"a platform without a hard drain", `{"style":"hard"}`, func(_ *events.Target, f *events.Facts) { f.Ends[0].Profile.HardMetric = 0 }, `platform profile "openconfig" has no hard drain`},
		{"a platform that is not known", ``, func(_ *events.Target, f *events.Facts) { f.Ends[0].Profile.SoftMetric = 0 }, "has no soft drain"},
		{"a style", `{"style":"Soft"}`, func(*events.Target, *events.Facts) {}, `style "Soft": want soft or hard`},
		{"an unknown parameter", `{"stile":"soft"}`, func(*events.Target, *events.Facts) {}, `unknown field "stile"`},
		{"settle", `{"settle":"2m"}`, func(*events.Target, *events.Facts) {}, "settle 2m0s: want 0s to 1m0s"},
		{"steps", `{"steps":"few"}`, func(*events.Target, *events.Facts) {}, `steps "few": want auto or never`},
		{"a parameter of another type", `{"style":1}`, func(*events.Target, *events.Facts) {}, "parameters: "},
		{"two mappings", `{}{}`, func(*events.Target, *events.Facts) {}, "one mapping is wanted"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target, facts := link(), seen()
			tt.spoil(&target, &facts)
			plan, err := New().Propose(target, facts, "", json.RawMessage(tt.with))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Propose = %v, %v; want %q", plan, err, tt.want)
			}
		})
	}
}

// TestProposeSteps: den stands at 10 for IPv4 and 11 for IPv6, kcy at 20. What is wanted are the metrics of each step: of den's
// three leaves, then of kcy's one.
func TestProposeSteps(t *testing.T) {
	const soft = 16777214
	way := events.Uniform("den-kcy", 15, 30, 100, soft)
	each := func(metrics ...uint32) (way []events.Push) {
		for i := 0; i < len(metrics); i += 2 {
			way = append(way, events.Push{{Link: "den-kcy", Device: "den", Metric: metrics[i]}, {Link: "den-kcy", Device: "kcy", Metric: metrics[i+1]}})
		}
		return way
	}
	at := func(m uint64) []uint64 { return []uint64{m, m, m, m} }
	for _, tt := range []struct {
		name    string
		with    string
		atOnce  string
		way     []events.Push
		missing string
		spoil   func(*events.Facts)
		want    [][]uint64
		says    string
	}{
		{name: "by steps, of which the first is for den alone", way: way, want: [][]uint64{{15, 15, 15, 21}, at(30), at(100), at(soft)}, says: "by way of 15 and 21, 30, 100"},
		{name: "each end by its own", way: each(15, 25, 30, 40, soft, soft), want: [][]uint64{{15, 15, 15, 25}, {30, 30, 30, 40}, at(soft)}, says: "by way of 15 and 25, 30 and 40"},
		{name: "one end is through before the other", way: each(15, soft, 30, soft, soft, soft), want: [][]uint64{{15, 15, 15, 21}, {30, 30, 30, 22}, at(soft)}, says: "by way of 15 and 21, 30 and 22"},
		{name: "each family by its own", way: []events.Push{
			{{Link: "den-kcy", Family: events.IPv4, Metric: 40}, {Link: "den-kcy", Family: events.IPv6, Metric: 50}}, {{Link: "den-kcy", Metric: soft}},
		}, want: [][]uint64{{40, 40, 50, 40}, at(soft)}, says: "by way of 40 and 50"},
		{name: "no room for a step beside another", way: way, spoil: func(f *events.Facts) {
			f.Ends[0].Leaves[0] = leaf(ref("e2", 2, events.IPv4), "16777212", "16777212")
		}, want: [][]uint64{{15, 15, 15, soft - 1}, at(soft)}, says: "by way of 15 and 16777213"},
		{name: "a router with one metric for all", way: []events.Push{{{Link: "den-kcy", Family: events.IPv4, Metric: 40}}, {{Link: "den-kcy", Metric: soft}}}, spoil: func(f *events.Facts) {
			f.Ends[1].Profile.SameLevels = true
		}, want: [][]uint64{at(40), at(soft)}, says: "by way of 40"},
		{name: "to a hard drain", with: `{"style":"hard"}`, way: way[1:], want: [][]uint64{at(30), at(100), at(soft), at(soft + 1)}, says: "by way of 30, 100, 16777214"},
		{name: "one is enough", way: way[3:], want: [][]uint64{at(soft)}},
		{name: "none is known", want: [][]uint64{at(soft)}},
		{name: "none is known of this link", way: events.Uniform("chi-nyc", 30, 100, soft), want: [][]uint64{at(soft)}},
		{name: "none counts when nothing could be computed", way: way, missing: "a link is not seen", want: [][]uint64{at(soft)}},
		{name: "not wanted", with: `{"steps":"never"}`, way: way, want: [][]uint64{at(soft)}},
		{name: "in a hurry", atOnce: "it burns", way: way, want: [][]uint64{at(soft)}, says: "at once, since it burns"},
		{name: "in a hurry, where one is enough", atOnce: "it burns", way: way[3:], want: [][]uint64{at(soft)}},
		{name: "out of order", way: events.Uniform("den-kcy", 100, 30, 100, soft, 200), want: [][]uint64{at(100), at(200), at(soft)}, says: "by way of 100, 200"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			facts := seen()
			facts.Prospect = &events.Prospect{Way: tt.way, Missing: tt.missing}
			if tt.spoil != nil {
				tt.spoil(&facts)
			}
			plan, err := New().Propose(link(), facts, tt.atOnce, json.RawMessage(tt.with))
			if err != nil {
				t.Fatal(err)
			}
			var got [][]uint64
			for _, step := range plan.Steps {
				var metrics []uint64
				for _, c := range step.Changes {
					for _, s := range c.Settings {
						after, _ := s.After.Uint()
						metrics = append(metrics, after)
					}
				}
				got = append(got, metrics)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
			if !strings.Contains(plan.Sentence, tt.says) || tt.says == "" && strings.Contains(plan.Sentence, "by way") {
				t.Errorf("sentence %q", plan.Sentence)
			}
		})
	}
}
