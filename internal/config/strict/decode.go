package strict

import (
	"encoding"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// decode puts node into v and complains where it does not fit. A key without a value leaves v alone.
func (d *Document) decode(path string, node ast.Node, v reflect.Value) {
	switch n := node.(type) {
	case nil, *ast.NullNode:
		return
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		d.errs = append(d.errs, d.at(n.GetToken(), "%sanchors, aliases, merges and tags are not taken: write the value where it belongs", label(path)))
		return
	}
	switch {
	case v.Type() == reflect.TypeFor[json.RawMessage]():
		d.decodeRaw(path, node, v)
	case v.Addr().Type().Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		d.decodeText(path, node, v)
	case v.Kind() == reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		d.decode(path, node, p.Elem())
		v.Set(p)
	case v.Kind() == reflect.Struct:
		d.decodeStruct(path, node, v)
	case v.Kind() == reflect.Map:
		d.decodeMap(path, node, v)
	case v.Kind() == reflect.Slice:
		d.decodeSlice(path, node, v)
	default:
		d.decodeScalar(path, node, v)
	}
}

func (d *Document) mismatch(path string, node ast.Node, want string) {
	d.errs = append(d.errs, d.at(first(node), "%swant %s, found %s", label(path), want, describe(node)))
}

func describe(node ast.Node) string {
	switch n := node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.LiteralNode:
		return "a block of text"
	default:
		return strconv.Quote(n.GetToken().Value)
	}
}

func (d *Document) decodeStruct(path string, node ast.Node, v reflect.Value) {
	fields := fieldsOf(v.Type())
	d.each(path, node, func(key string, pair *ast.MappingValueNode) {
		i, ok := fields[key]
		if !ok {
			known := make([]string, 0, len(fields))
			for name := range fields {
				known = append(known, name)
			}
			slices.Sort(known)
			d.errs = append(d.errs, d.at(pair.Key.GetToken(), "unknown key %q; known here: %s", join(path, key), strings.Join(known, ", ")))
			return
		}
		d.decode(join(path, key), pair.Value, v.Field(i))
	})
}

// decodeMap adds the document's keys to those that the map has, and overrides them.
func (d *Document) decodeMap(path string, node ast.Node, v reflect.Value) {
	m := reflect.MakeMap(v.Type())
	for _, key := range v.MapKeys() {
		m.SetMapIndex(key, v.MapIndex(key))
	}
	d.each(path, node, func(key string, pair *ast.MappingValueNode) {
		item := reflect.New(v.Type().Elem()).Elem()
		d.decode(join(path, key), pair.Value, item)
		m.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), item)
	})
	v.Set(m)
}

// each calls f for every key of a mapping; keys must be plain and given once.
func (d *Document) each(path string, node ast.Node, f func(key string, pair *ast.MappingValueNode)) {
	list := pairs(node)
	if list == nil {
		if m, empty := node.(*ast.MappingNode); !empty || len(m.Values) > 0 {
			d.mismatch(path, node, "a mapping")
		}
		return
	}
	seen := map[string]bool{}
	for _, pair := range list {
		switch pair.Key.(type) {
		case *ast.StringNode, *ast.IntegerNode, *ast.BoolNode, *ast.FloatNode:
		default:
			d.errs = append(d.errs, d.at(pair.Key.GetToken(), "%skeys are plain words; anchors, aliases, merges and tags are not taken", label(path)))
			continue
		}
		key := keyText(pair)
		if seen[key] {
			d.errs = append(d.errs, d.at(pair.Key.GetToken(), "key %q is given twice", join(path, key)))
			continue
		}
		seen[key] = true
		f(key, pair)
	}
}

func (d *Document) decodeSlice(path string, node ast.Node, v reflect.Value) {
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		d.mismatch(path, node, "a list")
		return
	}
	s := reflect.MakeSlice(v.Type(), len(list.Values), len(list.Values))
	for i, item := range list.Values {
		d.decode(path+"["+strconv.Itoa(i)+"]", item, s.Index(i))
	}
	v.Set(s)
}

// decodeText hands the scalar's text to the type's own reading, which says what it wants.
func (d *Document) decodeText(path string, node ast.Node, v reflect.Value) {
	text, ok := scalar(node)
	if !ok {
		d.mismatch(path, node, "a single value")
		return
	}
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
		d.errs = append(d.errs, d.at(node.GetToken(), "%s%s", label(path), err))
	}
}

func (d *Document) decodeScalar(path string, node ast.Node, v reflect.Value) {
	text, ok := scalar(node)
	switch kind := v.Kind(); {
	case kind == reflect.String:
		if _, isBool := node.(*ast.BoolNode); !ok || isBool {
			d.mismatch(path, node, "text (quote it)")
			return
		}
		v.SetString(text)
	case kind == reflect.Bool:
		b, isBool := node.(*ast.BoolNode)
		if !isBool {
			d.mismatch(path, node, "true or false")
			return
		}
		v.SetBool(b.Value)
	case v.CanInt():
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if _, isInt := node.(*ast.IntegerNode); !isInt || err != nil {
			d.mismatch(path, node, "a whole number of "+strconv.Itoa(v.Type().Bits())+" bits")
			return
		}
		v.SetInt(n)
	case v.CanUint():
		n, err := strconv.ParseUint(text, 10, v.Type().Bits())
		if _, isInt := node.(*ast.IntegerNode); !isInt || err != nil {
			d.mismatch(path, node, "a non-negative whole number of "+strconv.Itoa(v.Type().Bits())+" bits")
			return
		}
		v.SetUint(n)
	case v.CanFloat():
		f, err := strconv.ParseFloat(text, 64)
		if !ok || !isNumber(node) || err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			d.mismatch(path, node, "a number")
			return
		}
		v.SetFloat(f)
	}
}

func isNumber(node ast.Node) bool {
	switch n := node.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		return true
	case *ast.StringNode: // "1e-6" has no dot and is a string to some readers of YAML
		return n.Token.Origin != "" && !strings.ContainsAny(n.Token.Origin, `"'`)
	}
	return false
}

// scalar is the text of a single value as it was written.
func scalar(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// decodeRaw keeps a value as canonical JSON, for who knows its type later.
func (d *Document) decodeRaw(path string, node ast.Node, v reflect.Value) {
	value, ok := d.plain(path, node)
	if !ok {
		return
	}
	raw, err := json.Marshal(value)
	if err != nil {
		d.Bad(path, "%s", err)
		return
	}
	v.SetBytes(raw)
}

// plain turns a node into what encoding/json writes: map keys sorted, numbers as they were written.
func (d *Document) plain(path string, node ast.Node) (any, bool) {
	switch n := node.(type) {
	case nil, *ast.NullNode:
		return nil, true
	case *ast.BoolNode:
		return n.Value, true
	case *ast.IntegerNode, *ast.FloatNode:
		text := n.GetToken().Value
		if json.Valid([]byte(text)) {
			return json.Number(text), true
		}
		d.mismatch(path, node, "a number in decimal notation")
		return nil, false
	case *ast.SequenceNode:
		list := make([]any, len(n.Values))
		for i, item := range n.Values {
			var ok bool
			if list[i], ok = d.plain(path+"["+strconv.Itoa(i)+"]", item); !ok {
				return nil, false
			}
		}
		return list, true
	case *ast.MappingNode, *ast.MappingValueNode:
		m, before := map[string]any{}, len(d.errs)
		d.each(path, node, func(key string, pair *ast.MappingValueNode) {
			if value, ok := d.plain(join(path, key), pair.Value); ok {
				m[key] = value
			}
		})
		return m, len(d.errs) == before
	}
	if text, ok := scalar(node); ok {
		return text, true
	}
	d.errs = append(d.errs, d.at(node.GetToken(), "%sanchors, aliases, merges and tags are not taken: write the value where it belongs", label(path)))
	return nil, false
}

// fieldsOf are the struct's fields by their yaml names; a field without one cannot be given.
func fieldsOf(t reflect.Type) map[string]int {
	fields := map[string]int{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if name != "" && name != "-" {
			fields[name] = i
		}
	}
	return fields
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
