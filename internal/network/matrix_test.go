package network

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestNewMatrix(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	in := []Demand{{"b", "a", 1e6, "", ""}, {"a", "b", 1e6, "x", ""}, {"a", "b", 1e6, "", ""}}
	m, err := NewMatrix(line(t), in, at, "flows")
	if err != nil {
		t.Fatal(err)
	}
	want := Matrix{Demands: []Demand{{"a", "b", 1e6, "", ""}, {"a", "b", 1e6, "x", ""}, {"b", "a", 1e6, "", ""}}, At: at, Source: "flows"}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("matrix (-want +got):\n%s", diff)
	}
	if in[0].From != "b" {
		t.Error("the caller's demands were sorted")
	}
	for _, tt := range []struct {
		name string
		in   []Demand
		want string
	}{
		{"none", nil, "flows: the matrix is empty: it has no demand"},
		{"negative", []Demand{{"a", "b", -1, "", ""}}, "demands[0]: -1: want 0 to 1125899906842624 bits per second"},
		{"huge", []Demand{{"a", "b", 1<<50 + 1, "", ""}}, "demands[0]: 1125899906842625: want"},
		{"twice", []Demand{{"a", "b", 1e6, "", ""}, {"a", "b", 1e6, "", ""}}, "demands[1]: the demand from \"a\" to \"b\" is given twice; first: demands[0]"},
		{"unknown", []Demand{{"a", "", 1e6, "", ""}}, `demands[0]: to: router "" is not in the inventory`},
	} {
		if _, err := NewMatrix(line(t), tt.in, at, "flows"); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: err = %v, want %q", tt.name, err, tt.want)
		}
	}
}

// TestMatrixInAll: demands that are each believable may not be so together, and never overflow their sum.
func TestMatrixInAll(t *testing.T) {
	topo := line(t)
	topo.Links[0].Capacity, topo.Links[1].Capacity = maxCapacity, maxCapacity
	for i := range 100 {
		topo.Routers = append(topo.Routers, Router{Name: fmt.Sprintf("r%d", i)})
	}
	var demands []Demand
	for _, from := range topo.Routers {
		for _, to := range topo.Routers {
			if from.Name != to.Name && len(demands) < 4097 {
				demands = append(demands, Demand{From: from.Name, To: to.Name, BPS: maxDemand})
			}
		}
	}
	if _, err := NewMatrix(topo, demands, time.Time{}, "m"); err == nil || !strings.Contains(err.Error(), "m: more than 4611686018427387904 bits per second in all") {
		t.Errorf("2^62 + 2^50: err = %v", err)
	}
	if _, err := NewMatrix(topo, demands[:4096], time.Time{}, "m"); err == nil || !strings.Contains(err.Error(), "4611686018427387904 bits per second in all are more than 100 times") {
		t.Errorf("2^62: err = %v", err)
	}
	topo.Links = slices.Repeat(topo.Links, 1<<12)
	if got := topo.Capacity(); got != maxTotal {
		t.Errorf("capacity = %d, want %d, its bound", got, int64(maxTotal))
	}
	if _, err := NewMatrix(topo, demands[:4096], time.Time{}, "m"); err != nil {
		t.Errorf("2^62 on a network of that capacity: %v", err)
	}
}

func TestMatrixDigest(t *testing.T) {
	base, err := NewMatrix(line(t), []Demand{{"a", "b", 1e6, "", ""}, {"b", "a", 2e6, "x", ""}}, time.Time{}, "m")
	if err != nil {
		t.Fatal(err)
	}
	later := base
	later.At, later.Source = time.Unix(1, 0), "n"
	if base.Digest() != later.Digest() {
		t.Error("the digest changes with time or source")
	}
	for i, change := range []func(*Demand){
		func(d *Demand) { d.BPS++ }, func(d *Demand) { d.Class = "y" }, func(d *Demand) { d.From, d.To = d.To, d.From },
	} {
		other := base
		other.Demands = slices.Clone(base.Demands)
		change(&other.Demands[1])
		if base.Digest() == other.Digest() {
			t.Errorf("change %d: the digest did not change", i)
		}
	}
}
