package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/forecast"
)

const abilene = "../../internal/network/testdata/topologyzoo/Abilene.gml"

// asked runs detour whatif on Abilene and returns what it answers as JSON.
func asked(t *testing.T, code int, args ...string) whatifAnswer {
	t.Helper()
	var out, said strings.Builder
	args = append([]string{"whatif", "--gml", abilene, "--gravity", "30G", "-o", "json"}, args...)
	if got := execute(t.Context(), args, strings.NewReader(""), &out, &said); got != code {
		t.Fatalf("%v: exit code %d, want %d: %s", args, got, code, said.String())
	}
	var a whatifAnswer
	d := json.NewDecoder(strings.NewReader(out.String()))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out.String())
	}
	return a
}

// TestAnswers holds what the verb says of every link, and of some together, against the forecaster asked as the service
// asks it: of a network that is seen.
func TestAnswers(t *testing.T) {
	top, _, err := network.LoadGML(abilene)
	if err != nil {
		t.Fatal(err)
	}
	m, err := network.Gravity(top, 30_000_000_000)
	if err != nil {
		t.Fatal(err)
	}
	f := forecast.New(top)
	f.Use(m)
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	seen := network.State{At: now, Links: map[string]network.LinkState{}}
	for _, l := range top.Links {
		end := func(e network.End) network.EndState {
			return network.EndState{At: now, Metrics: []network.Metric{{Level: 2, Family: network.IPv4, Value: e.Metric}, {Level: 2, Family: network.IPv6, Value: e.Metric}}}
		}
		seen.Links[l.Name] = network.LinkState{A: end(l.A), B: end(l.B)}
	}
	hold := func(p prediction) {
		t.Helper()
		want := f.Links(p.Links, seen)
		got := events.Prospect{InService: *p.InService, Drained: *p.Drained, Moved: p.Moved, Harm: p.Harm, NewViolations: p.Newly, Loops: p.Loops}
		if diff := cmp.Diff(events.Prospect{
			InService: want.InService, Drained: want.Drained, Moved: want.Moved, Harm: want.Harm, NewViolations: want.NewViolations, Loops: want.Loops,
		}, got); diff != "" || len(p.Pushes) != len(want.Way) {
			t.Errorf("%v: %d steps, want %d (-forecast +verb):\n%s", p.Links, len(p.Pushes), len(want.Way), diff)
		}
	}
	all := asked(t, exitRefused, "--all")
	if len(all.Drains) != len(top.Links) || all.Traffic.BPS != m.Total() || all.Network.Digest != top.Digest() {
		t.Fatalf("%d drains of %+v with %+v", len(all.Drains), all.Network, all.Traffic)
	}
	for i, p := range all.Drains {
		if p.Links[0] != top.Links[i].Name {
			t.Errorf("%v stands where %s is to", p.Links, top.Links[i].Name)
		}
		hold(p)
	}
	joint := asked(t, exitRefused, "los-angeles--houston", "denver--kansas-city", "los-angeles--houston").Drains[0]
	if want := []string{"denver--kansas-city", "los-angeles--houston"}; !slices.Equal(joint.Links, want) || joint.Verdict != isUnsafe || len(joint.CutOff) == 0 {
		t.Errorf("%v: %s, cuts off %v", joint.Links, joint.Verdict, joint.CutOff)
	}
	hold(joint)
}

// One link drained already leaves the same verdict on the other as both asked about together: one drain does not live off
// another.
func TestAnswersBesides(t *testing.T) {
	together := asked(t, exitRefused, "los-angeles--houston", "denver--kansas-city").Drains[0]
	after := asked(t, exitRefused, "los-angeles--houston", "--drained", "denver--kansas-city").Drains[0]
	if after.Verdict != together.Verdict || after.Drained.CutOff != together.Drained.CutOff || after.Drained.WorstPermil != together.Drained.WorstPermil {
		t.Errorf("one after the other %s, %+v; together %s, %+v", after.Verdict, after.Drained, together.Verdict, together.Drained)
	}
	all := asked(t, exitRefused, "--all", "--drained", "denver--kansas-city", "--down", "seattle--denver")
	for _, p := range all.Drains {
		if slices.Contains(p.Links, "denver--kansas-city") || slices.Contains(p.Links, "seattle--denver") {
			t.Errorf("%v is asked about", p.Links)
		}
	}
	if want := 12; len(all.Drains) != want {
		t.Errorf("%d drains, want %d", len(all.Drains), want)
	}
	down := all.Drains[slices.IndexFunc(all.Drains, func(p prediction) bool { return p.Links[0] == "seattle--sunnyvale" })]
	if down.Verdict != isUnsafe || !strings.Contains(strings.Join(down.Why, " "), "seattle") {
		t.Errorf("the only link left to seattle: %s %v", down.Verdict, down.Why)
	}
}
