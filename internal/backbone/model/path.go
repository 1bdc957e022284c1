package model

import (
	"fmt"
	"slices"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/ygot/ygot"
)

// Elems are the elements of an absolute path.
type Elems = []*gpb.PathElem

// Resolve looks a path up in the schema. What it returns has module names taken off, from elements and from keys that are
// identities, so that two ways to write one path become one. Lists may lack keys, or have "*" for some: that is a pattern.
func (s *Schema) Resolve(path Elems) (*Node, Elems, error) {
	n := s.root
	clean := make(Elems, len(path))
	for i, elem := range path {
		name := elem.GetName()
		module, bare, qualified := strings.Cut(name, ":")
		if qualified {
			name = bare
		}
		child := n.children[name]
		if child == nil || qualified && module != child.Module {
			return nil, nil, fmt.Errorf("%s: no such node in the models served here: %q below %s", Key(path), elem.GetName(), orRoot(n.Path))
		}
		n = child
		keys, err := s.cleanKeys(n, elem.GetKey())
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", Key(path), err)
		}
		clean[i] = elem
		if qualified || keys != nil {
			clean[i] = &gpb.PathElem{Name: name, Key: elem.GetKey()}
			if keys != nil {
				clean[i].Key = keys
			}
		}
	}
	return n, clean, nil
}

// cleanKeys returns the keys without module names, or nil when they carry none.
func (s *Schema) cleanKeys(n *Node, keys map[string]string) (map[string]string, error) {
	var clean map[string]string
	for key, value := range keys {
		if !slices.Contains(n.Keys, key) {
			return nil, fmt.Errorf("%s has no key %q", n.Name, key)
		}
		module, bare, qualified := strings.Cut(value, ":")
		if !qualified || !s.modules[module] && !strings.HasPrefix(module, "openconfig-") {
			continue
		}
		if clean == nil {
			clean = make(map[string]string, len(keys))
			for k, v := range keys {
				clean[k] = v
			}
		}
		clean[key] = bare
	}
	return clean, nil
}

func orRoot(path string) string {
	if path == "" {
		return "/"
	}
	return path
}

// Concrete says whether a path names one node of data: every list has all its keys, and none is "*".
func Concrete(n *Node, path Elems) bool {
	for i := len(path) - 1; i >= 0; i, n = i-1, n.parent {
		for _, key := range n.Keys {
			if value, ok := path[i].GetKey()[key]; !ok || value == "*" {
				return false
			}
		}
	}
	return true
}

// Matches says whether path lies at or below what pattern names. A list without a key, or with "*" for it, matches every
// entry.
func Matches(pattern, path Elems) bool {
	if len(pattern) > len(path) {
		return false
	}
	for i, want := range pattern {
		have := path[i]
		if want.GetName() != have.GetName() {
			return false
		}
		for key, value := range want.GetKey() {
			if value != "*" && have.GetKey()[key] != value {
				return false
			}
		}
	}
	return true
}

// Key writes a path as text, keys in alphabetical order: two equal paths have one Key.
func Key(path Elems) string {
	if len(path) == 0 {
		return "/"
	}
	var b strings.Builder
	b.Grow(32 * len(path))
	for _, elem := range path {
		b.WriteByte('/')
		b.WriteString(elem.GetName())
		writeKeys(&b, elem.GetKey())
	}
	return b.String()
}

func writeKeys(b *strings.Builder, keys map[string]string) {
	var space [4]string
	names := space[:0]
	for name := range keys {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b.WriteByte('[')
		b.WriteString(name)
		b.WriteByte('=')
		b.WriteString(keyEscaper.Replace(keys[name]))
		b.WriteByte(']')
	}
}

// keyEscaper escapes key values as gNMI paths do in text.
var keyEscaper = strings.NewReplacer(`\`, `\\`, `]`, `\]`)

// Join is a path and further elements, in memory of its own.
func Join(path Elems, more ...*gpb.PathElem) Elems {
	return append(slices.Clip(slices.Clone(path)), more...)
}

// E is a path element with keys given in pairs.
func E(name string, keys ...string) *gpb.PathElem {
	elem := &gpb.PathElem{Name: name}
	for i := 0; i+1 < len(keys); i += 2 {
		if elem.Key == nil {
			elem.Key = make(map[string]string, len(keys)/2)
		}
		elem.Key[keys[i]] = keys[i+1]
	}
	return elem
}

// Parse reads a path as Key writes it.
func Parse(text string) (Elems, error) {
	path, err := ygot.StringToStructuredPath(text)
	if err != nil {
		return nil, err
	}
	return path.GetElem(), nil
}
