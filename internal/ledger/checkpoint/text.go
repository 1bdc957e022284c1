package checkpoint

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/detour-net/detour/events"
)

// Checkpoint states how the ledger of a domain stood.
type Checkpoint struct {
	Domain string
	Size   uint64        // how many records there were, at least 1; the position of the newest
	Root   tlog.Hash     // of the tree over them
	Last   time.Time     // the clock of whoever wrote the newest record
	Digest events.Digest // of the newest record
	Next   *Next         // nil: no other key is announced
	Nodes  []Node        // of the edge, from the left; with them the root is given twice
}

// Next announces the key that signs after this one.
type Next struct {
	From uint64 // the size of the first checkpoint that it must have signed
	Key  string // as verifiers know it
}

// Origin is the first line of a domain's checkpoints, and the name of the keys that sign them.
func Origin(domain string) string { return events.PrefixLedger + events.Token(domain) }

// At is the checkpoint of a ledger whose records the edge covers, the newest of which is last.
func At(domain string, e *Edge, last events.Commit) Checkpoint {
	return Checkpoint{Domain: domain, Size: e.Size(), Root: e.Root(), Last: last.At.UTC(), Digest: last.Digest, Nodes: e.Nodes()}
}

// Text is what is signed: the three lines of a tlog-checkpoint, and one for whatever else it states.
func (c Checkpoint) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%d\n%s\n", Origin(c.Domain), c.Size, c.Root)
	fmt.Fprintf(&b, "last %s %s\n", c.Last.Format(time.RFC3339Nano), c.Digest)
	if c.Next != nil {
		fmt.Fprintf(&b, "next %d %s\n", c.Next.From, c.Next.Key)
	}
	for _, n := range c.Nodes {
		fmt.Fprintf(&b, "node %d %d %s\n", n.Level, n.Index, n.Hash)
	}
	return b.String()
}

// parse reads what Text wrote, and nothing else.
func parse(text string) (c Checkpoint, err error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	domain, ours := strings.CutPrefix(lines[0], events.PrefixLedger)
	if c.Domain = domain; !ours || len(lines) < 4 {
		return c, errors.New("it is not a checkpoint of a ledger")
	}
	if c.Size, err = strconv.ParseUint(lines[1], 10, 64); err != nil {
		return c, fmt.Errorf("line 2: want the number of records: %w", err)
	}
	if c.Root, err = tlog.ParseHash(lines[2]); err != nil {
		return c, fmt.Errorf("line 3: want the root: %w", err)
	}
	for i, line := range lines[3:] {
		if err := c.line(strings.Split(line, " ")); err != nil {
			return c, fmt.Errorf("line %d: %w", i+4, err)
		}
	}
	if c.Text() != text {
		return c, errors.New("it is not written as a checkpoint is")
	}
	return c, c.whole()
}

// whole checks that the nodes are those of a tree of this size and root.
func (c *Checkpoint) whole() error {
	var s stack
	next := uint64(1)
	for _, n := range c.Nodes {
		if n.From() != next {
			return fmt.Errorf("no node begins at position %d", next)
		}
		s.push(n.Level, n.Hash)
		next = n.To() + 1
	}
	if next != c.Size+1 || s.root() != c.Root {
		return errors.New("its nodes do not make its root")
	}
	return nil
}

// line reads one of the lines behind the third.
func (c *Checkpoint) line(words []string) (err error) {
	switch {
	case words[0] == "last" && len(words) == 3:
		c.Digest = events.Digest(words[2])
		c.Last, err = time.Parse(time.RFC3339Nano, words[1])
	case words[0] == "next" && len(words) == 3:
		c.Next = &Next{Key: words[2]}
		c.Next.From, err = strconv.ParseUint(words[1], 10, 64)
	case words[0] == "node" && len(words) == 4:
		var n Node
		var err1, err2, err3 error
		n.Level, err1 = strconv.Atoi(words[1])
		n.Index, err2 = strconv.ParseUint(words[2], 10, 64)
		n.Hash, err3 = tlog.ParseHash(words[3])
		const most = 48 // levels: no ledger comes near so many records
		if err = errors.Join(err1, err2, err3); err == nil && (n.Level < 0 || n.Level >= most || n.Index>>(most-n.Level) > 0) {
			err = errors.New("the node lies outside of any tree")
		}
		c.Nodes = append(c.Nodes, n)
	default:
		err = fmt.Errorf("%q is not known", words[0])
	}
	return err
}

// Split takes a file apart in which notes stand one behind the other, with an empty line between them. One that was cut off,
// by whoever wrote it being killed, is among them; it cannot be opened.
func Split(file []byte) (notes [][]byte) {
	var text string
	for block := range strings.SplitSeq(string(file), "\n\n") {
		block = strings.Trim(block, "\n")
		switch signatures := strings.HasPrefix(block, "\u2014 "); {
		case block == "":
		case signatures:
			notes = append(notes, []byte(text+"\n\n"+block+"\n"))
			text = ""
		default:
			if text != "" {
				notes = append(notes, []byte(text+"\n"))
			}
			text = block
		}
	}
	if text != "" {
		notes = append(notes, []byte(text+"\n"))
	}
	return notes
}

// Signer signs the checkpoints of one domain.
type Signer struct {
	domain string
	key    note.Signer
	next   note.Signer // nil: no other key follows
	Next   *Next       // what is announced of it
}

// NewSigner takes a key as NewKey makes it. With another one, next, the checkpoints announce that, and from size from on both
// sign.
func NewSigner(domain, key, next string, from uint64) (*Signer, error) {
	s := &Signer{domain: domain}
	var err error
	if s.key, err = signerOf(domain, key); err != nil || next == "" {
		return s, err
	}
	if s.next, err = signerOf(domain, next); err != nil {
		return nil, fmt.Errorf("the next key: %w", err)
	}
	vkey, err := VerifierKey(next)
	s.Next = &Next{From: from, Key: vkey}
	return s, err
}

func signerOf(domain, key string) (note.Signer, error) {
	s, err := note.NewSigner(key)
	switch {
	case err != nil:
		return nil, errors.New("it is no key; detour ledger key --new makes one")
	case s.Name() != Origin(domain):
		return nil, fmt.Errorf("the key is one for %s, want one for %s", s.Name(), Origin(domain))
	}
	return s, nil
}

// Sign makes the note of a checkpoint.
func (s *Signer) Sign(c Checkpoint) ([]byte, error) {
	c.Next = s.Next
	signers := []note.Signer{s.key}
	if c.Next != nil && c.Size >= c.Next.From {
		signers = append(signers, s.next)
	}
	raw, err := note.Sign(&note.Note{Text: c.Text()}, signers...)
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint %d: %w", c.Size, err)
	}
	return raw, nil
}
