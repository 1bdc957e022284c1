package ledgertest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/ledger"
)

func testOrder(t *testing.T, h Harness) {
	l := h.Open(t)
	if last, err := l.LastPosition(t.Context()); err != nil || last != 0 {
		t.Fatalf("empty ledger ends at %d, %v", last, err)
	}
	all := fill(t, l, events.Commit{}, 5)
	for i, c := range all {
		if c.Position != uint64(i)+1 || c.Digest == "" {
			t.Errorf("commit %d got position %d and digest %q", i, c.Position, c.Digest)
		}
	}
	want(t, l, all...)
	want(t, h.Open(t), all...)

	var tail []events.Commit
	if err := l.Read(within(t, patience), 3, 4, func(c events.Commit) error { tail = append(tail, c); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(tail) != 2 || tail[0].ID != all[2].ID || tail[1].ID != all[3].ID {
		t.Errorf("read 3 to 4: %v", tail)
	}
	wantErr(t, l.Follow(t.Context(), 0, func(events.Commit) error { return nil }), ledger.ErrPosition)
}

func testConflict(t *testing.T, h Harness) {
	a, b := h.Open(t), h.Open(t)
	first := must(t, a, events.Commit{}, "first")
	_, err := b.Append(within(t, patience), commit(events.Commit{}, "late"), 0)
	wantErr(t, err, ledger.ErrConflict)
	_, err = b.Append(within(t, patience), commit(first, "too far"), 7)
	wantErr(t, err, ledger.ErrConflict)
	second := must(t, b, first, "second")
	want(t, a, first, second)
}

// testMeanwhile has something done while a commit is written: nothing is stored before that, and it is not done for a commit
// that does not leave.
func testMeanwhile(t *testing.T, h Harness) {
	l, other := h.Open(t), h.Open(t)
	first := must(t, l, events.Commit{}, "first")
	done := 0
	meanwhile := func() {
		done++
		if last, err := other.LastPosition(t.Context()); err != nil || last != first.Position {
			t.Errorf("meanwhile the ledger ends at %d, %v", last, err)
		}
	}
	second, err := l.AppendWhile(within(t, patience), commit(first, "second"), first.Position, meanwhile)
	if err != nil || done != 1 {
		t.Errorf("%v, and done %d times", err, done)
	}
	want(t, l, first, second)
	for name, c := range map[string]events.Commit{
		"wrong predecessor": commit(first, "third"), "too large": commit(second, "third", events.Relapsed{Why: strings.Repeat("x", ledger.MaxBytes)}),
	} {
		if _, err := l.AppendWhile(within(t, patience), c, second.Position, meanwhile); err == nil || done != 1 {
			t.Errorf("%s: %v, and done %d times", name, err, done)
		}
	}
}

// testRace lets two writers contend for every position: exactly one wins each, and whoever loses reads on.
func testRace(t *testing.T, h Harness) {
	const each = 20
	won := make([]int, 2)
	var writers sync.WaitGroup
	for w := range won {
		l := h.Open(t)
		writers.Go(func() {
			var prev events.Commit
			for won[w] < each {
				id := fmt.Sprintf("w%d-%d", w, won[w])
				got, err := l.Append(within(t, patience), commit(prev, id), prev.Position)
				switch {
				case err == nil:
					won[w]++
					prev = got
				case errors.Is(err, ledger.ErrConflict):
					if prev, err = newest(t, l); err != nil {
						t.Error(err)
						return
					}
				default:
					t.Error(err)
					return
				}
			}
		})
	}
	writers.Wait()
	seen := map[string]bool{}
	for _, c := range read(t, h.Open(t)) {
		if seen[c.ID] {
			t.Errorf("commit %s stands twice", c.ID)
		}
		seen[c.ID] = true
	}
	if len(seen) != 2*each {
		t.Errorf("%d commits stand, %d were acknowledged", len(seen), 2*each)
	}
}

func newest(t *testing.T, l Ledger) (events.Commit, error) {
	last, err := l.LastPosition(t.Context())
	if err != nil || last == 0 {
		return events.Commit{}, err
	}
	var found events.Commit
	err = l.Read(within(t, patience), last, last, func(c events.Commit) error { found = c; return nil })
	return found, err
}

func testAgain(t *testing.T, h Harness) {
	l := h.Open(t)
	first := must(t, l, events.Commit{}, "first")
	if again := must(t, h.Open(t), events.Commit{}, "first"); again.Digest != first.Digest || again.Position != 1 {
		t.Errorf("appended again it stands at %d with %s", again.Position, again.Digest)
	}
	_, err := l.Append(within(t, patience), commit(first, "first"), 1)
	if err == nil {
		return // another commit with the same id is another commit, unless the bus takes it for the same
	}
	wantErr(t, err, ledger.ErrConflict)
	want(t, l, first)
}

func testPredecessor(t *testing.T, h Harness) {
	l := h.Open(t)
	first := must(t, l, events.Commit{}, "first")
	wrong := commit(first, "second")
	wrong.Prev = events.DigestBytes([]byte("something else"))
	for _, replica := range []Ledger{l, h.Open(t)} {
		if _, err := replica.Append(within(t, patience), wrong, 1); err == nil || errors.Is(err, ledger.ErrConflict) || errors.Is(err, ledger.ErrUnavailable) {
			t.Fatalf("a commit that names the wrong predecessor: %v", err)
		}
	}
	want(t, l, first)
}

func testLarge(t *testing.T, h Harness) {
	l := h.Open(t)
	_, err := l.Append(within(t, patience), commit(events.Commit{}, "huge", events.Relapsed{Why: strings.Repeat("x", ledger.MaxBytes)}), 0)
	wantErr(t, err, ledger.ErrTooLarge)
	small := commit(events.Commit{}, "big", events.Relapsed{})
	raw, _, err := small.Encode()
	if err != nil {
		t.Fatal(err)
	}
	big := must(t, l, events.Commit{}, "big", events.Relapsed{Why: strings.Repeat("x", ledger.MaxBytes-len(raw))})
	over := events.Relapsed{Why: strings.Repeat("x", events.MaxCommitBytes)}
	_, err = l.Append(within(t, patience), commit(big, "over", over), 1)
	wantErr(t, err, ledger.ErrTooLarge)
	var many []events.Body
	for i := range 500 {
		many = append(many, events.Relapsed{Why: fmt.Sprint("<", i, "> ü & \"quoted\"")})
	}
	want(t, h.Open(t), big, must(t, l, big, "many", many...))
}

func testUnknown(t *testing.T, h Harness) {
	l := h.Open(t)
	odd := events.Foreign{Name: "levitated", Raw: []byte(`{"by":"2m","spin":[1,2.5,null]}`)}
	first := must(t, l, events.Commit{}, "odd", events.Relapsed{Why: "x"}, odd)
	want(t, h.Open(t), first, must(t, l, first, "next"))
}

// short is how long an append is tried against a bus that is not there.
const short = 300 * time.Millisecond

func testFaults(t *testing.T, h Harness) {
	prev := must(t, h.Open(t), events.Commit{}, "first")
	for _, c := range []struct {
		name   string
		fault  Fault
		err    error // nil: it must succeed
		doubt  bool
		stands bool
	}{
		{"failed", Down, ledger.ErrUnavailable, false, false},
		{"failed in doubt", Vanishes, ledger.ErrDoubt, true, false},
		{"failed but stored", StoredDark, ledger.ErrDoubt, true, true},
		{"stored, answer lost", AckLost, nil, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			wait := short
			if c.err == nil {
				wait = patience
			}
			l := h.Faulty(t, c.fault)
			read(t, l)
			next := commit(prev, c.name)
			got, err := l.Append(within(t, wait), next, prev.Position)
			wantErr(t, err, c.err)
			if errors.Is(err, ledger.ErrDoubt) != c.doubt {
				t.Fatalf("in doubt: %v", err)
			}
			last, lastErr := l.LastPosition(within(t, patience))
			if lastErr != nil || (last == prev.Position+1) != c.stands {
				t.Fatalf("the ledger ends at %d, %v", last, lastErr)
			}
			if err != nil { // whatever became of it, appending it again settles it
				got, err = l.Append(within(t, patience), next, prev.Position)
			}
			if err != nil || got.Position != prev.Position+1 {
				t.Fatalf("position %d, %v", got.Position, err)
			}
			prev = got
		})
	}
	if all := read(t, h.Open(t)); len(all) != 5 {
		t.Errorf("%d commits stand, want 5", len(all))
	}
}

// testDoubtLost has an append vanish, another writer take its position, and the doubt settled as a conflict.
func testDoubtLost(t *testing.T, h Harness) {
	a, b := h.Faulty(t, Vanishes), h.Open(t)
	_, err := a.Append(within(t, short), commit(events.Commit{}, "mine"), 0)
	wantErr(t, err, ledger.ErrDoubt)
	theirs := must(t, b, events.Commit{}, "theirs")
	_, err = a.Append(within(t, patience), commit(events.Commit{}, "mine"), 0)
	wantErr(t, err, ledger.ErrConflict)
	want(t, a, theirs)
}
