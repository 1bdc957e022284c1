package events

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"
)

// Version is the version of the commit encoding.
const Version = 1

// MaxCommitBytes bounds one encoded commit; NATS takes 1 MiB by default.
const MaxCommitBytes = 1 << 20

// ErrTooLarge says that a commit exceeds MaxCommitBytes.
var ErrTooLarge = errors.New("commit too large")

// Digest is "sha256:" and the hexadecimal SHA-256 of something; "" of nothing.
type Digest string

// DigestBytes is the digest of raw.
func DigestBytes(raw []byte) Digest {
	text := digestText(raw)
	return Digest(text[:])
}

// Of reports whether d is the digest of raw.
func (d Digest) Of(raw []byte) bool {
	text := digestText(raw)
	return string(d) == string(text[:])
}

const digestPrefix = "sha256:"

func digestText(raw []byte) (text [len(digestPrefix) + 2*sha256.Size]byte) {
	sum := sha256.Sum256(raw)
	copy(text[:], digestPrefix)
	hex.Encode(text[len(digestPrefix):], sum[:])
	return text
}

// DigestOf is the digest of v's JSON. v must be of the vocabulary, which always encodes.
func DigestOf(v any) Digest {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("events: encode %T: %v", v, err))
	}
	return DigestBytes(raw)
}

// Short is the digest's first 12 hexadecimal digits, enough for people to tell two apart.
func (d Digest) Short() string {
	const end = len(digestPrefix) + 12
	if len(d) < end {
		return string(d)
	}
	return string(d[len(digestPrefix):end])
}

// Kind names what a record says happened.
type Kind string

// Body is what a record says; one struct for each kind, all in bodies.go and acts.go. It is not changed once it stands in a
// record. Observed alone is handed on by its address: it is large, and there are millions of it.
type Body interface{ Kind() Kind }

// Record is one thing that happened or was decided. Incident is "" when it concerns the whole Board.
type Record struct {
	Incident string
	Body     Body
}

// Foreign is the body of a record whose kind this version does not know. It keeps the record's bytes; a replica that
// reads one goes on following and stops acting.
type Foreign struct {
	Name Kind
	Raw  json.RawMessage
}

// Kind is the kind that the record carries.
func (f Foreign) Kind() Kind { return f.Name }

// MarshalJSON writes the record's bytes as they came.
func (f Foreign) MarshalJSON() ([]byte, error) { return f.Raw, nil }

// Commit is the records that were decided together: one ledger message, at one position, all or nothing.
type Commit struct {
	ID      string    // unique; settles the doubt after a lost acknowledgement
	Prev    Digest    // digest of the commit at the position before; "" at the first
	At      time.Time // the writer's clock, UTC
	By      string    // the replica that decided it
	Records []Record

	Position uint64 // of the message on the stream; not part of the encoding
	Digest   Digest // of the encoding; filled by Encode and Decode
}

// Incident is the one incident that the commit is about, "" when it is about several or the whole Board.
func (c Commit) Incident() string {
	if len(c.Records) == 0 {
		return ""
	}
	id := c.Records[0].Incident
	for _, r := range c.Records[1:] {
		if r.Incident != id {
			return ""
		}
	}
	return id
}

type wireCommit struct {
	Version int          `json:"v"`
	ID      string       `json:"id"`
	Prev    Digest       `json:"prev"`
	At      time.Time    `json:"at"`
	By      string       `json:"by"`
	Records []wireRecord `json:"records"`
}

type wireRecord struct {
	Kind     Kind            `json:"kind"`
	Incident string          `json:"incident,omitempty"`
	Body     json.RawMessage `json:"body"`
}

// Encode writes the commit as JSON and returns it with its digest.
func (c Commit) Encode() ([]byte, Digest, error) {
	raw := make([]byte, 0, 256+len(c.Records)*512)
	raw = appendField(raw, `{"v":`+strconv.Itoa(Version)+`,"id":`, c.ID)
	raw = appendField(raw, `,"prev":`, string(c.Prev))
	raw, err := appendTime(append(raw, `,"at":`...), c.At)
	if err != nil {
		return nil, "", fmt.Errorf("encode commit %s: %w", c.ID, err)
	}
	raw = appendField(raw, `,"by":`, c.By)
	raw = append(raw, `,"records":[`...)
	for i, r := range c.Records {
		if i > 0 {
			raw = append(raw, ',')
		}
		raw = appendField(raw, `{"kind":`, string(r.Body.Kind()))
		raw = appendIfGiven(raw, `,"incident":`, r.Incident)
		if raw, err = appendBody(append(raw, `,"body":`...), r.Body); err != nil {
			return nil, "", fmt.Errorf("encode record %d (%s): %w", i, r.Body.Kind(), err)
		}
		raw = append(raw, '}')
	}
	raw = append(raw, "]}"...)
	if len(raw) > MaxCommitBytes {
		return nil, "", fmt.Errorf("%w: %s is %d bytes, at most %d go into one message", ErrTooLarge, c.ID, len(raw), MaxCommitBytes)
	}
	return raw, DigestBytes(raw), nil
}

// Decode reads what Encode wrote. A record of an unknown kind becomes Foreign; anything else unexpected is an error
// that names the record.
func Decode(raw []byte) (Commit, error) {
	return new(Decoder).Decode(raw)
}

// strictDecode leaves the digest out.
func strictDecode(raw []byte) (Commit, error) {
	var w wireCommit
	if err := decodeOne(raw, &w, true); err != nil {
		return Commit{}, fmt.Errorf("read commit: %w", err)
	}
	if w.Version != Version {
		return Commit{}, fmt.Errorf("commit of version %d, this binary reads version %d", w.Version, Version)
	}
	c := Commit{ID: w.ID, Prev: w.Prev, At: w.At, By: w.By, Records: make([]Record, len(w.Records))}
	for i, r := range w.Records {
		body, err := decodeBody(r.Kind, r.Body)
		if err != nil {
			return Commit{}, fmt.Errorf("read record %d (%s): %w", i, r.Kind, err)
		}
		c.Records[i] = Record{Incident: r.Incident, Body: body}
	}
	return c, nil
}

func decodeBody(kind Kind, raw json.RawMessage) (Body, error) {
	codec, ok := bodies[kind]
	if !ok {
		return Foreign{Name: kind, Raw: bytes.Clone(raw)}, nil
	}
	return codec.strict(raw)
}

// codec reads the bodies of one kind: the usual ones fast, and all of them strictly.
type codec struct {
	fast   func(s *scan) (Body, bool)
	strict func(raw json.RawMessage) (Body, error)
}

// body is the codec of the kind whose struct is T.
func body[T Body]() codec {
	read := reader(reflect.TypeFor[T]())
	return codec{
		fast: func(s *scan) (Body, bool) {
			var b T
			ok := read(s, reflect.ValueOf(&b).Elem())
			return b, ok
		},
		strict: func(raw json.RawMessage) (Body, error) {
			var b T
			if err := decodeOne(raw, &b, true); err != nil {
				return nil, err
			}
			return b, nil
		},
	}
}

var observedBody = codec{
	fast: readObserved,
	strict: func(raw json.RawMessage) (Body, error) {
		o := new(Observed)
		if err := decodeOne(raw, o, true); err != nil {
			return nil, err
		}
		return o, nil
	},
}
