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

func TestProposeSteps(t *testing.T) {
	way := []uint32{15, 30, 100, 16777214}
	for _, tt := range []struct {
		name    string
		with    string
		atOnce  string
		way     []uint32
		missing string
		want    []uint64 // metrics after each step
		says    string
	}{
		{name: "by steps", way: way, want: []uint64{30, 100, 16777214}, says: "by way of 30, 100"}, // kcy stands at 20: 15 is below it
		{name: "to a hard drain", with: `{"style":"hard"}`, way: way, want: []uint64{30, 100, 16777214, 16777215}, says: "by way of 30, 100, 16777214"},
		{name: "one is enough", way: []uint32{16777214}, want: []uint64{16777214}},
		{name: "none is known", want: []uint64{16777214}},
		{name: "none counts when nothing could be computed", way: way, missing: "a link is not seen", want: []uint64{16777214}},
		{name: "not wanted", with: `{"steps":"never"}`, way: way, want: []uint64{16777214}},
		{name: "in a hurry", atOnce: "it burns", way: way, want: []uint64{16777214}, says: "at once, since it burns"},
		{name: "in a hurry, where one is enough", atOnce: "it burns", way: way[3:], want: []uint64{16777214}},
		{name: "out of order", way: []uint32{100, 30, 100, 16777214, 200}, want: []uint64{100, 200, 16777214}, says: "by way of 100, 200"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			facts := seen()
			facts.Prospect = &events.Prospect{Steps: tt.way, Missing: tt.missing}
			plan, err := New().Propose(link(), facts, tt.atOnce, json.RawMessage(tt.with))
			if err != nil {
				t.Fatal(err)
			}
			var got []uint64
			for _, step := range plan.Steps {
				first, _ := step.Changes[0].Settings[0].After.Uint()
				got = append(got, first)
				for _, c := range step.Changes {
					for _, s := range c.Settings {
						if after, _ := s.After.Uint(); after != first {
							t.Errorf("%s on %s goes to %d in a step to %d", s.LeafRef, c.Device, after, first)
						}
					}
				}
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
