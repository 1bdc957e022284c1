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

// Line is one line of an export.
type Line struct {
	Entry  Entry         // zero when it cannot be read
	Commit events.Commit // of an intact one
	Whole  bool          // intact, and in its place
}

// ReadExport audits an export and calls fn, if not nil, with every commit that is intact. The error is fn's, or one of
// reading; what is wrong with the ledger itself is in the report.
func ReadExport(r io.Reader, fn func(events.Commit) error) (Report, error) {
	return ReadLines(r, func(l Line) error {
		if !l.Whole || fn == nil {
			return nil
		}
		return fn(l.Commit)
	})
}

// ReadLines is ReadExport with every line, in the order in which they stand there. A line must be, byte for byte, what
// AppendLine makes of its entry: nothing in it may be changed without being found.
func ReadLines(r io.Reader, fn func(Line) error) (Report, error) {
	var audit Audit
	scan := bufio.NewScanner(r)
	scan.Buffer(make([]byte, 0, 64<<10), maxLine)
	scan.Split(wholeLines)
	var again []byte
	number := 0
	for scan.Scan() {
		number++
		entry, err := ParseLine(scan.Bytes())
		var l Line
		if err != nil {
			audit.unreadable(number, err.Error())
		} else {
			l.Entry = entry
			l.Commit, l.Whole = audit.Take(entry, number)
			if again, err = AppendLine(again[:0], entry); err != nil || !bytes.Equal(again, scan.Bytes()) {
				audit.edited(number, bytes.HasSuffix(scan.Bytes(), []byte("\n")))
			}
		}
		if err := fn(l); err != nil {
			return audit.Report(), err
		}
	}
	if err := scan.Err(); err != nil {
		return audit.Report(), fmt.Errorf("read export, line %d: %w", number+1, err)
	}
	return audit.Report(), nil
}

// wholeLines splits after each line end, which stays.
func wholeLines(data []byte, atEOF bool) (int, []byte, error) {
	if end := bytes.IndexByte(data, '\n') + 1; end > 0 {
		return end, data[:end], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// edited reports a line that says what a line of an export says, and not as one does.
func (a *Audit) edited(line int, ended bool) {
	detail := "its line was edited: no export is written so"
	if !ended {
		detail = "its line has no end: the export was cut off here"
	}
	a.find(a.prev.position, line, Altered, Certain, detail)
}

// ParseLine reads one line of an export, without its newline or with it. It checks nothing.
func ParseLine(raw []byte) (Entry, error) {
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
