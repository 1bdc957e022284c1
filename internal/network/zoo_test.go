package network

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/detour-net/detour/events"
)

// TestZoo reads every backbone that comes with the package. The counts are those of the files' own text.
func TestZoo(t *testing.T) {
	tests := []struct {
		name           string
		routers, links int
		parallel       int // links beyond the first of a pair of routers
		hyperedges     int
		loops          int
	}{
		{"Abilene", 11, 14, 0, 0, 0},
		{"Cogentco", 197, 245, 2, 11, 0},
		{"Colt", 153, 191, 14, 4, 0},
		{"DeutscheTelekom", 39, 62, 0, 0, 0},
		{"Geant2012", 40, 61, 0, 0, 0},
		{"GtsCe", 149, 193, 0, 4, 0},
		{"Interoute", 110, 156, 10, 6, 2},
		{"Kdl", 754, 899, 4, 28, 0},
		{"UsCarrier", 158, 189, 0, 6, 0},
	}
	files, err := filepath.Glob("testdata/topologyzoo/*.gml")
	if err != nil || len(files) != len(tests) {
		t.Fatalf("%d files, want %d; %v", len(files), len(tests), err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			topo, notes, err := LoadGML(filepath.Join("testdata/topologyzoo", tt.name+".gml"))
			if err != nil {
				t.Fatal(err)
			}
			if len(topo.Routers) != tt.routers || len(topo.Links) != tt.links {
				t.Errorf("%d routers and %d links, want %d and %d", len(topo.Routers), len(topo.Links), tt.routers, tt.links)
			}
			if got := len(topo.Links) - len(topo.Pairs()); got != tt.parallel {
				t.Errorf("%d parallel links, want %d", got, tt.parallel)
			}
			hyperedges := 0
			for _, r := range topo.Routers {
				if slices.Contains(r.Roles, RoleHyperedge) {
					hyperedges++
				}
			}
			if hyperedges != tt.hyperedges {
				t.Errorf("%d hyperedges, want %d", hyperedges, tt.hyperedges)
			}
			loops := 0
			for _, n := range notes {
				loops += strings.Count(n, "to itself")
			}
			if loops != tt.loops {
				t.Errorf("%d edges to themselves in %q, want %d", loops, notes, tt.loops)
			}
			resolver, err := NewResolver(topo)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range topo.Links {
				if target, ok := resolver.Resolve(events.Resource{Device: l.B.Device, Interface: l.B.Interface}); !ok || target.Name != l.Name {
					t.Errorf("%+v resolves to %q", l.B, target.Name)
				}
			}
			if live, err := Effective(topo, State{}); err != nil || len(live.Links) != len(topo.Links) {
				t.Errorf("as it stands: %d links, %v", len(live.Links), err)
			}
		})
	}
}

// TestAbileneDistances: New York to Chicago is 1,145 km and Seattle to Sunnyvale 1,138 km by any atlas; a few kilometres
// are the atlas's choice of place.
func TestAbileneDistances(t *testing.T) {
	topo, _, err := LoadGML("testdata/topologyzoo/Abilene.gml")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"new-york--chicago": 1145, "seattle--sunnyvale": 1138, "los-angeles--houston": 2206}
	for _, l := range topo.Links {
		if km, listed := want[l.Name]; listed {
			if off := int(l.A.Metric) - km; off < -5 || off > 5 || l.A.Metric != l.B.Metric {
				t.Errorf("%s: metrics %d and %d, want about %d", l.Name, l.A.Metric, l.B.Metric, km)
			}
			delete(want, l.Name)
		}
	}
	if len(want) > 0 {
		t.Errorf("no such links: %v", want)
	}
}

// TestGeantSpeeds: 39 of its links say how fast they are.
func TestGeantSpeeds(t *testing.T) {
	topo, notes, err := LoadGML("testdata/topologyzoo/Geant2012.gml")
	if err != nil {
		t.Fatal(err)
	}
	speeds := map[int64]int{}
	for _, l := range topo.Links {
		speeds[l.Capacity]++
	}
	if speeds[2_500_000_000] != 5 || speeds[1_000_000_000] != 6 || speeds[155_000_000] != 2 || speeds[10_000_000_000] != 26+22 {
		t.Errorf("links by speed: %v", speeds)
	}
	if !slices.Contains(notes, "22 of 61 links have no speed: 10 Gb/s each") {
		t.Errorf("notes: %q", notes)
	}
}

func TestLoadGMLNamesTheFile(t *testing.T) {
	if _, _, err := LoadGML("testdata/none.gml"); err == nil || !strings.Contains(err.Error(), "none.gml") {
		t.Errorf("err = %v", err)
	}
}
