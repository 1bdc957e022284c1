package network

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Bounds on a GML file.
const (
	maxGMLBytes = 64 << 20
	maxGMLDepth = 16
	maxGMLWord  = 256     // bytes of a key or a number
	maxGMLText  = 1 << 16 // bytes of a text in quotes
)

// The Graph Modelling Language is a list of pairs of a key and a value; a value is a number, a text in quotes or, in
// brackets, another such list. gmlReader reads it token by token and knows at which line it is.
type gmlReader struct {
	name  string
	r     *bufio.Reader
	line  int
	size  int
	depth int
}

type gmlKind byte

const (
	gmlEnd   gmlKind = iota // of the file
	gmlWord                 // a key or a number
	gmlText                 // a text in quotes
	gmlOpen                 // [
	gmlClose                // ]
)

type gmlToken struct {
	kind gmlKind
	text string
	line int
}

// gmlRecord is a list's scalar values by key, as far as they were asked for, and the line at which it begins.
type gmlRecord struct {
	line   int
	values map[string]string
}

// gmlGraph is what a file says of its graph: the values that were asked for, untouched.
type gmlGraph struct {
	directed     bool
	nodes, edges []gmlRecord
}

func (g *gmlReader) bad(line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: "+format, append([]any{g.name, line}, args...)...)
}

// readGML reads one file with one graph; of its nodes and edges it keeps the values of the given keys.
func readGML(name string, r io.Reader, nodeKeys, edgeKeys []string) (gmlGraph, error) {
	g := &gmlReader{name: name, r: bufio.NewReaderSize(r, 1<<16), line: 1}
	var graph gmlGraph
	found := false
	err := g.list(gmlEnd, func(key, value gmlToken) error {
		if key.text != "graph" {
			return g.skip(value)
		}
		if found || value.kind != gmlOpen {
			return g.bad(key.line, "want one graph, in brackets")
		}
		found = true
		return g.graph(&graph, nodeKeys, edgeKeys)
	})
	if err == nil && !found {
		err = g.bad(g.line, "no graph in this file")
	}
	return graph, err
}

func (g *gmlReader) graph(graph *gmlGraph, nodeKeys, edgeKeys []string) error {
	return g.list(gmlClose, func(key, value gmlToken) (err error) {
		into, keys, limit := &graph.nodes, nodeKeys, maxRouters
		switch key.text {
		case "node":
		case "edge":
			into, keys, limit = &graph.edges, edgeKeys, maxLinks
		case "directed":
			graph.directed = value.text != "0"
			return g.skip(value)
		default:
			return g.skip(value)
		}
		if value.kind != gmlOpen {
			return g.bad(key.line, "want the %s's values in brackets", key.text)
		}
		if len(*into) == limit {
			return g.bad(key.line, "more than %d %ss", limit, key.text)
		}
		record, err := g.record(key.line, keys)
		*into = append(*into, record)
		return err
	})
}

// record reads a list up to its end and keeps the values of keys.
func (g *gmlReader) record(line int, keys []string) (gmlRecord, error) {
	record := gmlRecord{line: line, values: make(map[string]string, len(keys))}
	err := g.list(gmlClose, func(key, value gmlToken) error {
		for _, wanted := range keys {
			if key.text != wanted {
				continue
			}
			if _, twice := record.values[wanted]; twice || value.kind == gmlOpen {
				return g.bad(key.line, "%s: want one value, given once", wanted)
			}
			record.values[wanted] = value.text
			return nil
		}
		return g.skip(value)
	})
	return record, err
}

// skip reads to the end of a value that nobody wants.
func (g *gmlReader) skip(value gmlToken) error {
	if value.kind != gmlOpen {
		return nil
	}
	return g.list(gmlClose, func(_, value gmlToken) error { return g.skip(value) })
}

// list calls take for every pair of a list, whose first bracket has been read, up to the given end. When value is
// gmlOpen, take must read that list to its end.
func (g *gmlReader) list(end gmlKind, take func(key, value gmlToken) error) error {
	if g.depth++; g.depth > maxGMLDepth {
		return g.bad(g.line, "nested deeper than %d levels", maxGMLDepth)
	}
	defer func() { g.depth-- }()
	for {
		key, err := g.next()
		if err != nil {
			return err
		}
		switch {
		case key.kind == end:
			return nil
		case key.kind == gmlEnd:
			return g.bad(key.line, "the file ends inside a list: a ] is missing")
		case key.kind == gmlClose:
			return g.bad(key.line, "a ] without its [")
		case key.kind != gmlWord || !isLetter(key.text[0]):
			return g.bad(key.line, "want a key, found %.80q", key.text)
		}
		value, err := g.next()
		if err != nil {
			return err
		}
		if value.kind == gmlEnd || value.kind == gmlClose || value.kind == gmlWord && !isNumeral(value.text) {
			return g.bad(value.line, "%s: want a number, a text in quotes or a list in brackets, found %.80q", key.text, value.text)
		}
		if err := take(key, value); err != nil {
			return err
		}
	}
}

// next is the next token; comments are none.
func (g *gmlReader) next() (gmlToken, error) {
	for {
		c, err := g.byte()
		if err == io.EOF {
			return gmlToken{kind: gmlEnd, line: g.line}, nil
		}
		if err != nil {
			return gmlToken{}, err
		}
		switch {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
		case c == '#':
			for c != '\n' && err == nil {
				c, err = g.byte()
			}
			if err != nil && err != io.EOF {
				return gmlToken{}, err
			}
		case c == '[':
			return gmlToken{kind: gmlOpen, text: "[", line: g.line}, nil
		case c == ']':
			return gmlToken{kind: gmlClose, text: "]", line: g.line}, nil
		case c == '"':
			return g.quoted()
		case isLetter(c) || isNumeral(string(c)):
			return g.word(c)
		default:
			return gmlToken{}, g.bad(g.line, "%q: want a key, a number, a text in quotes or a bracket", c)
		}
	}
}

func (g *gmlReader) quoted() (gmlToken, error) {
	var text strings.Builder
	line := g.line
	for {
		c, err := g.byte()
		switch {
		case err == io.EOF:
			return gmlToken{}, g.bad(line, "a text without its closing quote")
		case err != nil:
			return gmlToken{}, err
		case c == '"':
			return gmlToken{kind: gmlText, text: text.String(), line: line}, nil
		case text.Len() == maxGMLText:
			return gmlToken{}, g.bad(line, "a text of more than %d bytes", maxGMLText)
		}
		text.WriteByte(c)
	}
}

// word reads on to the next byte that is not of a key or a number.
func (g *gmlReader) word(first byte) (gmlToken, error) {
	word := []byte{first}
	for {
		next, err := g.r.Peek(1)
		if err != nil || !isLetter(next[0]) && !isNumeral(string(next)) {
			return gmlToken{kind: gmlWord, text: string(word), line: g.line}, nil // next meets the error again
		}
		if len(word) == maxGMLWord {
			return gmlToken{}, g.bad(g.line, "a word of more than %d bytes", maxGMLWord)
		}
		c, err := g.byte()
		if err != nil {
			return gmlToken{}, err
		}
		word = append(word, c)
	}
}

// byte reads one byte and counts it.
func (g *gmlReader) byte() (byte, error) {
	c, err := g.r.ReadByte()
	if err == io.EOF {
		return 0, io.EOF
	}
	if err != nil {
		return 0, g.bad(g.line, "read: %w", err)
	}
	if g.size++; g.size > maxGMLBytes {
		return 0, g.bad(g.line, "more than %d MiB", maxGMLBytes>>20)
	}
	if c == '\n' {
		g.line++
	}
	return c, nil
}

func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

// isNumeral reports whether text has only what numbers are written with.
func isNumeral(text string) bool { return strings.Trim(text, "0123456789+-.eE") == "" }
