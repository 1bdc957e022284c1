package ledger

import (
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/detour-net/detour/events"
)

// DigestHeader carries the digest of a message's bytes as its writer computed it. It makes an altered last record
// show, which no later record vouches for yet.
const DigestHeader = "Detour-Digest"

// Entry is one message of the ledger as it lies on the stream or in an export, not yet checked.
type Entry struct {
	Position uint64
	Subject  string
	Stated   events.Digest // of Raw, as the writer stated it
	Raw      []byte        // the encoded commit
}

func entryOf(position uint64, subject string, header nats.Header, raw []byte) Entry {
	return Entry{Position: position, Subject: subject, Stated: events.Digest(header.Get(DigestHeader)), Raw: raw}
}

// Chain checks entries one after the other. The zero Chain expects the ledger's first.
type Chain struct {
	last    link
	decoder events.Decoder
}

// ChainAfter is a chain that goes on behind position, whose commit has digest.
func ChainAfter(position uint64, digest events.Digest) *Chain {
	return &Chain{last: link{position, digest}}
}

// Position is that of the newest entry taken.
func (c *Chain) Position() uint64 { return c.last.position }

// Next checks that e is the next entry and intact, and returns its commit. The error is a *BrokenError; the chain then
// stands where it stood.
func (c *Chain) Next(e Entry) (events.Commit, error) {
	commit, err := open(e, &c.decoder)
	o := opened{e, commit, err}
	return o.commit, c.take(o)
}

// take is Next for an entry that was opened before.
func (c *Chain) take(o opened) error {
	want := c.last.position + 1
	switch at := o.entry.Position; {
	case at > want:
		return broken(want, Missing, "%s", missingDetail(want, at-1))
	case at < want:
		return broken(want, Misplaced, "position %d follows %d", at, c.last.position)
	case o.err != nil:
		return o.err
	case o.commit.Prev != c.last.digest:
		return broken(at, Unlinked, "it follows a record with %s, the record before it has %s", orNone(o.commit.Prev), orNone(c.last.digest))
	}
	c.last = link{o.entry.Position, o.commit.Digest}
	return nil
}

// open checks e by itself and decodes it.
func open(e Entry, d *events.Decoder) (events.Commit, error) {
	if err := e.check(); err != nil {
		return events.Commit{}, err
	}
	return e.decode(d)
}

// check makes sure that e's bytes are those that its writer stated.
func (e Entry) check() error {
	switch {
	case e.Stated == "":
		return broken(e.Position, Altered, "its writer stated no digest: it was not written by Detour")
	case !e.Stated.Of(e.Raw):
		return broken(e.Position, Altered, "its bytes have %s, its writer stated %s", events.DigestBytes(e.Raw), e.Stated)
	}
	return nil
}

// decode reads the commit of an entry that was checked.
func (e Entry) decode(d *events.Decoder) (events.Commit, error) {
	commit, err := d.DecodeStated(e.Raw, e.Stated)
	if err != nil {
		return events.Commit{}, broken(e.Position, Unreadable, "%v", err)
	}
	commit.Position = e.Position
	return commit, nil
}

func broken(position uint64, p Problem, format string, args ...any) *BrokenError {
	return &BrokenError{Position: position, Problem: p, Detail: fmt.Sprintf(format, args...)}
}

func orNone(d events.Digest) string {
	if d == "" {
		return "no digest"
	}
	return string(d)
}
