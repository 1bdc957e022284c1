package ledger

import (
	"errors"
	"fmt"

	"github.com/detour-net/detour/events"
)

// What a caller of Append distinguishes.
var (
	// ErrConflict says that another commit stands at the position: read on and decide again.
	ErrConflict = errors.New("another commit stands at this position")

	// ErrUnavailable says that this call did not store the commit, because the bus could not be reached or did not take
	// it. What an earlier call left in doubt it does not settle.
	ErrUnavailable = errors.New("ledger unavailable")

	// ErrDoubt says that nobody can tell yet whether the commit was stored; it is an ErrUnavailable too. The caller
	// must not act on either answer, nor decide again, before it has followed the ledger past the position: then the
	// commit at that position is this one, or it never will be. Appending the same commit at the same position again
	// is safe.
	ErrDoubt = fmt.Errorf("%w: outcome not known", ErrUnavailable)

	// ErrTooLarge says that the commit does not fit into one message. Less must be decided together.
	ErrTooLarge = events.ErrTooLarge

	// ErrPosition says that a ledger was to be read from position 0.
	ErrPosition = errors.New("positions count from 1")
)

// BrokenError says that the ledger cannot be trusted from Position on. It does not heal by itself.
type BrokenError struct {
	Position uint64
	Problem  Problem
	Detail   string // what is wrong, with the digests or positions concerned
}

// Error names the position, what is wrong, and what to do.
func (e *BrokenError) Error() string {
	return fmt.Sprintf("ledger broken at position %d: %s: %s; %s", e.Position, e.Problem, e.Detail, e.Problem.remedy())
}

// Problem classifies what is wrong with a record.
type Problem string

// The problems.
const (
	Altered    Problem = "altered"    // its bytes are not those that were recorded
	Missing    Problem = "missing"    // records before it are not there
	Misplaced  Problem = "misplaced"  // inserted, repeated or out of order
	Unlinked   Problem = "unlinked"   // it does not follow the record before it
	Unreadable Problem = "unreadable" // it is not a commit that this version reads
	Unknown    Problem = "unknown"    // it holds a record of a kind that this version does not know; the chain is intact
)

func (p Problem) remedy() string {
	switch p {
	case Unreadable, Unknown:
		return "run the newest version that writes to this ledger"
	case Missing:
		return "restore the stream from a backup that holds every record, and find out who or what removed them"
	}
	return "compare with an export or another replica, restore the stream from the intact copy, and find out who can write to it"
}
