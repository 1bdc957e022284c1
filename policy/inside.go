package policy

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// inside places a complaint about an expression within the YAML text that the expression was written in: plain, quoted or
// as a block, on one line or on many. Where that cannot be told the complaint stands at the value's beginning.
func (p *Policy) inside(raw []byte, path, text string, c complaint) error {
	line, column := p.place(path)
	lines := strings.Split(string(raw), "\n")
	if line < 1 || line > len(lines) {
		return fmt.Errorf("%s: %s: %s", p.name, path, c.text)
	}
	s := newScalar(lines, line, column)
	if l, col, ok := s.find(text, c.at); ok {
		line, column = l, col
	}
	source := strings.ReplaceAll(strings.TrimRight(lines[line-1], "\r"), "\t", " ")
	margin := fmt.Sprintf("%5d | ", line)
	return fmt.Errorf("%s:%d:%d: %s: %s\n%s%s\n%s^", p.name, line, column, path, c.text, margin, source, strings.Repeat(" ", len(margin)+column-1))
}

// place is where the value at path begins in the file, by the place that its reader gives every complaint: "name:line:column:".
func (p *Policy) place(path string) (line, column int) {
	doc := p.doc.Fresh()
	doc.Bad(path, "")
	said := doc.Err().Error()
	if len(said) <= len(p.name) {
		return 0, 0
	}
	if n, _ := fmt.Sscanf(said[len(p.name):], ":%d:%d:", &line, &column); n != 2 {
		return 0, 0
	}
	return line, column
}

// scalar walks over the runes of a YAML value in its file.
type scalar struct {
	lines        [][]rune
	line, column int  // of the next rune, from 0
	quote        rune // that the value is in, 0: none
}

func newScalar(lines []string, line, column int) *scalar {
	s := &scalar{line: line - 1, column: column - 1}
	for _, l := range lines {
		s.lines = append(s.lines, []rune(l))
	}
	switch r := s.peek(); r {
	case '\'', '"':
		s.quote = r
		s.column++
	case '|', '>': // a block begins below its header
		s.line, s.column = s.line+1, 0
	}
	return s
}

// find returns the place, from 1, of the at-th rune of the value text. Blanks are no help: YAML folds and cuts them. So it
// walks over the other runes of both, which must agree all the way.
func (s *scalar) find(text string, at int) (line, column int, ok bool) {
	runes := []rune(text)
	for i, want := range runes {
		if unicode.IsSpace(want) {
			continue
		}
		line, column = s.skip()
		if got := s.next(); got != want {
			return 0, 0, false
		}
		if i >= at {
			return line + 1, column + 1, true
		}
	}
	return s.line + 1, s.column + 1, true // at its end
}

// skip goes to the next rune that is no blank, and returns its place.
func (s *scalar) skip() (line, column int) {
	for s.line < len(s.lines) {
		r := s.peek()
		escaped := s.quote == '"' && r == '\\'
		switch {
		case s.column >= len(s.lines[s.line]):
			s.line, s.column = s.line+1, 0
		case unicode.IsSpace(r):
			s.column++
		case escaped && s.column+1 >= len(s.lines[s.line]): // the line goes on below
			s.line, s.column = s.line+1, 0
		case escaped && strings.ContainsRune("nrt ", s.lines[s.line][s.column+1]):
			s.column += 2
		default:
			return s.line, s.column
		}
	}
	return s.line, s.column
}

func (s *scalar) peek() rune {
	if s.line < len(s.lines) && s.column < len(s.lines[s.line]) {
		return s.lines[s.line][s.column]
	}
	return 0
}

// next is the rune that the value has here, with its quotes and escapes undone.
func (s *scalar) next() rune {
	r := s.peek()
	s.column++
	switch {
	case s.quote == '\'' && r == '\'':
		s.column++ // it stands twice
	case s.quote == '"' && r == '\\':
		r = s.peek()
		s.column++
		if digits, ok := map[rune]int{'x': 2, 'u': 4, 'U': 8}[r]; ok && s.column+digits <= len(s.lines[s.line]) {
			n, _ := strconv.ParseInt(string(s.lines[s.line][s.column:s.column+digits]), 16, 32)
			r = rune(n)
			s.column += digits
		}
	}
	return r
}
