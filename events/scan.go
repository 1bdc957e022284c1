package events

import (
	"encoding"
	"encoding/binary"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// scan reads JSON from the front. Its methods report whether the next thing was what they expect.
type scan struct {
	raw []byte
	at  int
	*Decoder
}

// read fills v, which is addressable, from the front of s.
type read func(s *scan, v reflect.Value) bool

// literal takes text.
func (s *scan) literal(text string) bool {
	if len(s.raw)-s.at < len(text) || string(s.raw[s.at:s.at+len(text)]) != text {
		return false
	}
	s.at += len(text)
	return true
}

// mark takes one of the characters between values, and the white space around it.
func (s *scan) mark(c byte) bool {
	if s.at < len(s.raw) && s.raw[s.at] <= ' ' {
		s.space()
	}
	if s.at >= len(s.raw) || s.raw[s.at] != c {
		return false
	}
	s.at++
	if s.at < len(s.raw) && s.raw[s.at] <= ' ' {
		s.space()
	}
	return true
}

// space skips white space.
func (s *scan) space() {
	for s.at < len(s.raw) && (s.raw[s.at] == ' ' || s.raw[s.at] == '\n' || s.raw[s.at] == '\t' || s.raw[s.at] == '\r') {
		s.at++
	}
}

// plain takes a string of ASCII without escapes and returns what is between the quotes.
func (s *scan) plain() ([]byte, bool) {
	if s.at >= len(s.raw) || s.raw[s.at] != '"' {
		return nil, false
	}
	i := s.at + 1
	for i+8 <= len(s.raw) && allPlain(binary.LittleEndian.Uint64(s.raw[i:])) {
		i += 8
	}
	for ; i < len(s.raw); i++ {
		switch b := s.raw[i]; {
		case b == '"':
			text := s.raw[s.at+1 : i]
			s.at = i + 1
			return text, true
		case b == '\\' || b < ' ' || b >= 0x80:
			return nil, false
		}
	}
	return nil, false
}

// allPlain reports whether each of eight bytes is one that stands in a JSON string as it is. The top bit of a byte in odd is
// set where it is not, and may be set above such a byte.
func allPlain(eight uint64) bool {
	const each, top = 0x0101010101010101, 0x8080808080808080
	quote, escape := eight^each*'"', eight^each*'\\'
	odd := eight | (eight - each*' ') | (quote - each) | (escape - each)
	return odd&top == 0
}

// text takes any string.
func (s *scan) text(into *string) bool {
	if text, ok := s.plain(); ok {
		*into = s.keep(text)
		return true
	}
	if s.at >= len(s.raw) || s.raw[s.at] != '"' {
		return false
	}
	for i := s.at + 1; i < len(s.raw); i++ {
		switch s.raw[i] {
		case '\\':
			i++
		case '"':
			token := s.raw[s.at : i+1]
			s.at = i + 1
			return json.Unmarshal(token, into) == nil
		}
	}
	return false
}

// number takes a number as RFC 8259 writes one.
func (s *scan) number() ([]byte, bool) {
	start := s.at
	s.literal("-")
	if !s.literal("0") && !s.digits() {
		return nil, false
	}
	if s.literal(".") && !s.digits() {
		return nil, false
	}
	if s.literal("e") || s.literal("E") {
		if !s.literal("+") {
			s.literal("-")
		}
		if !s.digits() {
			return nil, false
		}
	}
	return s.raw[start:s.at], true
}

func (s *scan) digits() bool {
	start := s.at
	for s.at < len(s.raw) && s.raw[s.at] >= '0' && s.raw[s.at] <= '9' {
		s.at++
	}
	return s.at > start
}

// unmarshal hands the next string, number or null to a type that reads its own JSON.
func (s *scan) unmarshal(into json.Unmarshaler) bool {
	start := s.at
	_, ok := s.plain()
	if !ok {
		ok = s.literal("null")
	}
	if !ok {
		_, ok = s.number()
	}
	return ok && into.UnmarshalJSON(s.raw[start:s.at]) == nil
}

// reader compiles how a type is read. Types that the vocabulary does not use are left to encoding/json.
func reader(t reflect.Type) read {
	switch p := reflect.PointerTo(t); {
	case p.Implements(reflect.TypeFor[json.Unmarshaler]()):
		return func(s *scan, v reflect.Value) bool { return s.unmarshal(v.Addr().Interface().(json.Unmarshaler)) }
	case p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return func(s *scan, v reflect.Value) bool {
			text, ok := s.plain()
			return ok && v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText(text) == nil
		}
	}
	switch t.Kind() {
	case reflect.String:
		return func(s *scan, v reflect.Value) bool {
			text, ok := s.plain()
			if ok {
				v.SetString(s.keep(text))
				return true
			}
			var long string
			ok = s.text(&long)
			v.SetString(long)
			return ok
		}
	case reflect.Bool:
		return func(s *scan, v reflect.Value) bool {
			v.SetBool(s.literal("true"))
			return v.Bool() || s.literal("false")
		}
	case reflect.Int, reflect.Int64:
		return func(s *scan, v reflect.Value) bool {
			text, ok := s.number()
			n, err := strconv.ParseInt(string(text), 10, 64)
			v.SetInt(n)
			return ok && err == nil && !v.OverflowInt(n)
		}
	case reflect.Uint32, reflect.Uint64:
		return func(s *scan, v reflect.Value) bool {
			text, ok := s.number()
			n, err := strconv.ParseUint(string(text), 10, 64)
			v.SetUint(n)
			return ok && err == nil && !v.OverflowUint(n)
		}
	case reflect.Float64:
		return func(s *scan, v reflect.Value) bool {
			text, ok := s.number()
			f, err := strconv.ParseFloat(string(text), 64)
			v.SetFloat(f)
			return ok && err == nil
		}
	case reflect.Pointer:
		return pointerReader(t)
	case reflect.Slice:
		return sliceReader(t)
	case reflect.Map:
		return mapReader(t)
	case reflect.Struct:
		return structReader(t)
	}
	return func(*scan, reflect.Value) bool { return false }
}

func pointerReader(t reflect.Type) read {
	elem := reader(t.Elem())
	return func(s *scan, v reflect.Value) bool {
		if s.literal("null") {
			return true
		}
		v.Set(reflect.New(t.Elem()))
		return elem(s, v.Elem())
	}
}

func sliceReader(t reflect.Type) read {
	elem := reader(t.Elem())
	if t.Elem().Kind() == reflect.Uint8 {
		return func(*scan, reflect.Value) bool { return false } // base64
	}
	return func(s *scan, v reflect.Value) bool {
		if s.literal("null") {
			return true
		}
		if !s.mark('[') {
			return false
		}
		room := s.take(t)
		n := 0
		for ; !s.mark(']'); n++ {
			if n > 0 && !s.mark(',') {
				return false
			}
			room.Grow(1)
			room.SetLen(n + 1)
			if !elem(s, room.Index(n)) {
				return false
			}
		}
		v.Set(reflect.MakeSlice(t, n, n))
		reflect.Copy(v, room)
		s.giveBack(room)
		return true
	}
}

// take returns an empty slice with the room that the one before it of its type has left. It is nobody else's until it is given
// back, since elements may have slices of that type themselves.
func (d *Decoder) take(t reflect.Type) reflect.Value {
	room, ok := d.rooms[t]
	if !ok {
		return reflect.New(t).Elem()
	}
	delete(d.rooms, t)
	return room
}

func (d *Decoder) giveBack(room reflect.Value) {
	if d.rooms == nil {
		d.rooms = map[reflect.Type]reflect.Value{}
	}
	room.Clear()
	room.SetLen(0)
	d.rooms[room.Type()] = room
}

func mapReader(t reflect.Type) read {
	elem := reader(t.Elem())
	if t.Key().Kind() != reflect.String {
		return func(*scan, reflect.Value) bool { return false }
	}
	return func(s *scan, v reflect.Value) bool {
		if s.literal("null") {
			return true
		}
		if !s.mark('{') {
			return false
		}
		v.Set(reflect.MakeMap(t))
		for n := 0; !s.mark('}'); n++ {
			key, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			var name string
			if n > 0 && !s.mark(',') || !s.text(&name) || !s.mark(':') || !elem(s, value) {
				return false
			}
			key.SetString(name)
			v.SetMapIndex(key, value)
		}
		return true
	}
}

// field is one JSON field of a struct, promoted ones included.
type field struct {
	name  string
	token string // the name as it is written
	index []int
	read  read
}

// structReader reads the fields quickest in the order of the struct. One that it does not know, or that comes twice,
// is for encoding/json to judge.
func structReader(t reflect.Type) read {
	var fields []field
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "" || name == "-" || !f.IsExported():
			continue
		case name == "":
			name = f.Name
		}
		fields = append(fields, field{name, `"` + name + `":`, f.Index, reader(f.Type)})
	}
	if len(fields) > 64 {
		return func(*scan, reflect.Value) bool { return false }
	}
	return func(s *scan, v reflect.Value) bool {
		if !s.mark('{') {
			return false
		}
		var seen uint64
		next := 0
		for n := 0; !s.mark('}'); n++ {
			if n > 0 && !s.mark(',') {
				return false
			}
			i := s.field(fields, next)
			if i < 0 || seen&(1<<i) != 0 || !fields[i].read(s, v.FieldByIndex(fields[i].index)) {
				return false
			}
			seen |= 1 << i
			next = i + 1
		}
		return true
	}
}

// field takes the name of one of the fields, quickest if it is next or follows, and returns its index; -1 if it is none.
func (s *scan) field(fields []field, next int) int {
	for i := next; i < len(fields); i++ {
		if s.literal(fields[i].token) {
			return i
		}
	}
	name, ok := s.plain()
	if !ok || !s.mark(':') {
		return -1
	}
	return slices.IndexFunc(fields, func(f field) bool { return f.name == string(name) })
}
