package network

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestGravity(t *testing.T) {
	m, err := Gravity(line(t), 11_000)
	if err != nil {
		t.Fatal(err)
	}
	// Masses 1, 3 and 2; the products of the pairs are 3, 2 and 6, each in two directions: 22 parts.
	want := []Demand{
		{"a", "b", 1500, "", ""}, {"a", "c,d", 1000, "", ""}, {"b", "a", 1500, "", ""}, {"b", "c,d", 3000, "", ""}, {"c,d", "a", 1000, "", ""}, {"c,d", "b", 3000, "", ""},
	}
	if !slices.Equal(m.Demands, want) || m.Source != "gravity" {
		t.Errorf("matrix %+v, want %v", m, want)
	}
}

// TestGravityShares compares with fractions of any size, on networks of any size and speed.
func TestGravityShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		topo := &Topology{}
		n := rapid.IntRange(2, 8).Draw(t, "routers")
		for i := range n {
			topo.Routers = append(topo.Routers, Router{Name: fmt.Sprintf("r%d", i)})
		}
		mass := make([]int64, n)
		for range rapid.IntRange(1, 20).Draw(t, "links") {
			a := rapid.IntRange(0, n-1).Draw(t, "a")
			b := (a + rapid.IntRange(1, n-1).Draw(t, "b")) % n
			capacity := rapid.Int64Range(1, 1000).Draw(t, "capacity")
			topo.Links = append(topo.Links, Link{A: End{Device: topo.Routers[a].Name}, B: End{Device: topo.Routers[b].Name}, Capacity: capacity})
			mass[a], mass[b] = mass[a]+capacity, mass[b]+capacity
		}
		total := rapid.Int64Range(1000, topo.Capacity()+1000).Draw(t, "total")
		whole := new(big.Int)
		product := func(i, j int) *big.Int { return new(big.Int).Mul(big.NewInt(mass[i]), big.NewInt(mass[j])) }
		for i := range n {
			for j := range n {
				if i != j {
					whole.Add(whole, product(i, j))
				}
			}
		}
		m, err := Gravity(topo, total)
		if err != nil {
			if !strings.Contains(err.Error(), "more than 100 times") {
				t.Fatal(err)
			}
			return
		}
		got := map[[2]string]int64{}
		for _, d := range m.Demands {
			got[[2]string{d.From, d.To}] = d.BPS
		}
		for i, a := range topo.Routers {
			for j, b := range topo.Routers {
				if i == j {
					continue
				}
				want := product(i, j)
				want.Mul(want, big.NewInt(total)).Quo(want, whole)
				if got[[2]string{a.Name, b.Name}] != want.Int64() {
					t.Fatalf("%s to %s: %d, want %d", a.Name, b.Name, got[[2]string{a.Name, b.Name}], want)
				}
			}
		}
	})
}

// TestGravityOnFastNetworks: capacities at their bound do not overflow, and the sum is what was asked for.
func TestGravityOnFastNetworks(t *testing.T) {
	topo := line(t)
	for _, copies := range []int{1, 1 << 12, 1 << 15} {
		fast := &Topology{Routers: topo.Routers, Links: slices.Repeat(topo.Links, copies)}
		for i := range fast.Links {
			fast.Links[i].Capacity = maxCapacity
		}
		m, err := Gravity(fast, 1_000_000_000_000)
		if err != nil {
			t.Fatalf("%d links: %v", len(fast.Links), err)
		}
		// Masses 1, 2 and 1: ten parts.
		if d := m.Demands[0]; d.To != "b" || d.BPS != 200_000_000_000 || m.Total() != 1_000_000_000_000 {
			t.Errorf("%d links: %v in all %d", len(fast.Links), m.Demands, m.Total())
		}
	}
}

func TestGravityLeavesOutSegments(t *testing.T) {
	topo := line(t)
	topo.Routers[1].Roles = []string{RoleHyperedge}
	m, err := Gravity(topo, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if want := []Demand{{"a", "c,d", 500, "", ""}, {"c,d", "a", 500, "", ""}}; !slices.Equal(m.Demands, want) {
		t.Errorf("demands %v, want %v", m.Demands, want)
	}
}

func TestGravityRefuses(t *testing.T) {
	for total, want := range map[int64]string{
		0:                      "gravity: the matrix is empty",
		-5:                     "gravity: the matrix is empty",
		15_000_000_000_000 * 2: "looks like the wrong unit",
	} {
		if _, err := Gravity(line(t), total); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: err = %v, want %q", total, err, want)
		}
	}
	crowd := line(t)
	for i := range 2002 {
		name := fmt.Sprintf("r%d", i)
		crowd.Routers = append(crowd.Routers, Router{Name: name})
		crowd.Links = append(crowd.Links, Link{Name: name, A: End{Device: name}, B: End{Device: "a"}, Capacity: 1e9})
	}
	if _, err := Gravity(crowd, 1e12); err == nil || !strings.Contains(err.Error(), "more than 4000000 demands") {
		t.Errorf("2,005 routers: err = %v", err)
	}
}
