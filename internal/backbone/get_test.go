package backbone

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/ygot/ygot"
	"github.com/openconfig/ygot/ytypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/internal/device/oc"
)

func TestCapabilities(t *testing.T) {
	n, _ := abilene(t)
	caps, err := dial(t, n, "den").Capabilities(short(t), &gpb.CapabilityRequest{})
	if err != nil {
		t.Fatal(err)
	}
	models := map[string]string{}
	for _, m := range caps.GetSupportedModels() {
		models[m.GetName()] = m.GetVersion()
	}
	for _, name := range []string{"openconfig-interfaces", "openconfig-network-instance", "openconfig-isis", "openconfig-system"} {
		if models[name] == "" {
			t.Errorf("model %s is not announced with a version", name)
		}
	}
	if len(caps.GetSupportedEncodings()) != 3 || caps.GetGNMIVersion() == "" {
		t.Errorf("encodings %v, version %q", caps.GetSupportedEncodings(), caps.GetGNMIVersion())
	}
}

func TestGetLeaves(t *testing.T) {
	n, clock := abilene(t)
	clock.Forward(80 * time.Second)
	c := dial(t, n, "den")
	const ifc = "/interfaces/interface[name=ethernet-1/3]"
	tests := []struct {
		path, value string
		code        codes.Code
	}{
		{path: metricPath("ethernet-1/3", "IPV4", "config"), value: "892"},
		{path: metricPath("ethernet-1/3", "IPV6", "state"), value: "892"},
		{path: ifc + "/config/type", value: `"iana-if-type:ethernetCsmacd"`},
		{path: ifc + "/state/type", value: `"iana-if-type:ethernetCsmacd"`},
		{path: ifc + "/name", value: `"ethernet-1/3"`},
		{path: ifc + "/state/oper-status", value: `"UP"`},
		{path: ifc + "/state/counters/out-octets", value: `"43280254500"`},
		{path: "/interfaces/interface[name=loopback0]/state/oper-status", value: `"UP"`},
		{path: levelPath("ethernet-1/3") + "/adjacencies/adjacency[system-id=0000.0000.0007]/state/adjacency-state", code: codes.NotFound},
		{path: levelPath("ethernet-1/3") + "/adjacencies/adjacency[system-id=0000.0000.0005]/state/adjacency-state", value: `"UP"`},
		{path: levelPath("ethernet-1/3") + "/adjacencies/adjacency[system-id=0000.0000.0005]/system-id", value: `"0000.0000.0005"`},
		{path: "/system/state/boot-time", value: `"1800000000000000000"`},
		{path: "/system/config/hostname", value: `"den"`},
		{path: "/system/state/software-version", value: `"1.0.0"`},
		{path: "/openconfig-system:system/state/hostname", value: `"den"`},
		{path: ifc + "/config/mtu", code: codes.NotFound},
		{path: "/interfaces/interface[name=ethernet-9/9]/config/enabled", code: codes.NotFound},
		{path: "/interfaces/interface[name=ethernet-1/3]/config/colour", code: codes.InvalidArgument},
		{path: "/bgp", code: codes.InvalidArgument},
	}
	for _, tt := range tests {
		value, code := get(t, c, tt.path)
		if value != tt.value || code != tt.code {
			t.Errorf("%s: got %s (%v), want %s (%v)", tt.path, value, code, tt.value, tt.code)
		}
	}
}

func TestGetRequests(t *testing.T) {
	n, _ := abilene(t)
	c := dial(t, n, "den")
	//lint:ignore SA1019 clients of old send it
	old, both := &gpb.Path{Element: []string{"system"}}, &gpb.Path{Element: []string{"system"}, Elem: path(t, "/system").Elem}
	metric := path(t, metricPath("ethernet-1/1", "IPV4", "config"))
	tests := []struct {
		name string
		req  *gpb.GetRequest
		code codes.Code
	}{
		{"origin openconfig", &gpb.GetRequest{Path: []*gpb.Path{{Origin: "openconfig", Elem: metric.Elem}}}, codes.OK},
		{"origin in the prefix", &gpb.GetRequest{Prefix: &gpb.Path{Origin: "openconfig"}, Path: []*gpb.Path{metric}}, codes.OK},
		{"path split into prefix", &gpb.GetRequest{Prefix: &gpb.Path{Elem: metric.Elem[:3]}, Path: []*gpb.Path{{Elem: metric.Elem[3:]}}}, codes.OK},
		{"another origin", &gpb.GetRequest{Path: []*gpb.Path{{Origin: "cli", Elem: metric.Elem}}}, codes.InvalidArgument},
		{"origin twice", &gpb.GetRequest{Prefix: &gpb.Path{Origin: "openconfig"}, Path: []*gpb.Path{{Origin: "openconfig", Elem: metric.Elem}}}, codes.InvalidArgument},
		{"target in the path", &gpb.GetRequest{Path: []*gpb.Path{{Target: "den", Elem: metric.Elem}}}, codes.InvalidArgument},
		{"no path", &gpb.GetRequest{}, codes.InvalidArgument},
		{"a path of old", &gpb.GetRequest{Path: []*gpb.Path{old}}, codes.InvalidArgument},
		{"a prefix of old", &gpb.GetRequest{Prefix: old, Path: []*gpb.Path{{}}}, codes.InvalidArgument},
		{"both forms of a path", &gpb.GetRequest{Path: []*gpb.Path{both}}, codes.OK},
		{"a type that is none", &gpb.GetRequest{Type: 9, Path: []*gpb.Path{metric}}, codes.InvalidArgument},
		{"encoding not served", &gpb.GetRequest{Encoding: gpb.Encoding_ASCII, Path: []*gpb.Path{metric}}, codes.Unimplemented},
		{"configuration asked for as state", &gpb.GetRequest{Type: gpb.GetRequest_STATE, Path: []*gpb.Path{metric}}, codes.NotFound},
		{"one of two is not there", &gpb.GetRequest{Path: []*gpb.Path{metric, path(t, "/interfaces/interface[name=x]")}}, codes.NotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := c.Get(short(t), tt.req); status.Code(err) != tt.code {
				t.Errorf("got %v, want %v", err, tt.code)
			}
		})
	}
}

func TestGetWildcardAndTypes(t *testing.T) {
	n, _ := abilene(t)
	c := dial(t, n, "den")
	count := func(where string, kind gpb.GetRequest_DataType, encoding gpb.Encoding) (updates int, text string) {
		t.Helper()
		resp, err := c.Get(short(t), &gpb.GetRequest{
			Prefix: &gpb.Path{Target: "den"}, Path: []*gpb.Path{path(t, where)}, Type: kind, Encoding: encoding,
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := resp.Notification[0].GetPrefix(); got.GetTarget() != "den" || got.GetOrigin() != "openconfig" {
			t.Errorf("prefix %v does not echo the target", got)
		}
		return len(resp.Notification[0].Update), resp.String()
	}
	if got, text := count("/interfaces/interface[name=*]/state/oper-status", gpb.GetRequest_ALL, gpb.Encoding_PROTO); got != 5 || strings.Count(text, `string_val:"UP"`) != 5 {
		t.Errorf("%d values for three ports, a loopback and the edge: %s", got, text)
	}
	if got, _ := count("/interfaces/interface/config", gpb.GetRequest_ALL, gpb.Encoding_JSON_IETF); got != 5 {
		t.Errorf("%d containers for a list without its key", got)
	}
	if got, text := count("/interfaces/interface[name=ethernet-1/1]", gpb.GetRequest_CONFIG, gpb.Encoding_PROTO); got != 4 || strings.Contains(text, `"state"`) {
		t.Errorf("%d leaves of configuration: %s", got, text)
	}
	if _, text := count("/interfaces/interface[name=ethernet-1/1]", gpb.GetRequest_OPERATIONAL, gpb.Encoding_PROTO); strings.Contains(text, "description") || !strings.Contains(text, "oper-status") {
		t.Errorf("operational leaves: %s", text)
	}
}

// Everything that a router says of itself decodes and validates against the schema.
func TestAllThatIsServedIsValid(t *testing.T) {
	n, clock := abilene(t)
	clock.Forward(time.Minute)
	c := dial(t, n, "kcy")
	schema, err := oc.Schema()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []gpb.GetRequest_DataType{gpb.GetRequest_CONFIG, gpb.GetRequest_STATE} {
		resp, err := c.Get(short(t), &gpb.GetRequest{Path: []*gpb.Path{{}}, Type: kind, Encoding: gpb.Encoding_JSON_IETF})
		if err != nil {
			t.Fatal(err)
		}
		device := &oc.Device{}
		opts := []ytypes.UnmarshalOpt{}
		if kind == gpb.GetRequest_STATE {
			opts = append(opts, &ytypes.PreferShadowPath{})
		}
		text := resp.Notification[0].Update[0].GetVal().GetJsonIetfVal()
		if err := oc.Unmarshal(text, device, opts...); err != nil {
			t.Fatalf("%v: %v\n%s", kind, err, text)
		}
		if err := ytypes.Validate(schema.RootSchema(), device, &ytypes.LeafrefOptions{IgnoreMissingData: true}); err != nil {
			t.Errorf("%v: %v", kind, err)
		}
		if device.GetInterface("ethernet-1/1").GetEthernet() == nil && device.GetInterface("ethernet-1/1").Name == nil {
			t.Errorf("%v: interface is missing in %s", kind, text)
		}
	}
	again := map[string]any{}
	value, _ := get(t, c, "/")
	if err := json.Unmarshal([]byte(value), &again); err != nil || len(again) != 3 {
		t.Errorf("the root has %d members: %v", len(again), err)
	}
}

// Leaves in the encoding PROTO can be set on a ygot device one by one.
func TestProtoLeavesDecode(t *testing.T) {
	n, _ := abilene(t)
	resp, err := dial(t, n, "kcy").Get(short(t), &gpb.GetRequest{Path: []*gpb.Path{{}}, Encoding: gpb.Encoding_PROTO})
	if err != nil {
		t.Fatal(err)
	}
	schema, err := oc.Schema()
	if err != nil {
		t.Fatal(err)
	}
	device := &oc.Device{}
	for _, u := range resp.Notification[0].Update {
		if err := ytypes.SetNode(schema.RootSchema(), device, u.Path, u.Val, &ytypes.InitMissingElements{}, &ytypes.PreferShadowPath{}); err != nil {
			text, _ := ygot.PathToString(u.Path)
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAbsentLeaf(t *testing.T) {
	tests := []struct {
		absent Absent
		value  string
		code   codes.Code
	}{
		{AbsentNotFound, "", codes.NotFound},
		{AbsentDefault, "10", codes.OK},
		{AbsentEmpty, "", codes.OK},
	}
	for _, tt := range tests {
		n, _ := abilene(t, with(func(o *Options) { o.MetricAbsent, o.Absent = true, tt.absent }))
		c := dial(t, n, "den")
		if value, code := get(t, c, metricPath("ethernet-1/1", "IPV4", "config")); value != tt.value || code != tt.code {
			t.Errorf("%v: got %q (%v), want %q (%v)", tt.absent, value, code, tt.value, tt.code)
		}
		want(t, c, metricPath("ethernet-1/1", "IPV4", "state"), "10")
		a, _, err := n.Metrics("sea-den")
		if err != nil || a.IPv4 != (Metric{Value: 10}) {
			t.Errorf("metric %+v, %v; want 10, not explicit", a.IPv4, err)
		}
		if _, code := get(t, c, "/interfaces/interface[name=none]/config/enabled"); code != codes.NotFound && tt.absent != AbsentEmpty {
			t.Errorf("%v: a leaf of an interface that does not exist answers %v", tt.absent, code)
		}
	}
}

func TestRefuseGet(t *testing.T) {
	n, _ := abilene(t)
	c := dial(t, n, "den")
	where := metricPath("ethernet-1/1", "IPV4", "config")
	for _, code := range []codes.Code{codes.Internal, codes.Unimplemented, codes.PermissionDenied} {
		n.Router("den").RefuseGet(code, "no")
		if _, got := get(t, c, where); got != code {
			t.Errorf("got %v, want %v", got, code)
		}
		if updates := once(t, c, where); len(updates) != 1 {
			t.Errorf("Subscribe gave %v while Get is refused", updates)
		}
	}
	n.Router("den").RefuseGet(codes.OK, "")
	want(t, c, where, "1641")
}

func BenchmarkRouter(b *testing.B) {
	n, _ := abilene(b)
	c, s := dial(b, n, "den"), n.Router("den").service()
	writes := [2]*gpb.SetRequest{setMetrics(b, "ethernet-1/3", 16777214), setMetrics(b, "ethernet-1/3", 892)}
	read := &gpb.GetRequest{Encoding: gpb.Encoding_JSON_IETF, Path: []*gpb.Path{
		path(b, metricPath("ethernet-1/3", "IPV4", "config")), path(b, metricPath("ethernet-1/3", "IPV4", "state")),
	}}
	for name, call := range map[string]func(i int) error{
		"set of two leaves": func(i int) error { _, err := c.Set(b.Context(), writes[i%2]); return err },
		"get of two leaves": func(int) error { _, err := c.Get(b.Context(), read); return err },
		"set at the server": func(i int) error { _, err := s.Set(b.Context(), writes[i%2]); return err },
		"get at the server": func(int) error { _, err := s.Get(b.Context(), read); return err },
	} {
		b.Run(name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if err := call(i); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
