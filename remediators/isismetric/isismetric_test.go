package isismetric

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

func seen(sameLevels bool, den1, den2, kcy uint64) (events.Target, events.Facts) {
	target := events.Target{Kind: events.TargetLink, Name: "den-kcy", Ends: []events.End{{Device: "den", Interface: "e1"}, {Device: "kcy", Interface: "e2"}}}
	profile := events.Profile{Name: "openconfig", SoftMetric: 16777214, HardMetric: 16777215, SameLevels: sameLevels}
	leaf := func(iface string, level int, n uint64) events.LeafFacts {
		return events.LeafFacts{LeafRef: events.LeafRef{Leaf: events.ISISMetric, Interface: iface, Level: level, Family: events.IPv4}, Config: events.UintValue(n), State: events.UintValue(n)}
	}
	return target, events.Facts{Ends: []events.EndFacts{
		{End: target.Ends[0], Profile: profile, Leaves: []events.LeafFacts{leaf("e1", 1, den1), leaf("e1", 2, den2)}},
		{End: target.Ends[1], Profile: profile, Leaves: []events.LeafFacts{leaf("e2", 2, kcy)}},
	}}
}

func TestPropose(t *testing.T) {
	tests := []struct {
		name       string
		with       string
		same       bool
		den1, den2 uint64
		kcy        uint64
		want       []uint64
		says       string
	}{
		{"by", `{"raise_by":100}`, false, 10, 20, 30, []uint64{110, 120, 130}, "link den-kcy by 100"},
		{"to", `{"raise_to":500}`, false, 10, 20, 30, []uint64{500, 500, 500}, "link den-kcy to 500"},
		{"one metric for all levels", `{"raise_by":100}`, true, 10, 20, 30, []uint64{120, 120, 130}, ""},
		{"not beyond what SPF uses", `{"raise_by":16777214}`, false, 10, 20, 30, []uint64{16777214, 16777214, 16777214}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target, facts := seen(tt.same, tt.den1, tt.den2, tt.kcy)
			plan, err := New().Propose(target, facts, "", json.RawMessage(tt.with))
			if err != nil {
				t.Fatal(err)
			}
			var got []uint64
			for _, c := range plan.Steps[0].Changes {
				for _, s := range c.Settings {
					n, _ := s.After.Uint()
					got = append(got, n)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("metrics (-want +got):\n%s", diff)
			}
			if !strings.Contains(plan.Sentence, tt.says) {
				t.Errorf("sentence %q", plan.Sentence)
			}
			if diff := cmp.Diff([]string{"as-configured", "nothing-broke"}, plan.Checks); diff != "" {
				t.Errorf("checks (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProposeRefuses(t *testing.T) {
	tests := []struct {
		name, with string
		kcy        uint64
		spoil      func(*events.Facts)
		want       string
	}{
		{"neither", `{}`, 30, nil, "exactly one of raise_by and raise_to"},
		{"both", `{"raise_by":1,"raise_to":2}`, 30, nil, "exactly one of raise_by and raise_to"},
		{"beyond SPF", `{"raise_to":16777215}`, 30, nil, "16777215 is above 16777214"},
		{"negative", `{"raise_by":-1}`, 30, nil, "parameters: "},
		{"unknown", `{"lower_by":1}`, 30, nil, `unknown field "lower_by"`},
		{"one end is there already", `{"raise_to":30}`, 30, nil, "on kcy: it already stands at 30, and a raise to 30 would lower it or change nothing"},
		{"it would lower one end", `{"raise_to":29}`, 30, nil, "would lower it"},
		{"drained", `{"raise_by":1}`, 16777214, nil, "somebody has drained the link"},
		{"a platform that is not known", `{"raise_by":1}`, 30, func(f *events.Facts) { f.Ends[0].Profile = events.Profile{Name: "x"} }, `platform profile "x" does not say its highest metric`},
		{"unreadable", `{"raise_by":1}`, 30, func(f *events.Facts) { f.Ends[0].Unreadable = "Internal" }, "pre-image of den e1 is unreadable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target, facts := seen(false, 10, 20, tt.kcy)
			if tt.spoil != nil {
				tt.spoil(&facts)
			}
			_, err := New().Propose(target, facts, "", json.RawMessage(tt.with))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
		})
	}
}
