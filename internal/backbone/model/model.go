// Package model is the data model of the simulated routers: the OpenConfig schema as a tree that paths are looked up in,
// and the leaves that hang from it with their values in every gNMI encoding.
//
// A router's configuration and state are flat sets of leaves keyed by their canonical path; containers exist only as
// prefixes of leaves and in the JSON that stands for them. What a client sends is checked against the schema leaf by leaf:
// does the path exist, is it writable, does the value fit type, range and pattern. Integers, booleans and strings are
// checked here from the schema's own types; everything else is decoded with ytypes.
//
// Module names are not part of ygot's schema tree but of the tags on the generated structs; Load reads them from there.
package model

import (
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/openconfig/goyang/pkg/yang"
	"github.com/openconfig/ygot/ytypes"

	"github.com/detour-net/detour/internal/device/oc"
)

// Schema is the OpenConfig schema of this build. It is safe for concurrent use.
type Schema struct {
	root    *Node
	ygot    *ytypes.Schema
	modules map[string]bool
	decoded sync.Map // enumerated values already decoded: decodeKey to Value
}

// Node is a container, list or leaf of the schema.
type Node struct {
	Name     string
	Module   string   // module that its name is qualified with (RFC 7951, section 4)
	Keys     []string // of a list, in the model's order
	Writable bool     // configuration
	Leaf     bool     // leaf or leaf-list
	Path     string   // without keys

	parent   *Node
	children map[string]*Node
	entry    *yang.Entry
}

// Load returns the schema. It is unpacked at the first call, which takes some ten milliseconds, and shared from then on.
func Load() (*Schema, error) { return loadOnce() }

var loadOnce = sync.OnceValues(load)

func load() (*Schema, error) {
	y, err := oc.Schema()
	if err != nil {
		return nil, fmt.Errorf("unpack the OpenConfig schema: %w", err)
	}
	s := &Schema{ygot: y, modules: map[string]bool{}}
	s.root = grow(y.RootSchema(), nil)
	s.root.Path = ""
	s.qualify(s.root, reflect.TypeFor[oc.Device]())
	return s, nil
}

// grow turns an entry and all below it into nodes. Choices and cases have no place in data and are left out.
func grow(e *yang.Entry, parent *Node) *Node {
	n := &Node{Name: e.Name, parent: parent, entry: e, Writable: !e.ReadOnly(), Leaf: e.IsLeaf() || e.IsLeafList()}
	if parent != nil {
		n.Path = parent.Path + "/" + e.Name
	}
	if e.IsList() && e.Key != "" {
		n.Keys = strings.Fields(e.Key)
	}
	if !n.Leaf {
		n.children = map[string]*Node{}
		n.adopt(e)
	}
	return n
}

func (n *Node) adopt(e *yang.Entry) {
	for _, child := range e.Dir {
		if child.IsChoice() || child.IsCase() {
			n.adopt(child)
			continue
		}
		n.children[child.Name] = grow(child, n)
	}
}

// qualify takes the module names from the struct tags of t, which stands for n.
func (s *Schema) qualify(n *Node, t reflect.Type) {
	for i := range t.NumField() {
		field := t.Field(i)
		var below *Node
		for _, tags := range [][2]string{{"path", "module"}, {"shadow-path", "shadow-module"}} {
			paths, modules := field.Tag.Get(tags[0]), field.Tag.Get(tags[1])
			if paths == "" {
				continue
			}
			names := strings.Split(modules, "|")
			for i, path := range strings.Split(paths, "|") {
				end := s.qualifyPath(n, strings.Split(path, "/"), strings.Split(names[i], "/"))
				if below == nil {
					below = end
				}
			}
		}
		elem := field.Type
		for elem.Kind() == reflect.Pointer || elem.Kind() == reflect.Map {
			elem = elem.Elem()
		}
		if below != nil && !below.Leaf && elem.Kind() == reflect.Struct {
			s.qualify(below, elem)
		}
	}
}

func (s *Schema) qualifyPath(n *Node, path, modules []string) *Node {
	for i, name := range path {
		if n = n.children[name]; n == nil {
			return nil
		}
		n.Module = modules[i]
		s.modules[modules[i]] = true
	}
	return n
}

// Modules are the names of all modules that the schema's nodes come from, in no order.
func (s *Schema) Modules() []string {
	names := make([]string, 0, len(s.modules))
	for name := range s.modules {
		names = append(names, name)
	}
	return names
}

// Child is the node of that name below n, and nil when there is none.
func (n *Node) Child(name string) *Node { return n.children[name] }

// ListKey says whether n is a list's key leaf as it stands beside config and state, mirroring the leaf in there.
func (n *Node) ListKey() bool {
	if n.parent == nil || !n.Leaf {
		return false
	}
	for _, key := range n.parent.Keys {
		if key == n.Name {
			return true
		}
	}
	return false
}

// Default is the schema's default value of a leaf as text, and empty when it has none.
func (n *Node) Default() string {
	if len(n.entry.Default) == 0 {
		return ""
	}
	return n.entry.Default[0]
}

// Mirror is the leaf below state that shows what the leaf n below config holds, and nil when there is none.
func (n *Node) Mirror() *Node {
	if n.parent == nil || n.parent.Name != "config" {
		return nil
	}
	state := n.parent.parent.children["state"]
	if state == nil {
		return nil
	}
	return state.children[n.Name]
}

// Counts says whether n is a leaf of counters, or nothing but counters.
func (n *Node) Counts() bool {
	if n.Name == "counters" && !n.Leaf {
		return true
	}
	return n.parent != nil && n.parent.Name == "counters" && !strings.HasSuffix(n.Name, "-transitions")
}
