package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/goyang/pkg/yang"
	"github.com/openconfig/ygot/ygot"
	"github.com/openconfig/ygot/ytypes"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/internal/device/oc"
)

// Value is what a leaf holds, in the two forms that gNMI carries it in. The zero Value is none.
type Value struct {
	Scalar *gpb.TypedValue // as encoding PROTO has it
	JSON   json.RawMessage // as RFC 7951 has it
}

// Known says whether there is a value.
func (v Value) Known() bool { return v.JSON != nil }

// Equal says whether two values are the same.
func (v Value) Equal(w Value) bool { return bytes.Equal(v.JSON, w.JSON) }

// Encode is the value in the encoding asked for.
func (v Value) Encode(encoding gpb.Encoding) *gpb.TypedValue {
	switch encoding {
	case gpb.Encoding_JSON:
		return &gpb.TypedValue{Value: &gpb.TypedValue_JsonVal{JsonVal: v.JSON}}
	case gpb.Encoding_JSON_IETF:
		return &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: v.JSON}}
	default:
		return v.Scalar
	}
}

// Text is the value as it stands in a path's key.
func (v Value) Text() string {
	switch x := v.Scalar.GetValue().(type) {
	case *gpb.TypedValue_StringVal:
		return x.StringVal
	case *gpb.TypedValue_UintVal:
		return strconv.FormatUint(x.UintVal, 10)
	case *gpb.TypedValue_IntVal:
		return strconv.FormatInt(x.IntVal, 10)
	case *gpb.TypedValue_BoolVal:
		return strconv.FormatBool(x.BoolVal)
	default:
		return string(v.JSON)
	}
}

// Uint32 is the value of a leaf of an unsigned type up to 32 bits.
func (v Value) Uint32() uint32 { return uint32(v.Scalar.GetUintVal()) }

// Bool is the value of a boolean leaf.
func (v Value) Bool() bool { return v.Scalar.GetBoolVal() }

// String is the value of a leaf whose type is string. The leaf's pattern is not checked.
func String(text string) Value {
	quoted, _ := json.Marshal(text) // a string can always be encoded
	return Value{Scalar: &gpb.TypedValue{Value: &gpb.TypedValue_StringVal{StringVal: text}}, JSON: quoted}
}

// Bool is the value of a boolean leaf.
func Bool(b bool) Value {
	return Value{Scalar: &gpb.TypedValue{Value: &gpb.TypedValue_BoolVal{BoolVal: b}}, JSON: strconv.AppendBool(nil, b)}
}

// Uint is the value of a leaf of an unsigned type up to 32 bits.
func Uint(n uint64) Value {
	return Value{Scalar: &gpb.TypedValue{Value: &gpb.TypedValue_UintVal{UintVal: n}}, JSON: strconv.AppendUint(nil, n, 10)}
}

// Uint64 is the value of a leaf of a 64-bit unsigned type, which JSON carries as a string (RFC 7951, section 6.1).
func Uint64(n uint64) Value {
	quoted := append(strconv.AppendUint([]byte{'"'}, n, 10), '"')
	return Value{Scalar: &gpb.TypedValue{Value: &gpb.TypedValue_UintVal{UintVal: n}}, JSON: quoted}
}

// Words is the value of a leaf-list of enumerated words. They are not checked.
func Words(words ...string) Value {
	list := &gpb.ScalarArray{}
	for _, word := range words {
		list.Element = append(list.Element, &gpb.TypedValue{Value: &gpb.TypedValue_StringVal{StringVal: word}})
	}
	quoted, _ := json.Marshal(append([]string{}, words...)) // strings can always be encoded
	return Value{Scalar: &gpb.TypedValue{Value: &gpb.TypedValue_LeaflistVal{LeaflistVal: list}}, JSON: quoted}
}

// unsigned has the kinds of unsigned integers, with their size in bits.
var unsigned = map[yang.TypeKind]int{yang.Yuint8: 8, yang.Yuint16: 16, yang.Yuint32: 32, yang.Yuint64: 64}

// decodeJSON decodes JSON sent for a leaf. Strict asks for the number forms of RFC 7951; plain JSON may write any integer
// as a number.
func (s *Schema) decodeJSON(n *Node, path Elems, raw json.RawMessage, strict bool) (Value, error) {
	raw = bytes.TrimSpace(raw)
	kind := n.entry.Type.Kind
	switch {
	case n.entry.IsLeafList():
		return s.decodeYgot(n, path, jsonValue(raw))
	case unsigned[kind] != 0:
		text := string(raw)
		if quoted := unsigned[kind] == 64; quoted && strings.HasPrefix(text, `"`) || quoted && strict {
			if err := json.Unmarshal(raw, &text); err != nil {
				return Value{}, fmt.Errorf("%s is not a string with a number, as JSON carries %s", raw, n.entry.Type.Name)
			}
		}
		return decodeUint(n, text)
	case kind == yang.Ybool:
		var b *bool
		if err := json.Unmarshal(raw, &b); err != nil || b == nil {
			return Value{}, fmt.Errorf("%s is not a boolean", raw)
		}
		return Bool(*b), nil
	case kind == yang.Ystring:
		var text *string
		if err := json.Unmarshal(raw, &text); err != nil || text == nil {
			return Value{}, fmt.Errorf("%s is not a string", raw)
		}
		return decodeString(n, *text)
	case kind == yang.Yenum || kind == yang.Yidentityref:
		return s.decodeOnce(n, path, raw)
	default:
		return s.decodeYgot(n, path, jsonValue(raw))
	}
}

func jsonValue(raw json.RawMessage) *gpb.TypedValue {
	return &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: raw}}
}

// decodeScalar decodes a value sent in the encoding PROTO.
func (s *Schema) decodeScalar(n *Node, path Elems, value *gpb.TypedValue) (Value, error) {
	kind := n.entry.Type.Kind
	switch x := value.GetValue().(type) {
	case *gpb.TypedValue_UintVal:
		if unsigned[kind] != 0 && !n.entry.IsLeafList() {
			return decodeUint(n, strconv.FormatUint(x.UintVal, 10))
		}
	case *gpb.TypedValue_IntVal:
		if unsigned[kind] != 0 && !n.entry.IsLeafList() {
			return decodeUint(n, strconv.FormatInt(x.IntVal, 10))
		}
	case nil:
		return Value{}, fmt.Errorf("no value")
	}
	return s.decodeYgot(n, path, value)
}

func decodeUint(n *Node, text string) (Value, error) {
	bits := unsigned[n.entry.Type.Kind]
	number, err := strconv.ParseUint(text, 10, bits)
	if err != nil {
		return Value{}, fmt.Errorf("%s is not a number of type %s", text, n.entry.Type.Kind)
	}
	one := yang.YangRange{{Min: yang.FromUint(number), Max: yang.FromUint(number)}}
	if limits := n.entry.Type.Range; len(limits) > 0 && !limits.Contains(one) {
		return Value{}, fmt.Errorf("%d is not within %s", number, limits)
	}
	if bits == 64 {
		return Uint64(number), nil
	}
	return Uint(number), nil
}

func decodeString(n *Node, text string) (Value, error) {
	if err := ytypes.Validate(n.entry, &text); err != nil {
		return Value{}, err
	}
	return String(text), nil
}

type decodeKey struct {
	node *Node
	raw  string
}

// decodeOnce remembers what enumerated values decode to. There are only so many, and decoding one costs more than all
// else in a Set.
func (s *Schema) decodeOnce(n *Node, path Elems, raw json.RawMessage) (Value, error) {
	key := decodeKey{n, string(raw)}
	if v, ok := s.decoded.Load(key); ok {
		return v.(Value), nil
	}
	v, err := s.decodeYgot(n, path, jsonValue(raw))
	if err != nil {
		return Value{}, err
	}
	s.decoded.Store(key, v)
	return v, nil
}

// decodeYgot decodes and validates through the generated structs, on a device that holds nothing else.
func (s *Schema) decodeYgot(n *Node, path Elems, value *gpb.TypedValue) (Value, error) {
	device, at := &oc.Device{}, &gpb.Path{Elem: path}
	if err := ytypes.SetNode(s.ygot.RootSchema(), device, at, value, &ytypes.InitMissingElements{}); err != nil {
		return Value{}, errors.New(status.Convert(err).Message()) // ytypes gives it the code of an RPC that there was none of
	}
	nodes, err := ytypes.GetNode(s.ygot.RootSchema(), device, at)
	if err != nil {
		return Value{}, err
	}
	if len(nodes) != 1 {
		return Value{}, fmt.Errorf("%s names %d nodes", Key(path), len(nodes))
	}
	if errs := ytypes.Validate(n.entry, nodes[0].Data, &ytypes.LeafrefOptions{IgnoreMissingData: true}); errs != nil {
		return Value{}, errs
	}
	scalar, err := ygot.EncodeTypedValue(nodes[0].Data, gpb.Encoding_PROTO)
	if err != nil {
		return Value{}, err
	}
	text, err := ygot.Marshal7951(nodes[0].Data, &ygot.RFC7951JSONConfig{AppendModuleName: true})
	if err != nil {
		return Value{}, err
	}
	return Value{Scalar: scalar, JSON: text}, nil
}
