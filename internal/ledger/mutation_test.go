package ledger

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/detour-net/detour/events"
)

// exportOf is the export of entries, and where each of its lines ends.
func exportOf(t *testing.T, entries []Entry) (out []byte, ends []int) {
	t.Helper()
	for _, e := range entries {
		var err error
		if out, err = AppendLine(out, e); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, len(out))
	}
	return out, ends
}

// about reports whether the first finding on an export names position p, or two of which it is one.
func about(t *testing.T, export []byte, p uint64) string {
	t.Helper()
	report, err := ReadExport(bytes.NewReader(export), nil)
	switch {
	case err != nil:
		return err.Error()
	case report.Intact():
		return "nothing was found"
	}
	if f := report.Findings[0]; f.Position > p || max(f.Position, f.To) < p {
		return fmt.Sprintf("want position %d, found %v", p, report.Findings)
	}
	return ""
}

// TestEveryByte changes, removes and adds every single byte of an export: each is found at the record in whose line it
// stands. The end of a line is a part of it.
func TestEveryByte(t *testing.T) {
	whole, ends := exportOf(t, account(t, 3))
	position := func(at int) uint64 {
		p, _ := slices.BinarySearch(ends, at+1)
		return uint64(p) + 1
	}
	for at := range whole {
		bits := bytes.Clone(whole)
		for _, flip := range []byte{0x01, 0x02, 0x10, 0x20, 0x80} {
			bits[at] = whole[at] ^ flip
			if wrong := about(t, bits, position(at)); wrong != "" {
				t.Fatalf("byte %d is %q instead of %q: %s", at, bits[at], whole[at], wrong)
			}
		}
		if wrong := about(t, slices.Delete(bytes.Clone(whole), at, at+1), position(at)); wrong != "" {
			t.Fatalf("byte %d, %q, is not there: %s", at, whole[at], wrong)
		}
		for _, more := range []byte(" \n\"7") {
			if more == whole[at] {
				continue // the same as one behind it
			}
			if wrong := about(t, slices.Insert(bytes.Clone(whole), at, more), position(at)); wrong != "" {
				t.Fatalf("%q before byte %d: %s", more, at, wrong)
			}
		}
	}
}

// TestEveryRecord removes, repeats, moves, forges and renumbers records at random places: the first finding is at the first place.
func TestEveryRecord(t *testing.T) {
	const n = 12
	intact := account(t, n)
	rapid.Check(t, func(rt *rapid.T) {
		entries := slices.Clone(intact)
		i := rapid.IntRange(0, n-2).Draw(rt, "at")
		wrong := uint64(i) + 1
		switch how := rapid.SampledFrom([]string{"remove", "repeat", "swap", "forge", "reseal"}).Draw(rt, "how"); how {
		case "remove":
			entries = slices.Delete(entries, i, i+1)
		case "repeat":
			entries = slices.Insert(entries, i+1, entries[i])
		case "swap":
			j := rapid.IntRange(i+1, n-1).Draw(rt, "with")
			entries[i], entries[j] = entries[j], entries[i]
		case "forge":
			entries = slices.Insert(entries, i, forged(t, entries, i))
		case "reseal":
			entries[i].Raw = bytes.Replace(entries[i].Raw, []byte("because"), []byte("despite"), 1)
			entries[i].Stated = events.DigestBytes(entries[i].Raw)
		}
		if rapid.Bool().Draw(rt, "renumber") {
			for k := range entries {
				entries[k].Position = uint64(k) + 1
			}
		}
		out, _ := exportOf(t, entries)
		if problem := about(t, out, wrong); problem != "" {
			rt.Fatal(problem)
		}
	})
}

// forged is a record that follows the one before i.
func forged(t *testing.T, entries []Entry, i int) Entry {
	t.Helper()
	prev := events.Commit{Position: uint64(i)}
	if i > 0 {
		prev.Digest = entries[i-1].Stated
	}
	e, _ := seal(t, prev, "forged")
	return e
}
