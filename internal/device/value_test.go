package device

import (
	"testing"

	"github.com/openconfig/gnmi/proto/gnmi"

	"github.com/detour-net/detour/events"
)

func plain(text string) *gnmi.TypedValue {
	return &gnmi.TypedValue{Value: &gnmi.TypedValue_JsonVal{JsonVal: []byte(text)}}
}

func uintVal(n uint64) *gnmi.TypedValue {
	return &gnmi.TypedValue{Value: &gnmi.TypedValue_UintVal{UintVal: n}}
}

func TestMetric(t *testing.T) {
	const bad = "an error"
	for name, c := range map[string]struct {
		value *gnmi.TypedValue
		want  string
	}{
		"number":          {ietf("16777214"), "16777214"},
		"space around":    {ietf(" 10\n"), "10"},
		"plain JSON":      {plain("10"), "10"},
		"unsigned":        {uintVal(16777214), "16777214"},
		"signed":          {&gnmi.TypedValue{Value: &gnmi.TypedValue_IntVal{IntVal: 12}}, "12"},
		"number as text":  {ietf(`"10"`), "10"},
		"a name":          {ietf(`"GLOBAL_METRIC"`), `"GLOBAL_METRIC"`},
		"a name, plainly": {&gnmi.TypedValue{Value: &gnmi.TypedValue_StringVal{StringVal: "GLOBAL_METRIC"}}, `"GLOBAL_METRIC"`},
		"ascii":           {&gnmi.TypedValue{Value: &gnmi.TypedValue_AsciiVal{AsciiVal: "10"}}, "10"},
		"a float":         {ietf("1.6777214e+07"), bad},
		"a double":        {&gnmi.TypedValue{Value: &gnmi.TypedValue_DoubleVal{DoubleVal: 10}}, bad},
		"negative":        {ietf("-3"), bad},
		"no name":         {ietf(`""`), bad},
		"a truth":         {ietf("true"), bad},
		"nothing":         {nil, bad},
		"null":            {ietf("null"), bad},
		"object":          {ietf("{}"), bad},
		"not JSON":        {ietf("1 2"), bad},
		"empty":           {ietf(""), bad},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := metric(c.value)
			switch {
			case c.want == bad:
				if err == nil || !got.Absent() {
					t.Errorf("got %s, want an error", got)
				}
			case err != nil || got.JSON() != c.want:
				t.Errorf("got %s, %v; want %s", got, err, c.want)
			}
		})
	}
}

func TestNumberAndWord(t *testing.T) {
	for text, want := range map[string]uint64{`"18446744073709551615"`: 1<<64 - 1, "9007199254740993": 9007199254740993, "0": 0} {
		if got, err := number(ietf(text)); err != nil || got != want {
			t.Errorf("number(%s) = %d, %v", text, got, err)
		}
	}
	for _, text := range []string{`"x"`, "-1", "1.0", "1e3", "[]"} {
		if got, err := number(ietf(text)); err == nil {
			t.Errorf("number(%s) = %d, want an error", text, got)
		}
	}
	for text, want := range map[string]string{`"UP"`: "UP", "true": "true", "12": "12", `"a\"b"`: `a"b`} {
		if got, err := word(ietf(text)); err != nil || got != want {
			t.Errorf("word(%s) = %q, %v", text, got, err)
		}
	}
	if got, err := word(&gnmi.TypedValue{Value: &gnmi.TypedValue_BoolVal{BoolVal: false}}); err != nil || got != "false" {
		t.Errorf("word(false) = %q, %v", got, err)
	}
	if _, err := word(ietf("{}")); err == nil {
		t.Error("word({}) is no word")
	}
}

func TestProfileSame(t *testing.T) {
	p, err := profileNamed("openconfig")
	if err != nil {
		t.Fatal(err)
	}
	ref := events.LeafRef{Leaf: events.ISISMetric}
	ten, name, none := events.UintValue(10), events.JSONValue(`"GLOBAL_METRIC"`), events.Value{}
	for _, c := range []struct {
		want, got events.Value
		same      bool
	}{
		{ten, ten, true}, {name, name, true}, {none, none, true},
		{none, ten, true},  // the router shows the default that is in use
		{ten, none, false}, // what was set is gone
		{ten, events.UintValue(11), false}, {none, events.UintValue(11), false}, {ten, name, false},
	} {
		if got := p.same(ref, c.want, c.got); got != c.same {
			t.Errorf("want %s, got %s: same %t", c.want, c.got, got)
		}
	}
}
