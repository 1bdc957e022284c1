package model

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// Leaf is one leaf of data.
type Leaf struct {
	Key   string // the path as text
	Path  Elems
	Node  *Node
	Value Value
}

// Decode decodes what a client sends for path into the leaves that it sets: one for a leaf, any number for a container or
// list entry given as JSON. The path must be concrete and clean, as Resolve leaves it. Errors name the leaf.
func (s *Schema) Decode(n *Node, path Elems, value *gpb.TypedValue) ([]Leaf, error) {
	var raw json.RawMessage
	strict := true
	switch x := value.GetValue().(type) {
	case *gpb.TypedValue_JsonIetfVal:
		raw = x.JsonIetfVal
	case *gpb.TypedValue_JsonVal:
		raw, strict = x.JsonVal, false
	case *gpb.TypedValue_AsciiVal, *gpb.TypedValue_ProtoBytes, *gpb.TypedValue_AnyVal:
		return nil, fmt.Errorf("%s: encoding not supported; send JSON_IETF, JSON or PROTO", Key(path))
	default:
		if !n.Leaf {
			return nil, fmt.Errorf("%s is not a leaf; send JSON_IETF or JSON for it", Key(path))
		}
		v, err := s.decodeScalar(n, path, value)
		return s.one(n, path, v, err)
	}
	if n.Leaf {
		v, err := s.decodeJSON(n, path, raw, strict)
		return s.one(n, path, v, err)
	}
	d := decoder{schema: s, strict: strict}
	if err := d.object(n, path, raw); err != nil {
		return nil, err
	}
	return d.leaves, nil
}

func (s *Schema) one(n *Node, path Elems, v Value, err error) ([]Leaf, error) {
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", Key(path), err)
	case n.ListKey():
		return nil, fmt.Errorf("%s: a list's key cannot be set; write the entry", Key(path))
	case !n.Writable:
		return nil, fmt.Errorf("%s: state is read-only", Key(path))
	}
	return []Leaf{{Key: Key(path), Path: path, Node: n, Value: v}}, nil
}

// KeyLeaf is the leaf below config (or state, for a list of state) that mirrors a list entry's key.
func (s *Schema) KeyLeaf(list *Node, entry Elems, key string) (Leaf, error) {
	text := entry[len(entry)-1].GetKey()[key]
	for _, side := range []string{"config", "state"} {
		container := list.Child(side)
		if container == nil || container.Child(key) == nil {
			continue
		}
		n := container.Child(key)
		path := Join(entry, E(side), E(key))
		raw := json.RawMessage(text)
		if unsigned[n.entry.Type.Kind] == 0 {
			raw, _ = json.Marshal(text) // a string can always be encoded
		}
		v, err := s.decodeJSON(n, path, raw, false)
		if err != nil {
			return Leaf{}, fmt.Errorf("%s: key %s: %w", Key(entry), key, err)
		}
		return Leaf{Key: Key(path), Path: path, Node: n, Value: v}, nil
	}
	return Leaf{}, fmt.Errorf("%s: key %s has no leaf", list.Path, key)
}

// decoder walks JSON and schema together and gathers leaves.
type decoder struct {
	schema *Schema
	strict bool
	leaves []Leaf
}

func (d *decoder) object(n *Node, path Elems, raw json.RawMessage) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return fmt.Errorf("%s: not a JSON object: %w", Key(path), err)
	}
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names) // so that of several faults always the same is named
	for _, name := range names {
		child, err := n.member(path, name)
		if err != nil {
			return err
		}
		if err := d.member(child, path, members[name]); err != nil {
			return err
		}
	}
	return nil
}

// member finds what a JSON member stands for; its name may be qualified with its module.
func (n *Node) member(path Elems, name string) (*Node, error) {
	module, bare, qualified := strings.Cut(name, ":")
	if !qualified {
		bare = name
	}
	child := n.children[bare]
	if child == nil || qualified && child.Module != module {
		return nil, fmt.Errorf("%s: no such node in the models served here: %q", Key(path), name)
	}
	return child, nil
}

func (d *decoder) member(n *Node, parent Elems, raw json.RawMessage) error {
	path := Join(parent, E(n.Name))
	switch {
	case n.ListKey():
		return d.key(n, parent, raw)
	case n.Leaf:
		v, err := d.schema.decodeJSON(n, path, raw, d.strict)
		leaves, err := d.schema.one(n, path, v, err)
		d.leaves = append(d.leaves, leaves...)
		return err
	case n.Keys == nil:
		return d.object(n, path, raw)
	}
	var entries []json.RawMessage
	if err := json.Unmarshal(raw, &entries); err != nil {
		return fmt.Errorf("%s: not a JSON array: %w", Key(path), err)
	}
	for _, entry := range entries {
		keyed, err := d.entryPath(n, parent, entry)
		if err != nil {
			return err
		}
		if err := d.object(n, keyed, entry); err != nil {
			return err
		}
	}
	return nil
}

// entryPath is the path of a list entry, with the keys that stand in its JSON.
func (d *decoder) entryPath(list *Node, parent Elems, raw json.RawMessage) (Elems, error) {
	var members map[string]json.RawMessage
	at := Key(parent) + "/" + list.Name
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, fmt.Errorf("%s: list entry is not a JSON object: %w", at, err)
	}
	elem := &gpb.PathElem{Name: list.Name, Key: make(map[string]string, len(list.Keys))}
	for _, key := range list.Keys {
		value, ok := members[key]
		if !ok {
			value, ok = members[list.children[key].Module+":"+key]
		}
		if !ok {
			return nil, fmt.Errorf("%s: list entry lacks its key %q", at, key)
		}
		elem.Key[key] = keyText(value)
	}
	return Join(parent, elem), nil
}

// keyText is a JSON value as a path's key has it: without quotes, an identity without its module.
func keyText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return string(raw)
	}
	if module, bare, ok := strings.Cut(text, ":"); ok && strings.HasPrefix(module, "openconfig-") {
		return bare
	}
	return text
}

// key checks that a list's key leaf says what the entry's path says.
func (d *decoder) key(n *Node, entry Elems, raw json.RawMessage) error {
	if want := entry[len(entry)-1].GetKey()[n.Name]; keyText(raw) != want {
		return fmt.Errorf("%s: key %s is %s in the value and %q in the path", Key(entry), n.Name, raw, want)
	}
	return nil
}

// DefaultOf is the schema's default value of a leaf, which must have one.
func (s *Schema) DefaultOf(n *Node, path Elems) (Value, error) {
	raw := json.RawMessage(n.Default())
	v, err := s.decodeJSON(n, path, raw, false)
	if err == nil {
		return v, nil
	}
	raw, _ = json.Marshal(n.Default()) // a string can always be encoded
	return s.decodeJSON(n, path, raw, false)
}
