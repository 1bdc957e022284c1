package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/detour-net/detour/events"
)

// Finding is one thing that is wrong with a ledger, or that this version cannot judge.
type Finding struct {
	Position uint64  `json:"position"`       // of the record concerned
	Line     int     `json:"line,omitempty"` // of an export, from 1
	Problem  Problem `json:"problem"`
	Detail   string  `json:"detail"`
}

// String is the finding for people.
func (f Finding) String() string {
	where := fmt.Sprintf("position %d", f.Position)
	if f.Line > 0 {
		where = fmt.Sprintf("line %d, position %d", f.Line, f.Position)
	}
	return fmt.Sprintf("%s: %s: %s", where, f.Problem, f.Detail)
}

// Report is the result of an audit.
type Report struct {
	Entries  int           // that were read
	Last     uint64        // position of the last
	Digest   events.Digest // of the last; whoever wrote it down earlier can tell whether the end was cut off
	Findings []Finding     // at most MaxFindings
	More     int           // findings beyond those
}

// Intact reports whether nothing is wrong. Records of an unknown kind are no damage.
func (r Report) Intact() bool {
	for _, f := range r.Findings {
		if f.Problem != Unknown {
			return false
		}
	}
	return r.More == 0
}

// MaxFindings bounds a report.
const MaxFindings = 1000

// Audit goes through a ledger from its first record to its last and, unlike a Chain, past what is wrong with it. Each
// fault is reported once, at the record that it concerns.
type Audit struct {
	report Report
	prev   link // the entry before, as it lies there
	before link // the one before that
	odd    link // the last that was out of its place

	decoder events.Decoder
}

// Take audits the next entry; line is its line in an export, 0 otherwise. If the entry is intact and in its place its
// commit is returned, and true.
func (a *Audit) Take(e Entry, line int) (events.Commit, bool) {
	a.report.Entries++
	commit, err := open(e, &a.decoder)
	var b *BrokenError
	if errors.As(err, &b) {
		a.find(e.Position, line, b.Problem, b.Detail)
	}
	if e.Position <= a.prev.position {
		a.misplaced(e, line)
		return events.Commit{}, false
	}
	whole := err == nil
	if want := a.prev.position + 1; e.Position > want {
		a.find(want, line, Missing, missingDetail(want, e.Position-1))
		whole = false
	} else if err == nil {
		whole = a.linked(commit, line)
	}
	// An altered entry keeps the digest that its writer stated, so that the next one is not blamed for it.
	a.before, a.prev = a.prev, link{e.Position, e.Stated}
	a.report.Last, a.report.Digest = e.Position, e.Stated
	for i, r := range commit.Records {
		if f, ok := r.Body.(events.Foreign); ok {
			a.find(e.Position, line, Unknown, fmt.Sprintf("record %d is of kind %q", i, f.Name))
		}
	}
	return commit, whole
}

// misplaced reports an entry that stands behind a later one, or a second one of the same position. One that was taken
// for missing until now is only in the wrong place.
func (a *Audit) misplaced(e Entry, line int) {
	a.odd = link{e.Position, e.Stated}
	detail := fmt.Sprintf("it stands behind position %d", a.prev.position)
	if e.Position == a.prev.position {
		detail = "there are two records of this position"
	}
	gap := Finding{Position: e.Position, Problem: Missing, Detail: missingDetail(e.Position, e.Position)}
	a.report.Findings = slices.DeleteFunc(a.report.Findings, func(f Finding) bool {
		f.Line = 0
		return f == gap
	})
	a.find(e.Position, line, Misplaced, detail)
}

func missingDetail(from, to uint64) string {
	return fmt.Sprintf("records %d to %d are not there", from, to)
}

// linked checks that the commit follows the entry before it. If it follows the one before that instead, the entry in
// between was put there.
func (a *Audit) linked(c events.Commit, line int) bool {
	switch {
	case c.Prev == a.prev.digest:
		return true
	case a.prev.position > 0 && c.Prev == a.before.digest:
		a.find(a.prev.position, line, Misplaced, fmt.Sprintf("it was inserted: position %d follows the record before it", c.Position))
	case a.odd.position == a.prev.position && c.Prev == a.odd.digest:
		return true // of the two records of that position, reported already, this is the genuine one
	default:
		a.find(c.Position, line, Unlinked, fmt.Sprintf("it follows a record with %s, position %d has %s: that one was altered, or others between them were left out",
			orNone(c.Prev), a.prev.position, orNone(a.prev.digest)))
	}
	return false
}

func (a *Audit) find(position uint64, line int, p Problem, detail string) {
	if len(a.report.Findings) == MaxFindings {
		a.report.More++
		return
	}
	a.report.Findings = append(a.report.Findings, Finding{Position: position, Line: line, Problem: p, Detail: detail})
}

// Report is what was found so far.
func (a *Audit) Report() Report { return a.report }

// Verify audits the whole ledger up to the position where it ends now, and calls fn, if not nil, with every commit that
// is intact.
func (l *Ledger) Verify(ctx context.Context, fn func(events.Commit) error) (Report, error) {
	var audit Audit
	err := l.Entries(ctx, func(e Entry) error {
		commit, whole := audit.Take(e, 0)
		if whole && fn != nil {
			return fn(commit)
		}
		return nil
	})
	var b *BrokenError
	if errors.As(err, &b) { // the server itself cannot read on
		audit.find(b.Position, 0, b.Problem, b.Detail)
		err = nil
	}
	return audit.Report(), err
}

// Entries calls fn with every message of the ledger, unchecked, up to the position where it ends now.
func (l *Ledger) Entries(ctx context.Context, fn func(Entry) error) error {
	last, err := l.LastPosition(ctx)
	if err != nil || last == 0 {
		return err
	}
	err = l.entries(ctx, 1, func(batch []Entry) error {
		for _, e := range batch {
			if e.Position > last {
				return errEnough
			}
			if err := fn(e); err != nil {
				return err
			}
		}
		if batch[len(batch)-1].Position == last {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}
