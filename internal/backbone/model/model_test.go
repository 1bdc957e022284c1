package model

import (
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/ygot/ygot"
	"github.com/openconfig/ygot/ytypes"

	"github.com/detour-net/detour/internal/device/oc"
)

const metricPath = "/network-instances/network-instance[name=DEFAULT]/protocols/protocol[identifier=ISIS][name=CORE]/isis/interfaces/" +
	"interface[interface-id=ethernet-1/1]/levels/level[level-number=2]/afi-safi/af[afi-name=IPV4][safi-name=UNICAST]/config/metric"

func loaded(t testing.TB) *Schema {
	t.Helper()
	s, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func parse(t testing.TB, text string) Elems {
	t.Helper()
	path, err := ygot.StringToStructuredPath(text)
	if err != nil {
		t.Fatal(err)
	}
	return path.GetElem()
}

func ietf(text string) *gpb.TypedValue {
	return &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(text)}}
}

func plain(text string) *gpb.TypedValue {
	return &gpb.TypedValue{Value: &gpb.TypedValue_JsonVal{JsonVal: []byte(text)}}
}

func TestEveryNodeHasItsModule(t *testing.T) {
	var visit func(n *Node)
	count := 0
	visit = func(n *Node) {
		for _, child := range n.children {
			count++
			if child.Module == "" {
				t.Errorf("%s has no module", child.Path)
			}
			visit(child)
		}
	}
	s := loaded(t)
	visit(s.root)
	if count < 300 {
		t.Errorf("%d nodes in the schema, expected some hundreds", count)
	}
}

func TestResolve(t *testing.T) {
	s := loaded(t)
	tests := []struct {
		name, path, key string
		concrete, fails bool
	}{
		{name: "leaf", path: "/interfaces/interface[name=ethernet-1/1]/config/enabled", key: "/interfaces/interface[name=ethernet-1/1]/config/enabled", concrete: true},
		{name: "module names", path: "/openconfig-interfaces:interfaces/interface[name=a]/state/counters", key: "/interfaces/interface[name=a]/state/counters", concrete: true},
		{
			name: "identity with module", path: "/network-instances/network-instance[name=D]/protocols/protocol[identifier=openconfig-policy-types:ISIS][name=C]",
			key: "/network-instances/network-instance[name=D]/protocols/protocol[identifier=ISIS][name=C]", concrete: true,
		},
		{name: "interface name with a colon", path: "/interfaces/interface[name=et-0/0/1:2]", key: "/interfaces/interface[name=et-0/0/1:2]", concrete: true},
		{name: "keys in another order", path: "/network-instances/network-instance[name=D]/protocols/protocol[name=C][identifier=ISIS]", key: "/network-instances/network-instance[name=D]/protocols/protocol[identifier=ISIS][name=C]", concrete: true},
		{name: "wildcard", path: "/interfaces/interface[name=*]/state", key: "/interfaces/interface[name=*]/state"},
		{name: "no key", path: "/interfaces/interface/state", key: "/interfaces/interface/state"},
		{name: "unknown node", path: "/interfaces/interface[name=a]/config/colour", fails: true},
		{name: "unknown key", path: "/interfaces/interface[id=a]/config/enabled", fails: true},
		{name: "wrong module", path: "/openconfig-lldp:interfaces", fails: true},
		{name: "below a leaf", path: "/interfaces/interface[name=a]/config/enabled/x", fails: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, clean, err := s.Resolve(parse(t, tt.path))
			if tt.fails {
				if err == nil {
					t.Fatalf("resolved to %s", n.Path)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := Key(clean); got != tt.key {
				t.Errorf("key %s, want %s", got, tt.key)
			}
			if got := Concrete(n, clean); got != tt.concrete {
				t.Errorf("concrete: %v, want %v", got, tt.concrete)
			}
		})
	}
}

func TestDecodeLeaf(t *testing.T) {
	const ifc = "/interfaces/interface[name=a]"
	s := loaded(t)
	tests := []struct {
		name, path string
		value      *gpb.TypedValue
		json       string // empty: refused
	}{
		{"metric", metricPath, ietf("16777214"), "16777214"},
		{"metric in plain JSON", metricPath, plain("16777214"), "16777214"},
		{"metric as proto", metricPath, &gpb.TypedValue{Value: &gpb.TypedValue_UintVal{UintVal: 7}}, "7"},
		{"metric as signed proto", metricPath, &gpb.TypedValue{Value: &gpb.TypedValue_IntVal{IntVal: 7}}, "7"},
		{"metric negative", metricPath, &gpb.TypedValue{Value: &gpb.TypedValue_IntVal{IntVal: -7}}, ""},
		{"metric as string", metricPath, ietf(`"7"`), ""},
		{"metric too large", metricPath, ietf("4294967296"), ""},
		{"metric with a fraction", metricPath, ietf("7.5"), ""},
		{"metric with an exponent", metricPath, ietf("1.6777214e+07"), ""},
		{"metric null", metricPath, ietf("null"), ""},
		{"nothing at all", metricPath, nil, ""},
		{"no JSON", metricPath, ietf("{"), ""},
		{"boolean", ifc + "/config/enabled", ietf("false"), "false"},
		{"boolean as string", ifc + "/config/enabled", ietf(`"false"`), ""},
		{"string", ifc + "/config/description", ietf(`"to den"`), `"to den"`},
		{"string as number", ifc + "/config/description", ietf(`5`), ""},
		{"string from proto", ifc + "/config/description", &gpb.TypedValue{Value: &gpb.TypedValue_StringVal{StringVal: "x"}}, `"x"`},
		{"identity", ifc + "/config/type", ietf(`"ethernetCsmacd"`), `"iana-if-type:ethernetCsmacd"`},
		{"identity with module", ifc + "/config/type", ietf(`"iana-if-type:ethernetCsmacd"`), `"iana-if-type:ethernetCsmacd"`},
		{"unknown identity", ifc + "/config/type", ietf(`"carrierPigeon"`), ""},
		{"enumeration", ifc + "/config/loopback-mode", ietf(`"FACILITY"`), `"FACILITY"`},
		{"unknown enumeration", ifc + "/config/loopback-mode", ietf(`"MAYBE"`), ""},
		{"leaf-list", "/network-instances/network-instance[name=D]/protocols/protocol[identifier=ISIS][name=C]/isis/global/config/net", ietf(`["49.0001.0000.0000.0001.00"]`), `["49.0001.0000.0000.0001.00"]`},
		{"pattern", "/network-instances/network-instance[name=D]/protocols/protocol[identifier=ISIS][name=C]/isis/global/config/net", ietf(`["nonsense"]`), ""},
		{"state", ifc + "/state/oper-status", ietf(`"UP"`), ""},
		{"list key", ifc + "/name", ietf(`"b"`), ""},
		{"ascii", metricPath, &gpb.TypedValue{Value: &gpb.TypedValue_AsciiVal{AsciiVal: "7"}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, path, err := s.Resolve(parse(t, tt.path))
			if err != nil {
				t.Fatal(err)
			}
			leaves, err := s.Decode(n, path, tt.value)
			if err != nil && strings.Contains(err.Error(), "rpc error") {
				t.Errorf("%v: there was no RPC", err)
			}
			if (err == nil) != (tt.json != "") {
				t.Fatalf("error %v, want value %q", err, tt.json)
			}
			if err == nil && string(leaves[0].Value.JSON) != tt.json {
				t.Errorf("got %s, want %s", leaves[0].Value.JSON, tt.json)
			}
		})
	}
}

func TestDecodeContainer(t *testing.T) {
	s := loaded(t)
	tests := []struct {
		name, path, json string
		want             []string // nil: refused
	}{
		{
			name: "qualified and bare names", path: "/interfaces/interface[name=a]/config", json: `{"openconfig-interfaces:enabled":false,"description":"x"}`,
			want: []string{"/interfaces/interface[name=a]/config/description", "/interfaces/interface[name=a]/config/enabled"},
		},
		{
			name: "list", path: "/interfaces", json: `{"interface":[{"name":"a","config":{"name":"a","type":"ethernetCsmacd"}}]}`,
			want: []string{"/interfaces/interface[name=a]/config/name", "/interfaces/interface[name=a]/config/type"},
		},
		{
			name: "list with two keys", path: "/network-instances/network-instance[name=D]/protocols",
			json: `{"protocol":[{"identifier":"openconfig-policy-types:ISIS","name":"C","config":{"enabled":true}}]}`,
			want: []string{"/network-instances/network-instance[name=D]/protocols/protocol[identifier=ISIS][name=C]/config/enabled"},
		},
		{name: "missing key", path: "/interfaces", json: `{"interface":[{"config":{"name":"a"}}]}`},
		{name: "key differs from path", path: "/interfaces/interface[name=a]", json: `{"name":"b"}`},
		{name: "unknown member", path: "/interfaces/interface[name=a]/config", json: `{"colour":"red"}`},
		{name: "wrong module", path: "/interfaces/interface[name=a]/config", json: `{"openconfig-lldp:enabled":true}`},
		{name: "state inside", path: "/interfaces/interface[name=a]", json: `{"state":{"enabled":true}}`},
		{name: "not an object", path: "/interfaces", json: `[]`},
		{name: "list not an array", path: "/interfaces", json: `{"interface":{"name":"a"}}`},
		{name: "one leaf of many wrong", path: "/interfaces/interface[name=a]/config", json: `{"description":"x","enabled":"yes"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, path, err := s.Resolve(parse(t, tt.path))
			if err != nil {
				t.Fatal(err)
			}
			leaves, err := s.Decode(n, path, ietf(tt.json))
			if (err == nil) != (tt.want != nil) {
				t.Fatalf("leaves %v, error %v, want %q", leaves, err, tt.want)
			}
			for i, leaf := range leaves {
				if leaf.Key != tt.want[i] {
					t.Errorf("leaf %d is %s, want %s", i, leaf.Key, tt.want[i])
				}
			}
		})
	}
}

// What is rendered is read by ygot, and by Decode itself, to the same leaves.
func TestRenderRoundTrip(t *testing.T) {
	const sent = `{"openconfig-network-instance:protocol":[{"identifier":"ISIS","name":"C","isis":{
		"global":{"config":{"net":["49.0001.0000.0000.0001.00"],"level-capability":"LEVEL_2"}},
		"interfaces":{"interface":[{"interface-id":"a","levels":{"level":[{"level-number":2,"config":{"level-number":2},"afi-safi":{"af":[
			{"afi-name":"IPV4","safi-name":"UNICAST","config":{"metric":10}},
			{"afi-name":"openconfig-types:IPV6","safi-name":"UNICAST","config":{"metric":20}}]}}]}}]}}}]}`
	s := loaded(t)
	n, path, err := s.Resolve(parse(t, "/network-instances/network-instance[name=DEFAULT]/protocols"))
	if err != nil {
		t.Fatal(err)
	}
	leaves, err := s.Decode(n, path, ietf(sent))
	if err != nil {
		t.Fatal(err)
	}
	text := s.Render(n, path, leaves)
	again, err := s.Decode(n, path, ietf(string(text)))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	values := func(leaves []Leaf) map[string]string {
		m := map[string]string{}
		for _, leaf := range leaves {
			m[leaf.Key] = string(leaf.Value.JSON)
		}
		return m
	}
	before, after := values(leaves), values(again)
	if len(before) != 5 || len(before) != len(after) {
		t.Errorf("%d leaves became %d", len(before), len(after))
	}
	for key, value := range before {
		if after[key] != value {
			t.Errorf("%s: %s became %s", key, value, after[key])
		}
	}
	device := &oc.Device{}
	instance := &gpb.Path{Elem: path[:2]} // ygot has no node for the container protocols
	whole := ietf(`{"openconfig-network-instance:protocols":` + string(text) + `}`)
	if err := ytypes.SetNode(s.ygot.RootSchema(), device, instance, whole, &ytypes.InitMissingElements{}); err != nil {
		t.Fatal(err)
	}
	isis := device.GetNetworkInstance("DEFAULT").GetProtocol(oc.OpenconfigPolicyTypes_INSTALL_PROTOCOL_TYPE_ISIS, "C").GetIsis()
	af := isis.GetInterface("a").GetLevel(2).GetAf(oc.OpenconfigIsisTypes_AFI_TYPE_IPV6, oc.OpenconfigIsisTypes_SAFI_TYPE_UNICAST)
	if af == nil || af.Metric == nil || *af.Metric != 20 {
		t.Errorf("ygot read %v from %s", af, text)
	}
}

func TestMatches(t *testing.T) {
	path := parse(t, "/interfaces/interface[name=a]/state/counters/in-octets")
	for pattern, want := range map[string]bool{
		"/":                                    true,
		"/interfaces":                          true,
		"/interfaces/interface/state":          true,
		"/interfaces/interface[name=*]/state":  true,
		"/interfaces/interface[name=a]/state":  true,
		"/interfaces/interface[name=b]/state":  false,
		"/interfaces/interface[name=a]/config": false,
		"/interfaces/interface[name=a]/state/counters/in-octets/x": false,
	} {
		if got := Matches(parse(t, pattern), path); got != want {
			t.Errorf("%s matches: %v, want %v", pattern, got, want)
		}
	}
}

func BenchmarkDecodeMetric(b *testing.B) {
	s := loaded(b)
	elems, value := parse(b, metricPath), ietf("16777214")
	for b.Loop() {
		n, path, err := s.Resolve(elems)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Decode(n, path, value); err != nil {
			b.Fatal(err)
		}
	}
}
