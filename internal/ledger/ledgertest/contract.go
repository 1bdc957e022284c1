// Package ledgertest is the contract of every ledger, and the means to test one: servers that can be restarted and
// killed, and a bus that loses what it is told to lose.
//
// Run holds a Harness to the contract. It is run over the ledger in memory, over one embedded server and over three
// replicated ones; what only servers can suffer is in RunRestart, RunFailover and RunKill. Faults come in pairs: an append
// that failed, and one that failed but is stored.
package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/ledger"
)

// Ledger is what the contract is about.
type Ledger interface {
	Append(ctx context.Context, commit events.Commit, after uint64) (events.Commit, error)
	AppendWhile(ctx context.Context, commit events.Commit, after uint64, meanwhile func()) (events.Commit, error)
	Follow(ctx context.Context, from uint64, fn func(events.Commit) error) error
	Read(ctx context.Context, from, to uint64, fn func(events.Commit) error) error
	LastPosition(ctx context.Context) (uint64, error)
}

// Fault is what happens to the next Append of a replica, for as long as that call lasts.
type Fault int

// The faults.
const (
	Down       Fault = iota // the bus is not there
	Vanishes                // what is sent disappears, and nothing can be read
	StoredDark              // what is sent is stored, but no answer comes and nothing can be read
	AckLost                 // what is sent is stored, no answer comes, but the ledger can be read
)

// Harness is one empty ledger and what can be done to it.
type Harness struct {
	Open   func(t *testing.T) Ledger              // one more replica, with a connection of its own
	Faulty func(t *testing.T, f Fault) Ledger     // one whose next Append meets f
	Forge  func(t *testing.T, entry ledger.Entry) // puts a message at the end that no replica would write

	Restart  func(t *testing.T) // stops every server and starts them again; for RunRestart
	StepDown func(t *testing.T) // makes another server the leader of the stream; for RunFailover

	Kill    func(t *testing.T) // ends the stream's leader with SIGKILL; for RunKill
	KillAll func(t *testing.T) // ends every server so
	Start   func(t *testing.T) // starts those that are dead
}

// patience bounds every wait of the contract; none of them is expected to come near.
const patience = 30 * time.Second

// Run holds what harness makes, an empty ledger each time, to the contract.
func Run(t *testing.T, harness func(t *testing.T) Harness) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, h Harness)
	}{
		{"appends and follows in order", testOrder},
		{"conflict", testConflict},
		{"meanwhile", testMeanwhile},
		{"racing writers", testRace},
		{"append again", testAgain},
		{"wrong predecessor", testPredecessor},
		{"large commits", testLarge},
		{"unknown kinds", testUnknown},
		{"faults", testFaults},
		{"doubt and another writer", testDoubtLost},
		{"live", testLive},
		{"fn ends it", testEnds},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, harness(t)) })
	}
	for _, d := range damages() {
		t.Run("broken: "+d.name, func(t *testing.T) { d.test(t, harness(t)) })
	}
}

// RunRestart holds a ledger on servers to the contract across their restart.
func RunRestart(t *testing.T, harness func(t *testing.T) Harness) {
	t.Run("restart", func(t *testing.T) {
		h := harness(t)
		disturb(t, h, func(t *testing.T, _ func()) { h.Restart(t) })
	})
}

// RunFailover holds a ledger on several servers to the contract when its leader changes.
func RunFailover(t *testing.T, harness func(t *testing.T) Harness) {
	t.Run("step down", func(t *testing.T) {
		h := harness(t)
		disturb(t, h, func(t *testing.T, _ func()) { h.StepDown(t) })
	})
}

// RunKill holds a ledger on servers to the contract when they are killed, so many times, while it is written: what was
// acknowledged is there afterwards.
func RunKill(t *testing.T, times int, harness func(t *testing.T) Harness) {
	for name, kill := range map[string]func(Harness, *testing.T){
		"kill": func(h Harness, t *testing.T) { h.Kill(t) }, "kill all": func(h Harness, t *testing.T) { h.KillAll(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := harness(t)
			disturb(t, h, func(t *testing.T, written func()) {
				for range times {
					kill(h, t)
					h.Start(t)
					written()
				}
			})
		})
	}
}

// commit makes the next commit behind prev, which is zero for the first.
func commit(prev events.Commit, id string, bodies ...events.Body) events.Commit {
	if len(bodies) == 0 {
		bodies = []events.Body{events.Relapsed{Why: id}}
	}
	c := events.Commit{ID: id, Prev: prev.Digest, At: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), By: "replica-1"}
	for _, b := range bodies {
		c.Records = append(c.Records, events.Record{Incident: "den-kcy-1", Body: b})
	}
	return c
}

// must appends behind prev and returns what was appended.
func must(t *testing.T, l Ledger, prev events.Commit, id string, bodies ...events.Body) events.Commit {
	t.Helper()
	got, err := l.Append(within(t, patience), commit(prev, id, bodies...), prev.Position)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// fill appends n commits behind prev and returns them.
func fill(t *testing.T, l Ledger, prev events.Commit, n int) []events.Commit {
	t.Helper()
	var all []events.Commit
	for range n {
		prev = must(t, l, prev, fmt.Sprintf("%s-%d", t.Name(), prev.Position+1))
		all = append(all, prev)
	}
	return all
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// read returns every commit from position 1 to the end.
func read(t *testing.T, l Ledger) []events.Commit {
	t.Helper()
	last, err := l.LastPosition(within(t, patience))
	if err != nil {
		t.Fatal(err)
	}
	var all []events.Commit
	if err := l.Read(within(t, patience), 1, last, func(c events.Commit) error {
		all = append(all, c)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func want(t *testing.T, l Ledger, commits ...events.Commit) {
	t.Helper()
	if diff := cmp.Diff(commits, read(t, l)); diff != "" {
		t.Errorf("ledger (-want +got):\n%s", diff)
	}
}

func wantErr(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("error is %v, want %v", err, target)
	}
}
