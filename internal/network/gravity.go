package network

import (
	"math/bits"
	"slices"
	"time"
)

// Gravity makes a matrix of total bits per second by the gravity rule, for networks whose traffic is not known: every
// router sends to every other in proportion to the product of their masses, a router's mass being the capacity of its
// links. A router with RoleHyperedge has no mass. Rates are rounded down, so the sum falls short of total by less than
// one bit per second for each demand; demands of 0 are left out.
//
// It refuses what NewMatrix refuses: a total beyond belief for t, and more demands than a matrix may have (from about
// 2,000 routers).
func Gravity(t *Topology, total int64) (Matrix, error) {
	mass := masses(t)
	var sum, squares uint64
	for _, m := range mass {
		sum += m
		squares += m * m
	}
	whole := sum*sum - squares // the sum of all products
	var demands []Demand
	for i, a := range t.Routers {
		for j, b := range t.Routers {
			if i == j || mass[i]*mass[j] == 0 || total <= 0 {
				continue
			}
			// No product is more than half of the whole, so the quotient fits.
			high, low := bits.Mul64(uint64(total), mass[i]*mass[j])
			if rate, _ := bits.Div64(high, low, whole); rate > 0 {
				demands = append(demands, Demand{From: a.Name, To: b.Name, BPS: int64(rate)})
			}
			if len(demands) > maxDemands {
				return NewMatrix(t, demands, time.Time{}, "gravity")
			}
		}
	}
	return NewMatrix(t, demands, time.Time{}, "gravity")
}

// masses are the routers' capacities in a unit in which the square of their sum fits a uint64.
func masses(t *Topology) []uint64 {
	index := map[string]int{}
	for i, r := range t.Routers {
		index[r.Name] = i
	}
	mass, sum := make([]uint64, len(t.Routers)), uint64(0)
	spare := max(0, bits.Len(2*uint(len(t.Links)))-14) // capacities of 2^50 would overflow the sum from 8,192 links on
	for _, l := range t.Links {
		mass[index[l.A.Device]] += max(1, uint64(l.Capacity)>>spare)
		mass[index[l.B.Device]] += max(1, uint64(l.Capacity)>>spare)
	}
	for i, r := range t.Routers {
		if slices.Contains(r.Roles, RoleHyperedge) {
			mass[i] = 0
		}
		sum += mass[i]
	}
	shift := max(0, bits.Len64(sum)-31)
	for i, m := range mass {
		if m > 0 {
			mass[i] = max(1, m>>shift)
		}
	}
	return mass
}
