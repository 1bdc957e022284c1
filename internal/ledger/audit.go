package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/detour-net/detour/events"
)

// Finding is one thing that is wrong with a ledger, or that this version cannot judge.
type Finding struct {
	Position uint64  `json:"position"`       // of the record concerned
	To       uint64  `json:"to,omitempty"`   // the record is one of those from Position up to this one; 0: it is that of Position
	Line     int     `json:"line,omitempty"` // of an export, from 1
	Problem  Problem `json:"problem"`
	Detail   string  `json:"detail"`
	Sure     Surety  `json:"sure"`
}

// Surety is what a finding rests on.
type Surety string

// The sureties.
const (
	Certain Surety = "certain" // what stands in the record, or in its line, contradicts itself
	Likely  Surety = "likely"  // the records beside it contradict it, and it was not they that were changed
	Proven  Surety = "proven"  // a signed checkpoint contradicts it
)

// String is the finding for people.
func (f Finding) String() string {
	where := fmt.Sprintf("position %d", f.Position)
	if f.To > 0 {
		where = fmt.Sprintf("positions %d to %d", f.Position, f.To)
	}
	if f.Line > 0 {
		where = fmt.Sprintf("line %d, %s", f.Line, where)
	}
	return fmt.Sprintf("%s: %s (%s): %s", where, f.Problem, f.Sure, f.Detail)
}

// Report is the result of an audit.
type Report struct {
	Entries  int           // that were read
	Last     uint64        // position of the last
	Digest   events.Digest // of the last; whoever wrote it down earlier can tell whether the end was cut off
	Domain   string        // that most records are about, "" when none could be read
	Findings []Finding     // at most MaxFindings, in the order of their positions
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
// fault is reported once, at the record that it concerns. Where a record was changed together with its digest, only its
// neighbours tell, and they tell no more than that it is one of two.
type Audit struct {
	report  Report
	prev    joint // the entry before, as it lies there
	before  joint // the one before that
	odd     joint // the last that was out of its place
	torn    int   // lines since the entry before that nobody can read
	domains domains

	decoder events.Decoder
}

// joint is one record, as the next one is held against it.
type joint struct {
	position uint64
	line     int
	stated   events.Digest // by its writer
	actual   events.Digest // of its bytes
	blamed   bool          // what it says is no commit, and that was reported
}

// is reports whether d names this record. An altered one is known by what its writer stated, and one whose stated digest
// was altered by its bytes, so that the next record is not blamed for it.
func (j joint) is(d events.Digest) bool { return d == j.stated || d == j.actual }

// Take audits the next entry; line is its line in an export, 0 otherwise. If the entry is intact and in its place its
// commit is returned, and true.
func (a *Audit) Take(e Entry, line int) (events.Commit, bool) {
	a.report.Entries++
	commit, err := open(e, &a.decoder)
	want := a.prev.position + 1
	if e.Position != want && err == nil && a.torn == 0 && a.prev.is(commit.Prev) {
		a.find(want, line, Altered, Certain, fmt.Sprintf("it is said to be position %d, and follows position %d", e.Position, a.prev.position))
		e.Position, commit.Position = want, want
	}
	j := joint{position: e.Position, line: line, stated: e.Stated, actual: e.Stated}
	var b *BrokenError
	if errors.As(err, &b) {
		j.actual, j.blamed = events.DigestBytes(e.Raw), b.Problem == Unreadable
		a.find(e.Position, line, b.Problem, Certain, b.Detail)
	}
	if e.Position < want {
		a.misplaced(j)
		return events.Commit{}, false
	}
	whole := err == nil
	if whole {
		whole = a.domains.take(a, e, commit, line)
	}
	if e.Position == want {
		whole = whole && a.linked(commit, line)
	} else {
		a.gap(want, e.Position-1, line)
		whole = false
	}
	a.before, a.prev, a.torn = a.prev, j, 0
	a.report.Last, a.report.Digest = e.Position, e.Stated
	for i, r := range commit.Records {
		if f, ok := r.Body.(events.Foreign); ok {
			a.find(e.Position, line, Unknown, Certain, fmt.Sprintf("record %d is of kind %q", i, f.Name))
		}
	}
	return commit, whole
}

// unreadable reports a line that is no line of an export. It stands in the place of the record that is due.
func (a *Audit) unreadable(line int, detail string) {
	a.find(a.prev.position+1+uint64(a.torn), line, Unreadable, Certain, detail)
	a.torn++
}

// gap reports the records that are not there; lines that nobody can read were some of them.
func (a *Audit) gap(from, to uint64, line int) {
	if from += uint64(a.torn); from <= to {
		a.find(from, line, Missing, Certain, missingDetail(from, to))
	}
}

// misplaced reports an entry that stands behind a later one, or a second one of the same position. One that was taken
// for missing until now is only in the wrong place.
func (a *Audit) misplaced(j joint) {
	a.odd = j
	detail := fmt.Sprintf("it stands behind position %d", a.prev.position)
	if j.position == a.prev.position {
		detail = "there are two records of this position"
	}
	gap := missingDetail(j.position, j.position)
	a.report.Findings = slices.DeleteFunc(a.report.Findings, func(f Finding) bool {
		return f.Position == j.position && f.Problem == Missing && f.Detail == gap
	})
	a.find(j.position, j.line, Misplaced, Certain, detail)
}

func missingDetail(from, to uint64) string {
	return fmt.Sprintf("records %d to %d are not there", from, to)
}

// linked checks that the commit follows the entry before it. If it follows the one before that instead, the entry in
// between was put there.
func (a *Audit) linked(c events.Commit, line int) bool {
	at, prev := c.Position, a.prev
	switch {
	case prev.is(c.Prev):
		return true
	case prev.position > 0 && a.before.is(c.Prev):
		a.find(prev.position, line, Misplaced, Likely, fmt.Sprintf("it was inserted: position %d follows the record before it", at))
	case a.odd.position > 0 && a.odd.position == prev.position && a.odd.is(c.Prev):
		return true // of the two records of that position, reported already, this is the genuine one
	case prev.blamed || a.torn > 0:
	case prev.position == 0:
		a.find(at, line, Unlinked, Likely, fmt.Sprintf("it follows a record with %s, and is the first: those before it were left out", orNone(c.Prev)))
	default:
		a.unlinked(prev, c)
	}
	return false
}

// unlinked reports that two neighbours do not fit. One that fits neither of its neighbours is the one that is wrong.
func (a *Audit) unlinked(prev joint, c events.Commit) {
	if n := len(a.report.Findings); n > 0 {
		if last := &a.report.Findings[n-1]; last.Problem == Unlinked && last.To == prev.position {
			last.Position, last.To, last.Line = prev.position, 0, prev.line
			last.Detail = fmt.Sprintf("it does not follow position %d, nor does position %d follow it: it was altered, or put there, and its digest made to fit", prev.position-1, c.Position)
			return
		}
	}
	detail := fmt.Sprintf("position %d follows a record with %s, position %d has %s: that one was altered with its digest, or others between them were left out",
		c.Position, orNone(c.Prev), prev.position, orNone(prev.stated))
	a.add(Finding{Position: prev.position, To: c.Position, Line: prev.line, Problem: Unlinked, Sure: Likely, Detail: detail})
}

func (a *Audit) find(position uint64, line int, p Problem, sure Surety, detail string) {
	a.add(Finding{Position: position, Line: line, Problem: p, Sure: sure, Detail: detail})
}

func (a *Audit) add(f Finding) {
	if len(a.report.Findings) == MaxFindings {
		a.report.More++
		return
	}
	a.report.Findings = append(a.report.Findings, f)
}

// Report is what was found so far.
func (a *Audit) Report() Report {
	r := a.report
	r.Findings = slices.Clone(r.Findings)
	r.Domain = a.domains.most()
	for _, f := range a.domains.odd() {
		if len(r.Findings) == MaxFindings {
			r.More++
			continue
		}
		r.Findings = append(r.Findings, f)
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(a.Position, b.Position) })
	return r
}
