package network

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/detour-net/detour/internal/config/bounded"
)

// Bounds on a matrix's file.
const (
	MaxMatrix     = 256 << 20 // bytes
	maxMatrixLine = 4096      // bytes
)

// LoadMatrix reads a CSV file with ReadMatrix, as a stream; the matrix's Source is path. It fails when the file hangs.
func LoadMatrix(path string, t *Topology) (Matrix, error) {
	f, err := bounded.Open(path)
	if err != nil {
		return Matrix{}, fmt.Errorf("read traffic matrix: %w", err)
	}
	defer f.Close()
	return ReadMatrix(path, f, t)
}

// ReadMatrix reads a traffic matrix for t from CSV text, one demand on a line. The first line is a header that names the
// columns, in any order: "from", "to", the rate, whose column is named by its unit ("bps", "kbps", "mbps" or "gbps",
// powers of 1000), "class" if there are any, and "family" ("ipv4", "ipv6", or nothing for both) if that is known. Rates are decimal numbers and are rounded to whole bits per second.
// Lines that are empty, and those above the header that begin with "#", say nothing.
//
// name stands in messages, which give the line: at most 20 of them, and how many more there are. Refused are, besides
// what is not such text: a rate that is no number, negative or above 2^50 bit/s, an unknown router, a demand from a
// router to itself, a demand given twice, a matrix without traffic, one of more than 100 times the capacity of all links
// or less than a billionth of it, and more than 4,000,000 lines or 256 MiB. The text is read as a stream; the largest
// matrix takes about 510 MB while it is read, of which 290 MB remain.
func ReadMatrix(name string, r io.Reader, t *Topology) (Matrix, error) {
	s := newSieve(t, func(line int32) string { return fmt.Sprintf("%s:%d", name, line) })
	lines := &lineReader{name: name, r: bufio.NewReaderSize(r, 1<<16)}
	columns, err := readHeader(lines)
	if err != nil {
		return Matrix{}, err
	}
	for n := 0; ; n++ {
		text, err := lines.next()
		if err == io.EOF {
			break
		}
		if err == nil && n == maxDemands {
			err = fmt.Errorf("%s:%d: more than %d demands", name, lines.line, maxDemands)
		}
		if err != nil { // what follows cannot be judged
			return Matrix{}, errors.Join(s.err(name), err)
		}
		columns.read(s, lines.line, text)
	}
	demands, err := s.finish(name)
	if err != nil {
		return Matrix{}, err
	}
	return Matrix{Demands: demands, Source: name}, nil
}

// lineReader hands out the lines that say something, and counts them all.
type lineReader struct {
	name string
	r    *bufio.Reader
	line int32
	size int64 // bytes read
}

// next returns the next line that is not blank, without its end; io.EOF after the last. The text is good until the next
// call.
func (l *lineReader) next() ([]byte, error) {
	for {
		text, err := l.r.ReadSlice('\n')
		if len(text) == 0 && err == io.EOF {
			return nil, io.EOF
		}
		l.line++
		l.size += int64(len(text))
		switch {
		case err != nil && err != io.EOF && err != bufio.ErrBufferFull:
			return nil, fmt.Errorf("%s:%d: read: %w", l.name, l.line, err)
		case l.size > MaxMatrix:
			return nil, fmt.Errorf("%s:%d: more than %d MiB", l.name, l.line, MaxMatrix>>20)
		case len(text) > maxMatrixLine:
			return nil, fmt.Errorf("%s:%d: a line of more than %d bytes", l.name, l.line, maxMatrixLine)
		}
		if text = bytes.TrimSpace(text); len(text) > 0 {
			return text, nil
		}
	}
}

// columns say where in a line things stand; class and family are -1 when there are none.
type columns struct {
	from, to, rate, class, family int

	count int
	unit  string
	scale float64  // bits per second
	cells []string // of the present line, room that is used again
}

func scaleOf(unit string) (float64, bool) {
	scale, ok := map[string]float64{"bps": 1, "kbps": 1e3, "mbps": 1e6, "gbps": 1e9}[unit]
	return scale, ok
}

func readHeader(lines *lineReader) (columns, error) {
	text, err := lines.next()
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	for err == nil && (len(text) == 0 || text[0] == '#') {
		text, err = lines.next()
	}
	if err == io.EOF {
		return columns{}, fmt.Errorf("%s: the matrix is empty: want a header (from,to,bps) and one demand on a line", lines.name)
	}
	if err != nil {
		return columns{}, err
	}
	c := columns{from: -1, to: -1, rate: -1, class: -1, family: -1}
	bad := func(format string, args ...any) (columns, error) {
		return columns{}, fmt.Errorf("%s:%d: header: %s; want from, to, the rate as bps, kbps, mbps or gbps, and class and family if there are any",
			lines.name, lines.line, fmt.Sprintf(format, args...))
	}
	cells, err := split(nil, text)
	if err != nil {
		return bad("%s", err)
	}
	c.count = len(cells)
	for i, cell := range cells {
		at := map[string]*int{"from": &c.from, "to": &c.to, "class": &c.class, "family": &c.family}[cell]
		if scale, isUnit := scaleOf(cell); isUnit {
			at, c.unit, c.scale = &c.rate, cell, scale
		}
		switch {
		case at == nil:
			return bad("column %.80q is not known", cell)
		case *at >= 0:
			return bad("column %q: a second one of its kind", cell)
		}
		*at = i
	}
	if c.from < 0 || c.to < 0 || c.rate < 0 {
		return bad("%.80q lacks a column", text)
	}
	return c, nil
}

// read hands a line's demand to the sieve, or its complaint.
func (c *columns) read(s *sieve, line int32, text []byte) {
	cells, err := split(c.cells[:0], text)
	c.cells = cells
	switch {
	case err != nil:
		s.bad(line, "%s", err)
		return
	case len(cells) != c.count:
		s.bad(line, "%d columns, the header has %d", len(cells), c.count)
		return
	}
	bps, err := c.parse(cells[c.rate])
	if err != nil {
		s.bad(line, "%s", err)
		return
	}
	var of class
	if c.class >= 0 {
		of.name = cells[c.class]
	}
	if c.family >= 0 {
		of.family = Family(cells[c.family])
	}
	s.take(line, cells[c.from], cells[c.to], of, bps)
}

// parse reads a rate.
func (c columns) parse(text string) (int64, error) {
	rate, err := strconv.ParseFloat(text, 64)
	tooBig := errors.Is(err, strconv.ErrRange)             // rate is infinite, and refused as such below
	decimal := strings.Trim(text, "0123456789.eE+-") == "" // neither NaN nor Inf nor hexadecimal
	if !decimal || err != nil && !tooBig {
		return 0, fmt.Errorf("%s %.80q: want a number, for example 1.5", c.unit, text)
	}
	bps := math.Round(rate * c.scale)
	switch {
	case rate < 0:
		return 0, fmt.Errorf("%s %.80s: a demand cannot be negative", c.unit, text)
	case bps > maxDemand:
		return 0, fmt.Errorf("%s %.80s: more than %d bits per second: is the unit right?", c.unit, text, int64(maxDemand))
	default:
		return int64(bps), nil
	}
}

// split appends the cells of a line, without the blanks around them, to cells.
func split(cells []string, line []byte) ([]string, error) {
	if bytes.IndexByte(line, '"') >= 0 {
		r := csv.NewReader(bytes.NewReader(line))
		r.TrimLeadingSpace = true
		quoted, err := r.Read()
		if err != nil {
			return cells, errors.New("a quote is missing or stands inside a value")
		}
		for _, cell := range quoted {
			cells = append(cells, strings.TrimSpace(cell))
		}
		return cells, nil
	}
	for cell := range strings.SplitSeq(string(line), ",") {
		cells = append(cells, strings.TrimSpace(cell))
	}
	return cells, nil
}
