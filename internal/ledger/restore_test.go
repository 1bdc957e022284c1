package ledger

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/bus"
)

// restored is a ledger of a domain on a server of its own.
func restored(t *testing.T, domain string) *Ledger {
	t.Helper()
	js, _ := serve(t, t.TempDir(), bus.Options{})
	l, err := Open(within(t, patience), js, Config{Domain: domain, SyncAlways: true})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// put restores entries and returns how many were missing.
func put(t *testing.T, l *Ledger, entries []Entry) (added int, err error) {
	t.Helper()
	r, err := l.BeginRestore(within(t, patience))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		is, err := r.Take(within(t, patience), e)
		if err != nil {
			return added, err
		}
		if is {
			added++
		}
	}
	if end, _ := r.End(); end != entries[len(entries)-1].Position {
		t.Errorf("it ends at position %d", end)
	}
	return added, nil
}

// commitOf is what the commit behind e has to know of it.
func commitOf(e Entry) events.Commit { return events.Commit{Position: e.Position, Digest: e.Stated} }

// TestRestore puts entries onto an empty ledger, interrupted once: they lie there as they were, and the ledger goes on behind them.
func TestRestore(t *testing.T) {
	l, want := restored(t, "test"), account(t, 8)
	for _, c := range []struct{ upTo, added int }{{5, 5}, {8, 3}, {8, 0}, {4, 0}} {
		if added, err := put(t, l, want[:c.upTo]); err != nil || added != c.added {
			t.Fatalf("up to %d: %d were added, want %d: %v", c.upTo, added, c.added, err)
		}
	}
	var got []Entry
	if err := l.Entries(within(t, patience), func(e Entry) error { got = append(got, e); return nil }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	c := record(commitOf(want[7]), "next")
	if _, err := l.Append(within(t, patience), c, 8); err != nil {
		t.Error(err)
	}
}

// TestRestoreRefuses: what is not in order, or not this ledger's, is not restored.
func TestRestoreRefuses(t *testing.T) {
	whole := account(t, 4)
	other := append([]Entry(nil), whole...)
	e, c := seal(t, events.Commit{}, "other")
	other[0] = e
	other[1], _ = seal(t, c, "other2")
	for _, c := range []struct {
		name     string
		domain   string
		there    int
		entries  []Entry
		want     string
		conflict bool
	}{
		{"another domain", "west", 0, whole, "the configuration is for another domain", false},
		{"a gap", "test", 0, whole[1:], "restore position 2: ledger broken at position 1: missing", false},
		{"another ledger", "test", 3, other[:2], "restore position 1: another commit stands there", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := restored(t, c.domain)
			if c.there > 0 {
				if _, err := put(t, l, whole[:c.there]); err != nil {
					t.Fatal(err)
				}
			}
			added, err := put(t, l, c.entries)
			if err == nil || !strings.Contains(err.Error(), c.want) || added != 0 || errors.Is(err, ErrConflict) != c.conflict {
				t.Errorf("%d were added: %v, want %q", added, err, c.want)
			}
			if last, err := l.LastPosition(within(t, patience)); err != nil || last != uint64(c.there) {
				t.Errorf("the ledger ends at position %d, %v", last, err)
			}
		})
	}
}
