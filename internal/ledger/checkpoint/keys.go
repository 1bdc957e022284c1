package checkpoint

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// NewKey makes a key for a domain's checkpoints, of randomness: what signs, which is a secret, and what verifies.
func NewKey(random io.Reader, domain string) (key, vkey string, err error) {
	key, vkey, err = note.GenerateKey(random, Origin(domain))
	if err != nil {
		return "", "", fmt.Errorf("make a key: %w", err)
	}
	return key, vkey, nil
}

// VerifierKey is what verifies the signatures of a key. No error shows the key.
func VerifierKey(key string) (string, error) {
	const algorithm = 1 // Ed25519, of the note package
	s, err := note.NewSigner(key)
	if err != nil {
		return "", errors.New("it is no key; detour ledger key --new makes one")
	}
	const field = (1 + ed25519.SeedSize) / 3 * 4 // the length of the last one; what it holds may contain a + itself
	raw, err := base64.StdEncoding.DecodeString(key[max(0, len(key)-field):])
	if err != nil || len(raw) != 1+ed25519.SeedSize || raw[0] != algorithm {
		return "", errors.New("it is no Ed25519 key")
	}
	public, ok := ed25519.NewKeyFromSeed(raw[1:]).Public().(ed25519.PublicKey)
	if !ok {
		return "", errors.New("it is no Ed25519 key")
	}
	vkey, err := note.NewEd25519VerifierKey(s.Name(), public)
	if err != nil {
		return "", fmt.Errorf("verifier key: %w", err)
	}
	return vkey, nil
}

// Fault is why a note is no evidence.
type Fault string

// The faults.
const (
	Malformed  Fault = "malformed"      // it is not a checkpoint, or one that was cut off
	UnknownKey Fault = "unknown key"    // no key that is known has signed it
	Forged     Fault = "forged"         // the signature is not that of the key that it names
	OtherName  Fault = "another domain" // it is one of another ledger, or signed with that one's key
	Replaced   Fault = "key replaced"   // another key was announced for this size, and has not signed it
	Conflict   Fault = "conflict"       // its key has announced another successor elsewhere
)

// Opened is one note that was looked at.
type Opened struct {
	Checkpoint Checkpoint
	Key        string // that has signed it, as name+hash
	Fault      Fault  // "" when it is evidence
	Detail     string
}

// Keys are those that are trusted, and those that follow from them.
type Keys struct {
	origin string
	known  []*key
}

// key is one that verifies.
type key struct {
	note.Verifier
	text string
	from uint64 // the first size that it may sign
	next *Next  // that it has announced
}

// NewKeys trusts the given keys, which must be for one domain.
func NewKeys(vkeys ...string) (*Keys, error) {
	k := &Keys{}
	for _, text := range vkeys {
		text = strings.TrimSpace(text)
		v, err := note.NewVerifier(text)
		if err != nil {
			return nil, fmt.Errorf("%q is no verifier key; detour ledger key FILE shows that of a key", text)
		}
		if k.origin == "" {
			k.origin = v.Name()
		}
		if v.Name() != k.origin {
			return nil, fmt.Errorf("the keys are for different ledgers: %s and %s", k.origin, v.Name())
		}
		k.known = append(k.known, &key{Verifier: v, text: text})
	}
	if len(k.known) == 0 {
		return nil, errors.New("no key is given")
	}
	return k, nil
}

// Domain is the one that the keys are for.
func (k *Keys) Domain() string { return strings.TrimPrefix(k.origin, Origin("x")[:len(Origin("x"))-1]) }

// Open looks at notes, which may stand in any order: keys that some of them announce are known for all.
func (k *Keys) Open(notes [][]byte) []Opened {
	for more := true; more; {
		more = false
		for _, raw := range notes {
			n, err := note.Open(raw, k.verifiers())
			if err != nil {
				continue
			}
			if c, err := parse(n.Text); err == nil && c.Next != nil && Origin(c.Domain) == k.origin {
				more = k.announce(n, *c.Next) || more
			}
		}
	}
	list := make([]Opened, len(notes))
	for i, raw := range notes {
		list[i] = k.open(raw)
	}
	return list
}

func (k *Keys) verifiers() note.Verifiers {
	list := make([]note.Verifier, len(k.known))
	for i, v := range k.known {
		list[i] = v
	}
	return note.VerifierList(list...)
}

// of are the known keys that have signed n.
func (k *Keys) of(n *note.Note) (list []*key) {
	for _, v := range k.known {
		for _, s := range n.Sigs {
			if s.Hash == v.KeyHash() {
				list = append(list, v)
			}
		}
	}
	return list
}

// announce takes what a note says of the key that follows those that signed it, but for that one itself. It reports whether
// that was news.
func (k *Keys) announce(n *note.Note, next Next) bool {
	v, err := note.NewVerifier(next.Key)
	if err != nil || v.Name() != k.origin {
		return false
	}
	news := false
	for _, by := range k.of(n) {
		if by.text != next.Key && by.next == nil {
			by.next, news = &next, true
		}
	}
	for _, known := range k.known {
		if known.text == next.Key {
			return news
		}
	}
	if news {
		k.known = append(k.known, &key{Verifier: v, text: next.Key, from: next.From})
	}
	return news
}

// open judges one note by all the keys.
func (k *Keys) open(raw []byte) (o Opened) {
	if !whole(raw) {
		return Opened{Fault: Malformed, Detail: "it is no signed note, or one that was cut off"}
	}
	n, err := note.Open(raw, k.verifiers())
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &unverified):
		n = unverified.Note
		o.Fault, o.Detail = UnknownKey, fmt.Sprintf("it is signed by %s, which is none of the keys that are trusted", names(n.UnverifiedSigs))
	case errors.As(err, &invalid):
		o.Fault, o.Detail = Forged, fmt.Sprintf("the signature of %s+%08x does not fit what it says", invalid.Name, invalid.Hash)
		return o
	case err != nil:
		return Opened{Fault: Malformed, Detail: "it is no signed note: " + err.Error()}
	}
	c, err := parse(n.Text)
	if o.Checkpoint = c; o.Fault != "" {
		if Origin(c.Domain) != k.origin {
			o.Fault, o.Detail = OtherName, fmt.Sprintf("it is of %s, signed by %s; the keys are for %s", Origin(c.Domain), names(n.UnverifiedSigs), k.origin)
		}
		return o
	}
	switch by := k.of(n); {
	case err != nil:
		o.Fault, o.Detail = Malformed, err.Error()
	case Origin(c.Domain) != k.origin:
		o.Fault, o.Detail = OtherName, fmt.Sprintf("it is of %s, the keys are for %s", Origin(c.Domain), k.origin)
	default:
		o.Key = names(n.Sigs)
		o.Fault, o.Detail = held(by, c)
	}
	return o
}

// whole reports whether the last signature of a note is as long as one is: a shorter one was cut off, not forged.
func whole(raw []byte) bool {
	const length = (4 + ed25519.SignatureSize + 2) / 3 * 4 // with the hash of the key
	return len(raw)-bytes.LastIndexByte(raw, ' ')-1 == length+len("\n")
}

// held says why the keys that have signed c may not have, "" when one of them may.
func held(by []*key, c Checkpoint) (Fault, string) {
	fault, detail := Replaced, ""
	for _, v := range by {
		switch {
		case v.next != nil && c.Next != nil && *c.Next != *v.next && c.Next.Key != v.text:
			return Conflict, fmt.Sprintf("the key announces %s from %d on here, and %s from %d on elsewhere", c.Next.Key, c.Next.From, v.next.Key, v.next.From)
		case v.next != nil && c.Size >= v.next.From:
			detail = fmt.Sprintf("from size %d on %s must have signed", v.next.From, v.next.Key)
		case c.Size < v.from:
			detail = fmt.Sprintf("the key signs from size %d on", v.from)
		default:
			fault = ""
		}
	}
	if fault == "" {
		detail = ""
	}
	return fault, detail
}

func names(signatures []note.Signature) string {
	list := make([]string, len(signatures))
	for i, s := range signatures {
		list[i] = fmt.Sprintf("%s+%08x", s.Name, s.Hash)
	}
	return strings.Join(list, " and ")
}
