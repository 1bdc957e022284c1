package device

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/ygot/ygot"
)

// names binds a template's variables, for example {"interface": "ethernet-1/1", "level": "2"}.
type names map[string]string

// with is n and more; more wins.
func (n names) with(more names) names {
	all := make(names, len(n)+len(more))
	for k, v := range n {
		all[k] = v
	}
	for k, v := range more {
		all[k] = v
	}
	return all
}

// template is a gNMI path in which a list key may be a variable, written "[name={port}]". The same template builds the
// path that is asked for and recognises the answer, whether it comes leaf by leaf or as one JSON tree.
type template struct {
	text   string
	origin string
	elems  []*gnmi.PathElem
}

// parseTemplate reads a path such as "/interfaces/interface[name={port}]/state/oper-status".
func parseTemplate(origin, text string) (template, error) {
	path, err := ygot.StringToStructuredPath(text)
	if err != nil {
		return template{}, fmt.Errorf("path template %s: %w", text, err)
	}
	return template{text: text, origin: origin, elems: path.GetElem()}, nil
}

// variable returns the name of the variable that a key's value stands for; ok is false for a literal.
func variable(value string) (name string, ok bool) {
	name, ok = strings.CutPrefix(value, "{")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(name, "}")
}

// fill builds the path with its origin. A variable without a binding becomes the wildcard "*".
func (t template) fill(bind names) *gnmi.Path {
	path := &gnmi.Path{Origin: t.origin, Elem: make([]*gnmi.PathElem, len(t.elems))}
	for i, e := range t.elems {
		if len(e.GetKey()) == 0 {
			path.Elem[i] = e
			continue
		}
		keys := make(map[string]string, len(e.GetKey()))
		for k, v := range e.GetKey() {
			if name, ok := variable(v); ok {
				if v, ok = bind[name]; !ok {
					v = "*"
				}
			}
			keys[k] = v
		}
		path.Elem[i] = &gnmi.PathElem{Name: e.GetName(), Key: keys}
	}
	return path
}

// upTo is the template's beginning, up to and including the first element called name.
func (t template) upTo(name string) template {
	for i, e := range t.elems {
		if e.GetName() == name {
			return template{text: t.text, origin: t.origin, elems: t.elems[:i+1]}
		}
	}
	return t
}

// instance is one value that a template recognised.
type instance struct {
	names names
	value *gnmi.TypedValue
}

// find returns every instance of the template in one update. The update's path may be the leaf itself or any
// container above it whose value is JSON.
func (t template) find(path []*gnmi.PathElem, value *gnmi.TypedValue) []instance {
	if len(path) > len(t.elems) {
		return nil
	}
	for i := len(path) - 1; i >= 0; i-- { // templates differ at their ends
		if bare(path[i].GetName()) != t.elems[i].GetName() {
			return nil
		}
	}
	bind := names{}
	for i, got := range path {
		if !bindKeys(t.elems[i].GetKey(), got.GetKey(), bind) {
			return nil
		}
	}
	rest := t.elems[len(path):]
	if len(rest) == 0 {
		// A list without its keys may still stand above several entries.
		return []instance{{bind, value}}
	}
	tree, ok := jsonTree(value)
	if !ok {
		return nil
	}
	// A path may end in a list element without keys; its value is then the list itself.
	if n := len(path); n > 0 && len(t.elems[n-1].GetKey()) > 0 && len(path[n-1].GetKey()) == 0 {
		return descendList(t.elems[n-1], rest, tree, bind)
	}
	return descend(rest, tree, bind)
}

// covers reports whether deleting path deletes the leaf at full: path is full or a part of its beginning, and a missing
// or wildcard key stands for all.
func covers(path, full []*gnmi.PathElem) bool {
	if len(path) > len(full) {
		return false
	}
	for i, p := range path {
		if bare(p.GetName()) != full[i].GetName() {
			return false
		}
		for k, v := range p.GetKey() {
			if v != "*" && keyValue(k, v) != full[i].GetKey()[k] {
				return false
			}
		}
	}
	return true
}

// bindKeys matches the keys of one path element; those that the router left out stay unbound.
func bindKeys(want, got map[string]string, bind names) bool {
	for k, v := range got {
		w, ok := want[k]
		if !ok {
			return false
		}
		if !bindKey(w, keyValue(k, v), bind) {
			return false
		}
	}
	return true
}

func bindKey(want, got string, bind names) bool {
	if name, ok := variable(want); ok {
		bind[name] = got
		return true
	}
	return want == got
}

// descend walks a JSON tree along the rest of a template.
func descend(rest []*gnmi.PathElem, tree any, bind names) []instance {
	if len(rest) == 0 {
		raw, err := json.Marshal(tree)
		if err != nil {
			return nil // a tree that was decoded from JSON always encodes
		}
		return []instance{{bind, &gnmi.TypedValue{Value: &gnmi.TypedValue_JsonIetfVal{JsonIetfVal: raw}}}}
	}
	object, ok := tree.(map[string]any)
	if !ok {
		return nil
	}
	for name, child := range object {
		if bare(name) != rest[0].GetName() {
			continue
		}
		if len(rest[0].GetKey()) > 0 {
			return descendList(rest[0], rest[1:], child, bind)
		}
		return descend(rest[1:], child, bind)
	}
	return nil
}

// descendList walks every entry of a JSON list whose keys match.
func descendList(list *gnmi.PathElem, rest []*gnmi.PathElem, tree any, bind names) []instance {
	var entries []any
	switch tree := tree.(type) {
	case []any:
		entries = tree
	case map[string]any:
		entries = []any{tree}
	}
	var found []instance
	for _, entry := range entries {
		object, ok := entry.(map[string]any)
		if !ok {
			continue
		}
		own := bind.with(nil)
		if bindEntry(list, object, own) {
			found = append(found, descend(rest, entry, own)...)
		}
	}
	return found
}

// bindEntry matches the key leaves of one JSON list entry.
func bindEntry(list *gnmi.PathElem, entry map[string]any, bind names) bool {
	for key, want := range list.GetKey() {
		matched := false
		for name, value := range entry {
			if bare(name) == key {
				matched = bindKey(want, keyValue(key, fmt.Sprint(value)), bind)
			}
		}
		if !matched {
			return false
		}
	}
	return true
}

// jsonTree decodes a JSON value without ever turning a number into a float.
func jsonTree(value *gnmi.TypedValue) (any, bool) {
	raw := value.GetJsonIetfVal()
	if raw == nil {
		raw = value.GetJsonVal()
	}
	if raw == nil {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return nil, false
	}
	return tree, true
}

// bare cuts a module prefix ("openconfig-interfaces:interface") from a node's name; YANG names hold no colon.
func bare(name string) string {
	return name[strings.LastIndexByte(name, ':')+1:]
}

// keyValue cuts the module prefix from a key that is an identity. Other keys, interface names above all, may hold a
// colon of their own.
func keyValue(key, value string) string {
	switch key {
	case "identifier", "afi-name", "safi-name", "type":
		return bare(value)
	}
	return value
}
