// Package mem is a ledger in memory: the contract of package ledger without a server, for tests and simulations.
//
// Every Replica of one Store appends and follows like a ledger.Ledger does, with the same chain, the same sizes and the
// same errors. What can go wrong between a replica and the bus is a Fault, asked for ahead of time: an append that is not
// stored, one that is stored though its answer is lost, one that hangs. The package uses channels and mutexes only, so
// it runs inside a testing/synctest bubble.
package mem

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/ledger"
)

// Store is the stream: what stands on the ledger.
type Store struct {
	mu      sync.Mutex
	entries []ledger.Entry
	grown   chan struct{} // closed and replaced whenever an entry is added or altered
}

// New makes an empty store.
func New() *Store { return &Store{grown: make(chan struct{})} }

// Entries copies what stands on the ledger, unchecked.
func (s *Store) Entries() []ledger.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.entries)
}

// Forge puts an entry at the end as it is, which no replica would; its position is filled in.
func (s *Store) Forge(e ledger.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.Position = uint64(len(s.entries)) + 1
	s.add(e)
}

// add wakes whoever follows. The caller holds mu.
func (s *Store) add(e ledger.Entry) {
	s.entries = append(s.entries, e)
	close(s.grown)
	s.grown = make(chan struct{})
}

func (s *Store) length() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return uint64(len(s.entries))
}

// at returns the entry at position, and a channel that is closed when there may be more.
func (s *Store) at(position uint64) (ledger.Entry, bool, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if position > uint64(len(s.entries)) {
		return ledger.Entry{}, false, s.grown
	}
	return s.entries[position-1], true, s.grown
}

func (s *Store) digestAt(position uint64) (events.Digest, bool) {
	if position == 0 {
		return "", true
	}
	e, ok, _ := s.at(position)
	return events.DigestBytes(e.Raw), ok
}

// put stores e if it is the next one. Otherwise it reports whether the very same commit stands at its position.
func (s *Store) put(e ledger.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	have := uint64(len(s.entries))
	switch {
	case e.Position == have+1:
		s.add(e)
		return nil
	case e.Position <= have && s.entries[e.Position-1].Stated == e.Stated:
		return nil
	}
	return ledger.ErrConflict
}

// Fault is what goes wrong with one append of a replica.
type Fault int

// The faults.
const (
	Fails       Fault = iota + 1 // not stored: ledger.ErrUnavailable
	FailsStored                  // stored, and reported as ledger.ErrDoubt
	DoubtNot                     // not stored, and reported as ledger.ErrDoubt
	AckLost                      // stored; the replica settles the doubt itself and succeeds
	Blocks                       // waits until its context ends, then ledger.ErrDoubt; not stored
)

// Replica is one process's view of a store.
type Replica struct {
	store  *Store
	domain string

	mu     sync.Mutex
	faults []Fault
}

// Replica makes one more view of the store.
func (s *Store) Replica(domain string) *Replica { return &Replica{store: s, domain: domain} }

// Inject lets the next appends of this replica go wrong, one fault each, in order.
func (r *Replica) Inject(faults ...Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, faults...)
}

func (r *Replica) nextFault() Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.faults) == 0 {
		return 0
	}
	f := r.faults[0]
	r.faults = r.faults[1:]
	return f
}

// Append is ledger.Ledger's.
func (r *Replica) Append(ctx context.Context, commit events.Commit, after uint64) (events.Commit, error) {
	return r.AppendWhile(ctx, commit, after, func() {})
}

// AppendWhile is ledger.Ledger's.
func (r *Replica) AppendWhile(ctx context.Context, commit events.Commit, after uint64, meanwhile func()) (events.Commit, error) {
	fail := func(err error) (events.Commit, error) {
		return commit, fmt.Errorf("append commit %s at position %d: %w", commit.ID, after+1, err)
	}
	entry, err := ledger.Seal(r.domain, &commit, after)
	if err != nil {
		return fail(err)
	}
	prev, ok := r.store.digestAt(after)
	switch {
	case !ok:
		return fail(ledger.ErrConflict)
	case prev != commit.Prev:
		return fail(fmt.Errorf("it names %q as its predecessor, position %d holds %q", commit.Prev, after, prev))
	case ctx.Err() != nil:
		return fail(errors.Join(ledger.ErrUnavailable, ctx.Err()))
	}
	meanwhile()
	switch r.nextFault() {
	case Fails:
		return fail(ledger.ErrUnavailable)
	case DoubtNot:
		return fail(ledger.ErrDoubt)
	case Blocks:
		<-ctx.Done()
		return fail(errors.Join(ledger.ErrDoubt, ctx.Err()))
	case FailsStored:
		if err := r.store.put(entry); err != nil {
			return fail(err)
		}
		return fail(ledger.ErrDoubt)
	}
	if err := r.store.put(entry); err != nil {
		return fail(err)
	}
	return commit, nil
}

// Follow is ledger.Ledger's.
func (r *Replica) Follow(ctx context.Context, from uint64, fn func(events.Commit) error) error {
	if from == 0 {
		return ledger.ErrPosition
	}
	prev, ok := r.store.digestAt(from - 1)
	if !ok {
		return &ledger.BrokenError{Position: from - 1, Problem: ledger.Missing, Detail: "the ledger does not hold this position"}
	}
	chain := ledger.ChainAfter(from-1, prev)
	for position := from; ; position++ {
		entry, err := r.wait(ctx, position)
		if err != nil {
			return fmt.Errorf("follow ledger: %w", err)
		}
		commit, err := chain.Next(entry)
		if err != nil {
			return err
		}
		if err := fn(commit); err != nil {
			return err
		}
	}
}

func (r *Replica) wait(ctx context.Context, position uint64) (ledger.Entry, error) {
	for {
		entry, ok, grown := r.store.at(position)
		if ctx.Err() != nil {
			return ledger.Entry{}, ctx.Err()
		}
		if ok {
			return entry, nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ledger.Entry{}, ctx.Err()
		}
	}
}

// LastPosition is ledger.Ledger's.
func (r *Replica) LastPosition(ctx context.Context) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("ask for the ledger's end: %w", err)
	}
	return r.store.length(), nil
}

// Read is ledger.Ledger's.
func (r *Replica) Read(ctx context.Context, from, to uint64, fn func(events.Commit) error) error {
	if to < from {
		return nil
	}
	enough := errors.New("enough")
	err := r.Follow(ctx, from, func(c events.Commit) error {
		if err := fn(c); err != nil {
			return err
		}
		if c.Position >= to {
			return enough
		}
		return nil
	})
	if errors.Is(err, enough) {
		return nil
	}
	return err
}
