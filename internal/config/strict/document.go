// Package strict reads one YAML document the way an operator's mistake deserves: nothing is guessed, nothing is dropped,
// and every complaint names the file, the line, the column and the key, and shows the line with a caret. A secret that
// somebody wrote down is not shown.
//
// What is refused: keys that the target struct does not have, keys given twice, a second document, values of another
// type, anchors, aliases, merges and tags (a file says what it says where it says it, and nothing in it can refer to
// itself). Everything wrong is reported at once, not only the first. Who reads a document goes on with his own checks
// through Bad, which places them the same way.
package strict

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// MaxBytes bounds a document; the largest known backbones fit many times.
const MaxBytes = 16 << 20

// Document is a document that was read, and what is wrong with it so far.
type Document struct {
	name  string
	lines []string
	root  ast.Node // nil when the document is empty
	errs  []error
}

// Write returns a struct or map as a YAML document that Read reads, by the fields' yaml tags.
func Write(v any) ([]byte, error) { return yaml.Marshal(v) }

// Read reads the YAML document raw into the struct that into points to, by the fields' yaml tags; keys that the
// document does not give leave their field alone, so that defaults are set before. name stands in messages. A nil
// error means that nothing was wrong so far.
func Read(name string, raw []byte, into any) (*Document, error) {
	d := &Document{name: name}
	switch {
	case len(raw) > MaxBytes:
		return d, fmt.Errorf("%s: more than %d bytes", name, MaxBytes)
	case !utf8.Valid(raw):
		return d, fmt.Errorf("%s: not UTF-8 text", name)
	}
	d.lines = strings.Split(string(raw), "\n")
	if line, ok := tooDeep(raw); ok {
		return d, fmt.Errorf("%s:%d: nested deeper than %d levels", name, line, maxDepth)
	}
	file, err := parser.ParseBytes(raw, 0)
	if err != nil {
		return d, d.syntax(err)
	}
	if err := d.only(file); err != nil || d.root == nil {
		return d, err
	}
	d.decode("", d.root, reflect.ValueOf(into).Elem())
	return d, d.Err()
}

// only takes the file's one document.
func (d *Document) only(file *ast.File) error {
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if _, comment := doc.Body.(*ast.CommentGroupNode); comment {
			continue
		}
		if d.root != nil {
			return d.at(doc.Body.GetToken(), "a second document begins here; one file holds one")
		}
		d.root = doc.Body
	}
	return nil
}

// syntax places the parser's complaint.
func (d *Document) syntax(err error) error {
	var y yaml.Error
	if errors.As(err, &y) && y.GetToken() != nil {
		return d.at(y.GetToken(), "%s", y.GetMessage())
	}
	return fmt.Errorf("%s: %w", d.name, err)
}

// Bad adds a complaint about the value at path, for example "rules[0].match". A path that the document does not have is
// placed at its nearest part that it has.
func (d *Document) Bad(path, format string, args ...any) {
	tk := d.token(path)
	d.errs = append(d.errs, d.at(tk, "%s", label(path)+fmt.Sprintf(format, args...)))
}

func label(path string) string {
	if path == "" {
		return ""
	}
	return path + ": "
}

// Err is everything that was wrong so far, one complaint after the other; nil when nothing was.
func (d *Document) Err() error { return errors.Join(d.errs...) }

// Fresh is the document without complaints, for checks that come later and may come more than once.
func (d *Document) Fresh() *Document {
	fresh := *d
	fresh.errs = nil
	return &fresh
}

// Has reports whether the document gives a value at path.
func (d *Document) Has(path string) bool {
	node, rest := walk(d.root, split(path))
	return node != nil && len(rest) == 0
}

// at is one complaint with its place, the line, and a caret below the place.
func (d *Document) at(tk *token.Token, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if tk == nil || tk.Position == nil {
		return fmt.Errorf("%s: %s", d.name, text)
	}
	line, column := tk.Position.Line, tk.Position.Column
	place := fmt.Sprintf("%s:%d:%d: %s", d.name, line, column, text)
	if line < 1 || line > len(d.lines) || column < 1 {
		return errors.New(place)
	}
	source := masked(strings.ReplaceAll(strings.TrimRight(d.lines[line-1], "\r"), "\t", " "))
	margin := fmt.Sprintf("%5d | ", line)
	return fmt.Errorf("%s\n%s%s\n%s^", place, margin, source, strings.Repeat(" ", len(margin)+column-1))
}

// secrets are what looks like one on a line: the value of a key that is named after one, quoted or not, and a URL's user.
var secrets = regexp.MustCompile(`(?i)(?:password|passwd|passphrase|token|secret(?:_url)?|webhook|nkey|hmac|credentials|[a-z]_key)["']?\s*:\s*` +
	`(?:"([^"]*)"?|'([^']*)'?|([^\s"',}\]{\[][^\s,}\]]*))|://([^\s/@]+)@`)

// masked hides secrets that were written down where only a reference to them belongs: the line is shown, they are not.
func masked(line string) string {
	hidden := []byte(line)
	for _, m := range secrets.FindAllStringSubmatchIndex(line, -1) {
		for group := 2; group < len(m); group += 2 {
			from, to := max(m[group], 0), max(m[group+1], 0)
			if ref := line[from:to]; strings.HasPrefix(ref, "file:") || strings.HasPrefix(ref, "env:") {
				continue
			}
			for i := from; i < to; i++ {
				hidden[i] = '*'
			}
		}
	}
	return string(hidden)
}

// token is where a path, or its nearest part that exists, stands in the document.
func (d *Document) token(path string) *token.Token {
	node, _ := walk(d.root, split(path))
	if node == nil {
		return nil
	}
	return first(node)
}

// first is the token that a person would point at: of a mapping its first key.
func first(node ast.Node) *token.Token {
	switch n := node.(type) {
	case *ast.MappingNode:
		if len(n.Values) > 0 && !n.IsFlowStyle {
			return n.Values[0].Key.GetToken()
		}
	case *ast.MappingValueNode:
		return n.Key.GetToken()
	case *ast.SequenceNode:
		if len(n.Values) > 0 && !n.IsFlowStyle {
			return first(n.Values[0])
		}
	}
	return node.GetToken()
}

// walk follows path as far as the document goes and returns the last node reached and what is left of path.
func walk(node ast.Node, path []string) (ast.Node, []string) {
	for node != nil && len(path) > 0 {
		next := child(node, path[0])
		if next == nil {
			break
		}
		node, path = next, path[1:]
	}
	return node, path
}

func child(node ast.Node, step string) ast.Node {
	if n, ok := node.(*ast.SequenceNode); ok {
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(n.Values) {
			return n.Values[i]
		}
		return nil
	}
	for _, pair := range pairs(node) {
		if keyText(pair) == step {
			return pair.Value
		}
	}
	return nil
}

// split cuts "rules[0].match" into "rules", "0", "match".
func split(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

// pairs are the keys and values of a mapping; nil of anything else.
func pairs(node ast.Node) []*ast.MappingValueNode {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

func keyText(pair *ast.MappingValueNode) string { return pair.Key.GetToken().Value }

// maxDepth bounds nesting: no file of ours needs more, and the parser recurses.
const maxDepth = 64

// tooDeep reports whether brackets nest, or a line is indented, beyond what any honest file needs.
func tooDeep(raw []byte) (line int, deep bool) {
	depth, line, markers, lead := 0, 1, 0, true
	for _, b := range raw {
		switch b {
		case '\n':
			line, markers, lead = line+1, 0, true
			continue
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(0, depth-1)
		case '-', '?', ':':
			if lead {
				markers++
			}
		case ' ':
			continue
		default:
			lead = false
		}
		if depth > maxDepth || markers > maxDepth*4 {
			return line, true
		}
	}
	return 0, false
}
