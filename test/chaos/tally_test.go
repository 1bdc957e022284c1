package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/detour-net/detour/events"
)

var (
	older = product{Version: "v1", Digest: "aa"}
	newly = product{Version: "v2", Digest: "bb"}
)

// judged is what a site has shown, so much of everything.
func judged(n int) *certificate {
	c := newCertificate()
	c.Sites, c.Kills, c.Anomalies, c.Commits, c.Sets = 1, n, n, n, n
	c.ByState["held, holding"], c.Faults[plainKill], c.Outcomes[events.Restored] = n, n, n
	c.TakeOver["nothing else wrong"] = spread{events.Duration(time.Duration(n) * time.Second)}
	return c
}

// TestTally adds up sites of three runs, the last of another build, each from the file that the one before has left.
func TestTally(t *testing.T) {
	file := filepath.Join(t.TempDir(), "certificate.json")
	seed := uint64(7)
	for _, run := range []struct {
		of   product
		seed *uint64
	}{{older, &seed}, {older, nil}, {newly, nil}} {
		sum, err := newTally(file, run.seed, run.of, run.of == newly)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{3, 2} {
			for range n {
				sum.killed()
			}
			if err := sum.add(judged(n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, want := newCertificate(), newCertificate()
	if err := json.Unmarshal(raw, got); err != nil {
		t.Fatal(err)
	}
	want.Seeds, want.Builds = []uint64{7, 8, 9}, []product{{"v1", "aa", 10}, {"v2", "bb", 5}}
	want.Sites, want.Kills, want.Anomalies, want.Commits, want.Sets = 6, 15, 15, 15, 15
	want.ByState["held, holding"], want.Faults[plainKill], want.Outcomes[events.Restored] = 15, 15, 15
	for range 3 {
		want.TakeOver["nothing else wrong"] = append(want.TakeOver["nothing else wrong"], events.Duration(3*time.Second), events.Duration(2*time.Second))
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(certificate{}, "Began", "Took")); diff != "" {
		t.Errorf("what is kept (-want +got):\n%s", diff)
	}
}

// TestTook has each run add to the time of those before it.
func TestTook(t *testing.T) {
	file := filepath.Join(t.TempDir(), "certificate.json")
	var took events.Duration
	for range 3 {
		sum, err := newTally(file, nil, older, false)
		if err == nil {
			err = sum.add(judged(1))
		}
		if err != nil {
			t.Fatal(err)
		}
		if sum.cert.Took <= took {
			t.Errorf("runs took %s, with one more %s", took, sum.cert.Took)
		}
		took = sum.cert.Took
	}
}

// TestTallyRefuses has certificates that are not to be added to left as they are.
func TestTallyRefuses(t *testing.T) {
	seven := uint64(7)
	for _, c := range []struct {
		name  string
		left  func(sum *tally) error // by the run before, with seed 7 and the older build
		of    product
		seed  *uint64
		words []string
	}{
		{"another build", nil, newly, nil, []string{"v1 with sha256 aa", "v2 with sha256 bb", "-mixed"}},
		{"the same seed", nil, older, &seven, []string{"seed 7"}},
		{"a violation", func(sum *tally) error {
			c := judged(1)
			c.Violations = verdict{{ruleOnce, "twice"}}
			return sum.add(c)
		}, older, nil, []string{"1 violations"}},
		{"half a file", func(sum *tally) error { return os.WriteFile(sum.file, []byte(`{"seeds": [`), 0o600) }, older, nil, []string{"certificate.json"}},
		{"times that are missing", func(sum *tally) error {
			return os.WriteFile(sum.file, []byte(`{"take_over": {"nothing else wrong": {"n": 2, "all": ["1s"]}}}`), 0o600)
		}, older, nil, []string{"of 2 times 1 are there"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "certificate.json")
			sum, err := newTally(file, &seven, older, false)
			if err == nil && c.left != nil {
				err = c.left(sum)
			}
			if err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = newTally(file, c.seed, c.of, false)
			if err == nil {
				t.Fatal("it was added to")
			}
			for _, words := range append(c.words, file) {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("it does not say %q: %v", words, err)
				}
			}
			if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
				t.Errorf("%v: the file was\n%s\nand is\n%s", err, before, after)
			}
		})
	}
}

// TestTwoTallies has two runs add to one file: the one that comes second does not take away what the first has added.
func TestTwoTallies(t *testing.T) {
	file := filepath.Join(t.TempDir(), "certificate.json")
	first, err := newTally(file, nil, older, false)
	if err != nil {
		t.Fatal(err)
	}
	second, err := newTally(file, nil, older, false)
	if err == nil {
		err = second.add(judged(2))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := first.add(judged(1)); err == nil || !strings.Contains(err.Error(), "another one adds to it") {
		t.Errorf("the first adds to what the second has left, and says %v", err)
	}
	if err := second.add(judged(2)); err != nil {
		t.Error(err)
	}
}

// TestWants counts kills of sites that are not judged yet, so that sites that are hurt at the same time do not all go on to the end of the
// campaign; and wants none after a violation.
func TestWants(t *testing.T) {
	sum, err := newTally("", nil, older, false)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		sum.killed()
	}
	if sum.wants(3) || !sum.wants(4) {
		t.Error("kills of a site that is not judged do not count")
	}
	if err := sum.add(judged(3)); err != nil {
		t.Fatal(err)
	}
	if sum.wants(3) || !sum.wants(4) {
		t.Error("kills of a site that was judged count twice, or not")
	}
	bad := newCertificate()
	bad.Violations = verdict{{ruleOnce, "twice"}}
	if err := sum.add(bad); err != nil {
		t.Fatal(err)
	}
	if sum.wants(1000) {
		t.Error("it goes on after a violation")
	}
}

// TestCertificateKept writes and reads everything that there is in a certificate.
func TestCertificateKept(t *testing.T) {
	want := judged(2)
	want.Seeds, want.Builds, want.Took = []uint64{1, 1 << 63}, []product{older}, events.Duration(time.Hour)
	want.Gaps = &gaps{Writes: pairs{{NATS: events.Duration(time.Second), Ours: events.Duration(2 * time.Second)}}}
	want.Soak = &soak{Took: events.Duration(time.Minute), Drains: 3, Memory: [][]int{{1, 2}, {3}}}
	want.Violations = verdict{{ruleOnce, "twice"}}
	raw, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got := newCertificate()
	if err := json.Unmarshal(raw, got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDigest is of what a file holds.
func TestDigest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "binary")
	if err := os.WriteFile(path, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	// FIPS 180-2, appendix B.1
	if got, err := digest(path); err != nil || got != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("%s, %v", got, err)
	}
}
