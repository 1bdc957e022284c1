package ledger

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/detour-net/detour/events"
)

// line is one line of an export. The commit is carried byte for byte, so that its digest can be checked: as it is when
// it is one line of JSON, which everything that Detour wrote is, and in base64 otherwise.
type line struct {
	Position uint64          `json:"position"`
	Digest   events.Digest   `json:"digest"`
	Subject  string          `json:"subject"`
	Commit   json.RawMessage `json:"commit,omitempty"`
	Raw      []byte          `json:"raw,omitempty"`
}

// AppendLine appends the export's line of e to out, with its newline.
func AppendLine(out []byte, e Entry) ([]byte, error) {
	l := line{Position: e.Position, Digest: e.Stated, Subject: e.Subject}
	plain := json.Valid(e.Raw) && !bytes.ContainsAny(e.Raw, "\r\n") && len(bytes.TrimSpace(e.Raw)) == len(e.Raw)
	if !plain {
		l.Raw = e.Raw
	}
	head, err := json.Marshal(l)
	if err != nil {
		return out, fmt.Errorf("export position %d: %w", e.Position, err)
	}
	if !plain {
		return append(append(out, head...), '\n'), nil
	}
	out = append(out, head[:len(head)-1]...)
	out = append(append(out, `,"commit":`...), e.Raw...)
	return append(out, '}', '\n'), nil
}

// maxLine bounds one line of an export: the largest message in base64, and its envelope.
const maxLine = 4 * events.MaxCommitBytes

// ReadExport audits an export and calls fn, if not nil, with every commit that is intact. The error is fn's, or one of
// reading; what is wrong with the ledger itself is in the report.
func ReadExport(r io.Reader, fn func(events.Commit) error) (Report, error) {
	var audit Audit
	scan := bufio.NewScanner(r)
	scan.Buffer(make([]byte, 0, 64<<10), maxLine)
	number := 0
	for scan.Scan() {
		number++
		if len(bytes.TrimSpace(scan.Bytes())) == 0 {
			continue
		}
		entry, err := parseLine(scan.Bytes())
		if err != nil {
			audit.find(audit.prev.position+1, number, Unreadable, err.Error())
			continue
		}
		commit, whole := audit.Take(entry, number)
		if !whole || fn == nil {
			continue
		}
		if err := fn(commit); err != nil {
			return audit.Report(), err
		}
	}
	if err := scan.Err(); err != nil {
		return audit.Report(), fmt.Errorf("read export, line %d: %w", number+1, err)
	}
	return audit.Report(), nil
}

func parseLine(raw []byte) (Entry, error) {
	var l line
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil {
		return Entry{}, fmt.Errorf("not a line of an export: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return Entry{}, errors.New("not a line of an export: more than one JSON value")
	}
	entry := Entry{Position: l.Position, Subject: l.Subject, Stated: l.Digest, Raw: l.Commit}
	if l.Commit == nil {
		entry.Raw = l.Raw
	}
	return entry, nil
}
