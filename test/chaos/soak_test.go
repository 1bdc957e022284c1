package main

import (
	"fmt"
	"os"
	"path/filepath"
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

// TestInterrupted has campaigns told to end in the middle of a soak, and of killing leaders: what is under way comes to its end, is judged,
// and is what the certificate tells of.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	long(t)
	binary, err := ordinary()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		campaign
		words string
		tells func(cert *certificate) bool
	}{
		"a soak": {campaign{soak: 10 * time.Hour, fill: 1000, servers: 1, replicas: 2}, "of a soak of 10h0m0s", func(cert *certificate) bool {
			return cert.Kills == 0 && cert.Soak.Drains == 1 && cert.Soak.Took.Std() < time.Hour && len(cert.Soak.Memory) == 2 && cert.Anomalies >= 1000
		}},
		"leaders": {campaign{leaders: 1000, servers: 3, replicas: 2}, "1 of 1000 kills of a leader", func(cert *certificate) bool {
			return cert.Kills == 1 && cert.Faults[killLeader] == 1 && len(cert.Gaps.Writes) == 1 && len(cert.Gaps.Anomalies) == 1 && cert.Builds[0].Kills == 1
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.dir = t.TempDir()
			c.binary, c.skewed, c.sites, c.file = binary, binary, 1, filepath.Join(c.dir, "certificate.json")
			if cert := c.interrupted(t, 1, c.words); cert.Sites != 1 || !c.tells(cert) {
				t.Errorf("it tells of %d sites, %d kills, gaps %+v, soak %+v", cert.Sites, cert.Kills, cert.Gaps, cert.Soak)
			}
			if left, err := filepath.Glob(filepath.Join(c.dir, "site-*")); err != nil || len(left) != 0 {
				t.Errorf("left behind is %v, %v", left, err)
			}
		})
	}
}

// TestViolated has what must not be said at once, and its site kept.
func TestViolated(t *testing.T) {
	sum, err := newTally("", flagSeed, older, false)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	c := campaign{log: func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }}
	s := &site{dir: t.TempDir()}
	cert := judged(0)
	cert.Violations.find(ruleFlat, "replica 1: [1 2 9] MiB")
	if err := c.count(sum, s, cert); err != nil {
		t.Fatal(err)
	}
	want := []string{"VIOLATED: memory does not grow with time: replica 1: [1 2 9] MiB", "what the replicas said is kept in " + s.dir}
	if diff := cmp.Diff(want, said); diff != "" || len(sum.cert.Violations) != 1 {
		t.Errorf("counted are %v, and said is (-want +got):\n%s", sum.cert.Violations, diff)
	}
	if _, err := os.Stat(s.dir); err != nil {
		t.Error(err)
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
