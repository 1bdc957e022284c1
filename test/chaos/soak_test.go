package main

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestGrown tells memory that grows from memory that does not.
func TestGrown(t *testing.T) {
	series := func(of func(n int) int) (list []int) {
		for n := range 400 {
			list = append(list, of(n))
		}
		return list
	}
	for _, c := range []struct {
		name    string
		samples []int
		medians []int
		grown   bool
	}{
		{"too few to tell", []int{1, 2, 3}, nil, false},
		{"flat", series(func(int) int { return 60 }), []int{60, 60, 60, 60, 60, 60, 60, 60}, false},
		{"warming up", series(func(n int) int { return min(n, 100) }), []int{25, 75, 100, 100, 100, 100, 100, 100}, false},
		{"one leap, at the end", series(func(n int) int { return 60 + n/399*500 }), []int{60, 60, 60, 60, 60, 60, 60, 60}, false},
		{"a leak", series(func(n int) int { return 100 + n/4 }), []int{106, 118, 131, 143, 156, 168, 181, 193}, true},
	} {
		got := parts(c.samples)
		if d := cmp.Diff(c.medians, got); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		if grown(got) != c.grown {
			t.Errorf("%s: grown is %t", c.name, !c.grown)
		}
	}
	if mib := resident(os.Getpid()); mib < 1 {
		t.Skipf("NOT TESTED: the system does not tell what a process holds, or %d MiB", mib)
	}
}

// TestSoak is a short one, which is far too short to tell of memory.
func TestSoak(t *testing.T) {
	long(t)
	t.Parallel()
	binary, err := ordinary()
	if err != nil {
		t.Fatal(err)
	}
	sum, err := newTally("", flagSeed, product{}, false)
	if err != nil {
		t.Fatal(err)
	}
	c := campaign{soak: time.Second, fill: 1000, servers: 1, replicas: 2, binary: binary, dir: t.TempDir(), log: t.Logf}
	if err := c.soaks(t.Context(), sum); err != nil {
		t.Fatal(err)
	}
	cert := sum.cert
	for _, v := range cert.Violations {
		if v.Rule != ruleFlat {
			t.Errorf("%s: %s", v.Rule, v.Detail)
		}
	}
	if cert.Soak.Drains == 0 || cert.Anomalies < c.fill || len(cert.Soak.Memory) != 2 {
		t.Errorf("nothing much was done: %d drains, %d anomalies, memory %v", cert.Soak.Drains, cert.Anomalies, cert.Soak.Memory)
	}
}
