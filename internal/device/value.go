package device

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/openconfig/gnmi/proto/gnmi"

	"github.com/detour-net/detour/events"
)

// scalar is the JSON text of one leaf's value, whatever encoding the router chose for it. Numbers stay the digits that
// came: none passes through a float.
func scalar(v *gnmi.TypedValue) (string, error) {
	switch v := v.GetValue().(type) {
	case *gnmi.TypedValue_JsonIetfVal:
		return scalarJSON(v.JsonIetfVal)
	case *gnmi.TypedValue_JsonVal:
		return scalarJSON(v.JsonVal)
	case *gnmi.TypedValue_UintVal:
		return strconv.FormatUint(v.UintVal, 10), nil
	case *gnmi.TypedValue_IntVal:
		return strconv.FormatInt(v.IntVal, 10), nil
	case *gnmi.TypedValue_BoolVal:
		return strconv.FormatBool(v.BoolVal), nil
	case *gnmi.TypedValue_StringVal:
		return quote(v.StringVal)
	case *gnmi.TypedValue_AsciiVal:
		return quote(v.AsciiVal)
	case nil:
		return "", errors.New("the router sent no value")
	default:
		return "", fmt.Errorf("the router sent a %T where a scalar belongs", v)
	}
}

func quote(s string) (string, error) {
	raw, err := json.Marshal(s)
	return string(raw), err
}

// scalarJSON checks that raw is exactly one JSON scalar and returns it without space around it.
func scalarJSON(raw []byte) (string, error) {
	text := bytes.TrimSpace(raw)
	if !json.Valid(text) {
		return "", fmt.Errorf("the router sent %.40q, which is not JSON", raw)
	}
	switch {
	case len(text) > 0 && (text[0] == '{' || text[0] == '['):
		return "", fmt.Errorf("the router sent %.40q where a scalar belongs", raw)
	case string(text) == "null":
		return "", errors.New("the router sent null")
	}
	return string(text), nil
}

// number reads a counter or a metric: RFC 7951 writes 64-bit integers as strings.
func number(v *gnmi.TypedValue) (uint64, error) {
	text, err := scalar(v)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.Trim(text, `"`), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the router sent %s, want a whole number: %w", text, err)
	}
	return n, nil
}

// word reads a string, or any other scalar as its text.
func word(v *gnmi.TypedValue) (string, error) {
	text, err := scalar(v)
	if err != nil {
		return "", err
	}
	var s string
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return text, nil // a bare scalar is its own word
	}
	return s, nil
}

// words reads a leaf-list of strings or enumerations, without the module prefixes of the latter; a lone scalar is a list of
// one.
func words(v *gnmi.TypedValue) ([]string, error) {
	var list []*gnmi.TypedValue
	if array := v.GetLeaflistVal(); array != nil {
		list = array.GetElement()
	} else {
		raw := v.GetJsonIetfVal()
		if raw == nil {
			raw = v.GetJsonVal()
		}
		var each []json.RawMessage
		if json.Unmarshal(raw, &each) != nil {
			list = []*gnmi.TypedValue{v}
		}
		for _, one := range each {
			list = append(list, &gnmi.TypedValue{Value: &gnmi.TypedValue_JsonIetfVal{JsonIetfVal: one}})
		}
	}
	texts := make([]string, 0, len(list))
	for _, one := range list {
		text, err := enum(one)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, nil
}

// speed reads an Ethernet speed, which has a name such as SPEED_10GB, in bits per second. It is 0 where the port has none.
func speed(v *gnmi.TypedValue) (int64, error) {
	text, err := enum(v)
	if err != nil {
		return 0, err
	}
	name := strings.TrimPrefix(text, "SPEED_")
	for unit, size := range map[string]int64{"MB": 1e6, "GB": 1e9} {
		digits, ok := strings.CutSuffix(name, unit)
		n, err := strconv.ParseUint(digits, 10, 16)
		if ok && err == nil {
			return int64(n) * size, nil
		}
	}
	if name == "UNKNOWN" {
		return 0, nil
	}
	return 0, fmt.Errorf("the router sent the speed %.40q, want a name such as SPEED_10GB", text)
}

// enum reads an enumeration, without the module prefix that routers put before identities and some before everything.
func enum(v *gnmi.TypedValue) (string, error) {
	text, err := word(v)
	return bare(text), err
}

// metric reads a leaf that holds a whole number or, on some platforms, the name of an enumeration such as
// GLOBAL_METRIC. Any other form is an error: it could not be put back.
func metric(v *gnmi.TypedValue) (events.Value, error) {
	text, err := scalar(v)
	if err != nil {
		return events.Value{}, err
	}
	if n, err := strconv.ParseUint(strings.Trim(text, `"`), 10, 64); err == nil {
		return events.UintValue(n), nil
	}
	if !strings.HasPrefix(text, `"`) || text == `""` {
		return events.Value{}, fmt.Errorf("the router sent %s, want a whole number or a name", text)
	}
	return events.JSONValue(text), nil
}
