package proof

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/internal/ledger/checkpoint"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// commits are n of them, unsealed.
func commits(n int) (list []events.Commit) {
	for i := range n {
		list = append(list, events.Commit{ID: fmt.Sprint("c", i+1), At: noon.Add(time.Duration(i) * time.Second), By: "r",
			Records: []events.Record{{Incident: "den-kcy-1", Body: events.Relapsed{Why: fmt.Sprint("because of ", i+1)}}}})
	}
	return list
}

// sealAll makes the chain of the commits, as whoever can write to everything could.
func sealAll(t testing.TB, list []events.Commit) (entries []ledger.Entry) {
	t.Helper()
	var prev events.Commit
	for _, c := range list {
		c.Prev = prev.Digest
		e, err := ledger.Seal("test", &c, prev.Position)
		if err != nil {
			t.Fatal(err)
		}
		entries, prev = append(entries, e), c
	}
	return entries
}

// checkpoints are those of the entries at the given sizes, as if they had been opened.
func checkpoints(t testing.TB, entries []ledger.Entry, sizes ...int) (list []checkpoint.Opened) {
	t.Helper()
	var edge checkpoint.Edge
	for i, e := range entries {
		edge.Append(checkpoint.Leaf(e.Subject, e.Stated))
		if slices.Contains(sizes, i+1) {
			list = append(list, checkpoint.Opened{Checkpoint: checkpoint.At("test", &edge, events.Commit{At: noon, Digest: e.Stated})})
		}
	}
	return list
}

// hold writes the entries out and holds them against the checkpoints.
func hold(t testing.TB, entries []ledger.Entry, seen uint64, opened []checkpoint.Opened) (Result, []ledger.Finding) {
	t.Helper()
	var out []byte
	var err error
	for _, e := range entries {
		if out, err = ledger.AppendLine(out, e); err != nil {
			t.Fatal(err)
		}
	}
	var tree Tree
	report, err := ledger.ReadLines(bytes.NewReader(out), tree.Take)
	if err != nil {
		t.Fatal(err)
	}
	r := tree.Hold(opened, seen)
	return r, Merge(report.Findings, r.Findings)
}

// TestRewritten does what no chain of digests shows: whoever can write to everything changes something and makes the chain anew.
func TestRewritten(t *testing.T) {
	const n = 300
	for _, c := range []struct {
		name  string
		do    func(list []events.Commit) []events.Commit
		sizes []int
		want  string // the first finding
	}{
		{"nothing is done", func(l []events.Commit) []events.Commit { return l }, []int{100, n}, ""},
		{"altered, and it is among the newest", func(l []events.Commit) []events.Commit { l[280].By = "thief"; return l }, []int{100, n}, "position 281: altered (proven): from here on nothing"},
		{"altered at the end", func(l []events.Commit) []events.Commit { l[n-1].By = "thief"; return l }, []int{n}, "position 300: altered (proven): its bytes"},
		{"altered, and it was among the newest once", func(l []events.Commit) []events.Commit { l[150].By = "thief"; return l }, []int{100, 200, n}, "position 151: altered (proven): from here on nothing"},
		{"altered, and it was never among the newest", func(l []events.Commit) []events.Commit { l[150].By = "thief"; return l }, []int{n}, "positions 1 to 256: altered (proven): what the checkpoint of 300"},
		{"altered behind a checkpoint that holds", func(l []events.Commit) []events.Commit { l[150].By = "thief"; return l }, []int{100, n}, "positions 101 to 256: altered (proven)"},
		{"removed", func(l []events.Commit) []events.Commit { return slices.Delete(l, 280, 281) }, []int{n}, "position 281: altered (proven): from here on nothing"},
		{"inserted", func(l []events.Commit) []events.Commit { return slices.Insert(l, 280, commits(1)...) }, []int{n}, "position 281: altered (proven): from here on nothing"},
		{"reordered", func(l []events.Commit) []events.Commit { l[280], l[285] = l[285], l[280]; return l }, []int{n}, "position 281: altered (proven): from here on nothing"},
		{"the end cut off", func(l []events.Commit) []events.Commit { return l[:290] }, []int{100, n}, "positions 291 to 300: missing (proven): the export ends here"},
		{"everything cut off", func([]events.Commit) []events.Commit { return nil }, []int{n}, "positions 1 to 300: missing (proven)"},
		{"more was written since", func(l []events.Commit) []events.Commit { return append(l, commits(3)...) }, []int{n}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			signed := checkpoints(t, sealAll(t, commits(n)), c.sizes...)
			r, findings := hold(t, sealAll(t, c.do(commits(n))), 0, signed)
			if r.Sound() != (c.want == "") {
				t.Errorf("sound: %t, %+v", r.Sound(), r)
			}
			if c.want == "" {
				if len(findings) > 0 || r.Proven != n {
					t.Errorf("proven up to %d, findings %v", r.Proven, findings)
				}
				return
			}
			// The end of a line, with its number, is not what is asked here.
			if len(findings) == 0 || !strings.Contains(findings[0].String(), c.want) {
				t.Errorf("findings %v, want %q", findings, c.want)
			}
		})
	}
}

// TestTwoLives holds a ledger that was restored from an older backup, and has gone on, against checkpoints of both its lives: what the
// first life's deny is told where it begins, whatever those of the second prove.
func TestTwoLives(t *testing.T) {
	const backup = 2
	second := commits(8)
	for i := range second[backup:] {
		second[backup+i].By = "another"
	}
	now := sealAll(t, second)
	for size := backup + 1; size <= len(now); size++ {
		signed := append(checkpoints(t, sealAll(t, commits(8)), backup, 8), checkpoints(t, now, size)...)
		r, findings := hold(t, now, 0, signed)
		if r.Sound() {
			t.Errorf("with a checkpoint of %d records of the second life it is sound: %+v", size, r)
		}
		if size == len(now) {
			continue // the first life's checkpoint is told as one that contradicts it
		}
		if len(findings) == 0 || findings[0].Position != backup+1 || findings[0].To != 0 && findings[0].To < findings[0].Position {
			t.Errorf("with a checkpoint of %d records of the second life: %v, want position %d", size, findings, backup+1)
		}
	}
}

// TestRenumbered changes records and leaves the digests alone: with a checkpoint it is known which one it was, and how.
func TestRenumbered(t *testing.T) {
	const n = 40
	for _, c := range []struct {
		name string
		do   func(l []ledger.Entry) []ledger.Entry
		want []string
	}{
		{"altered with its digest", func(l []ledger.Entry) []ledger.Entry {
			l[9].Raw = bytes.Replace(l[9].Raw, []byte("because"), []byte("despite"), 1)
			l[9].Stated = events.DigestBytes(l[9].Raw)
			return l
		}, []string{"position 10: altered (proven)"}},
		{"altered", func(l []ledger.Entry) []ledger.Entry {
			l[9].Raw = bytes.Replace(l[9].Raw, []byte("because"), []byte("despite"), 1)
			return l
		}, []string{"position 10: altered (proven)"}},
		{"removed", func(l []ledger.Entry) []ledger.Entry { return slices.Delete(l, 9, 10) }, []string{"position 10: missing (proven)"}},
		{"removed at the end", func(l []ledger.Entry) []ledger.Entry { return l[:n-2] }, []string{"positions 39 to 40: missing (proven)"}},
		{"inserted", func(l []ledger.Entry) []ledger.Entry {
			c := commits(1)[0]
			c.Prev = l[8].Stated
			e, _ := ledger.Seal("test", &c, 9)
			return slices.Insert(l, 9, e)
		}, []string{"position 10: misplaced (proven)"}},
		{"two neighbours changed places", func(l []ledger.Entry) []ledger.Entry { l[9], l[10] = l[10], l[9]; return l }, []string{"positions 10 to 11: misplaced (proven)"}},
		{"two changed places", func(l []ledger.Entry) []ledger.Entry { l[9], l[20] = l[20], l[9]; return l },
			[]string{"position 10: misplaced (proven)", "position 21: misplaced (proven)"}},
		{"two altered", func(l []ledger.Entry) []ledger.Entry {
			for _, i := range []int{4, 30} {
				l[i].Subject = events.LedgerSubject("test", "x")
			}
			return l
		}, []string{"position 5: altered (proven)", "position 31: altered (proven)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole := sealAll(t, commits(n))
			signed := checkpoints(t, whole, 5, n)
			entries := c.do(slices.Clone(whole))
			for i := range entries {
				entries[i].Position = uint64(i) + 1
			}
			r, findings := hold(t, entries, 0, signed)
			var got []string
			for _, f := range findings {
				if f.Sure == ledger.Proven {
					text, _, _ := strings.Cut(f.String(), "): ")
					_, text, _ = strings.Cut(text+")", "position")
					got = append(got, "position"+text)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" || r.Sound() {
				t.Errorf("findings (-want +got):\n%s\n%v", diff, findings)
			}
		})
	}
}

// TestAnyTampering changes something at a random place, makes some or all digests fit, and keeps checkpoints of random sizes:
// it is always found, and the place is always inside of what the first finding names.
func TestAnyTampering(t *testing.T) {
	const n = 320
	original := commits(n)
	whole := sealAll(t, original)
	rapid.Check(t, func(rt *rapid.T) {
		sizes := append(rapid.SliceOfN(rapid.IntRange(1, n), 0, 4).Draw(rt, "sizes"), n)
		at := rapid.IntRange(0, n-1).Draw(rt, "at")
		list := slices.Clone(original)
		switch rapid.SampledFrom([]string{"alter", "remove", "insert", "swap"}).Draw(rt, "how") {
		case "alter":
			list[at].By = "thief"
		case "remove":
			list = slices.Delete(list, at, at+1)
		case "insert":
			list = slices.Insert(list, at, events.Commit{ID: "forged", At: noon, By: "thief"})
		case "swap":
			with := rapid.IntRange(0, n-1).Draw(rt, "with")
			if with == at {
				return
			}
			list[at], list[with] = list[with], list[at]
			at = min(at, with)
		}
		r, findings := hold(t, sealAll(t, list), 0, checkpoints(t, whole, sizes...))
		if r.Sound() || len(findings) == 0 {
			rt.Fatalf("nothing is found at position %d", at+1)
		}
		if f := findings[0]; f.Position > uint64(at)+1 || max(f.Position, f.To) < uint64(at)+1 || f.Sure != ledger.Proven {
			rt.Fatalf("position %d: found %v", at+1, findings)
		}
	})
}

// TestStatements: what is wrong with the checkpoints, not with the export.
func TestStatements(t *testing.T) {
	ours, others := sealAll(t, commits(20)), commits(20)
	others[3].By = "thief"
	fork := sealAll(t, others)
	forged := checkpoint.Opened{Fault: checkpoint.Forged, Detail: "x"}
	torn := checkpoint.Opened{Fault: checkpoint.Malformed, Detail: "x"}
	for _, c := range []struct {
		name   string
		opened []checkpoint.Opened
		seen   uint64
		sound  bool
		faults []string
	}{
		{"good", checkpoints(t, ours, 5, 20), 20, true, []string{"", ""}},
		{"one was cut off when it was written", append(checkpoints(t, ours, 20), torn), 0, true, []string{"", "malformed"}},
		{"all were", []checkpoint.Opened{torn}, 0, false, []string{"malformed"}},
		{"none", nil, 0, false, nil},
		{"a forged one beside a good one", append(checkpoints(t, ours, 20), forged), 0, false, []string{"", "forged"}},
		{"older than one seen", checkpoints(t, ours, 5, 12), 15, false, []string{"", RolledBack}},
		{"of two histories", append(checkpoints(t, fork, 10), checkpoints(t, ours, 20)...), 0, false, []string{Contradicts, ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, _ := hold(t, ours, c.seen, c.opened)
			var got []string
			for _, s := range r.Statements {
				got = append(got, s.Fault)
			}
			if diff := cmp.Diff(c.faults, got); diff != "" || r.Sound() != c.sound {
				t.Errorf("sound %t, faults (-want +got):\n%s", r.Sound(), diff)
			}
		})
	}
}

// BenchmarkHold is of an export of 10,000 commits.
func BenchmarkHold(b *testing.B) {
	entries := sealAll(b, commits(10_000))
	signed := checkpoints(b, entries, 10_000)
	for b.Loop() {
		if r, _ := hold(b, entries, 0, signed); !r.Sound() {
			b.Fatal("it is not sound")
		}
	}
	b.ReportMetric(float64(len(entries))*float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}
