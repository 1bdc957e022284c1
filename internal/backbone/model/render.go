package model

import "encoding/json"

// Render is the JSON that stands for the node at path, made from the leaves below it: an object for a container or a list
// entry. Names are qualified with their module where it differs from the parent's, and at the top (RFC 7951, section 4).
func (s *Schema) Render(n *Node, path Elems, leaves []Leaf) json.RawMessage {
	top := &object{node: n, members: map[string]*object{}}
	if len(path) > 0 {
		top.addKeys(s, n, path)
	}
	for i := range leaves {
		top.add(s, leaves[i].Path[:len(path)], leaves[i].Path[len(path):], &leaves[i])
	}
	return top.encode("", true)
}

// object is a container, a list or a leaf on its way to JSON.
type object struct {
	node    *Node
	members map[string]*object // by name; of a list, by entry
	order   []string
	value   json.RawMessage
}

func (o *object) member(name string, n *Node) *object {
	m := o.members[name]
	if m == nil {
		m = &object{node: n, members: map[string]*object{}}
		o.members[name] = m
		o.order = append(o.order, name)
	}
	return m
}

// add hangs a leaf below o, which stands at path.
func (o *object) add(s *Schema, path, rest Elems, leaf *Leaf) {
	for i, elem := range rest {
		o = o.member(elem.GetName(), o.node.children[elem.GetName()])
		if o.node.Keys == nil {
			continue
		}
		list := o.node
		o = o.member(Key(rest[i:i+1]), list)
		if len(o.members) == 0 {
			o.addKeys(s, list, Join(path, rest[:i+1]...))
		}
	}
	o.value = leaf.Value.JSON
}

// addKeys gives a list entry its keys, which stand beside config and state.
func (o *object) addKeys(s *Schema, list *Node, entry Elems) {
	for _, key := range list.Keys {
		leaf, err := s.KeyLeaf(list, entry, key)
		if err != nil {
			continue // a key that its own type does not admit cannot have been stored
		}
		o.member(key, list.children[key]).value = leaf.Value.JSON
	}
}

// encode writes o without its name; names of another module than the given one are qualified. Entry says that a list
// stands for one of its entries.
func (o *object) encode(module string, entry bool) json.RawMessage {
	if o.value != nil {
		return o.value
	}
	if o.node.Keys != nil && !entry {
		list := []byte{'['}
		for i, name := range o.order {
			if i > 0 {
				list = append(list, ',')
			}
			list = append(list, o.members[name].encode(o.node.Module, true)...)
		}
		return append(list, ']')
	}
	text := []byte{'{'}
	for i, name := range o.order {
		m := o.members[name]
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, '"')
		if m.node.Module != module {
			text = append(append(text, m.node.Module...), ':')
		}
		text = append(append(text, name...), '"', ':')
		text = append(text, m.encode(m.node.Module, false)...)
	}
	return append(text, '}')
}
