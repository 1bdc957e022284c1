package backbone

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestSetMovesTraffic(t *testing.T) {
	n, _ := abilene(t)
	set(t, dial(t, n, "den"), setMetrics(t, "ethernet-1/3", 16777214), codes.OK)
	a, b := n.Load("den-kcy")
	if a != 0 || b == 0 {
		t.Errorf("loads %d and %d after one end was drained, want the one direction to be empty", a, b)
	}
	set(t, dial(t, n, "kcy"), setMetrics(t, "ethernet-1/1", 16777214), codes.OK)
	if a, b := n.Load("den-kcy"); a != 0 || b != 0 {
		t.Errorf("loads %d and %d after both ends were drained", a, b)
	}
	den, kcy, err := n.Metrics("den-kcy")
	both := EndMetrics{Metric{16777214, true}, Metric{16777214, true}}
	if err != nil || den != both || kcy != both {
		t.Errorf("metrics %v and %v (%v)", den, kcy, err)
	}
	if !n.Adjacent("den-kcy") {
		t.Error("a soft drain must keep the adjacency")
	}
}

func TestSetReply(t *testing.T) {
	n, clock := abilene(t)
	resp := set(t, dial(t, n, "den"), setMetrics(t, "ethernet-1/3", 500), codes.OK)
	if resp.GetTimestamp() != clock.Now().UnixNano() || len(resp.GetResponse()) != 2 || resp.GetResponse()[0].GetOp() != gpb.UpdateResult_UPDATE {
		t.Errorf("reply %v", resp)
	}
}

func TestAccount(t *testing.T) {
	n, clock := abilene(t)
	c := dial(t, n, "den")
	set(t, c, setMetrics(t, "ethernet-1/3", 500), codes.OK)
	set(t, c, setMetrics(t, "ethernet-1/3", 500), codes.OK)
	set(t, c, setMetrics(t, "ethernet-1/3", 0), codes.InvalidArgument)
	set(t, c, &gpb.SetRequest{}, codes.OK)
	if got, want := n.SetCount("den"), (SetCount{Accepted: 3, Refused: 1, Effective: 1}); got != want {
		t.Errorf("count %+v, want %+v", got, want)
	}
	if got := n.SetCount("kcy"); got != (SetCount{}) {
		t.Errorf("count of another router %+v", got)
	}
	sets := n.Sets()
	want := []Change{
		{Path: metricPath("ethernet-1/3", "IPV4", "config"), Before: "892", After: "500"},
		{Path: metricPath("ethernet-1/3", "IPV6", "config"), Before: "892", After: "500"},
	}
	if diff := cmp.Diff(want, sets[0].Changes); diff != "" {
		t.Errorf("changes: %s", diff)
	}
	if sets[0].Router != "den" || !sets[0].At.Equal(clock.Now()) || !sets[0].Effective() || sets[1].Effective() {
		t.Errorf("account %+v", sets)
	}
	if sets[2].Accepted() || !strings.Contains(sets[2].Message, "metric 0 is not within") {
		t.Errorf("refused Set in the account: %+v", sets[2])
	}
}

func TestSetIsValidated(t *testing.T) {
	const ifc = "/interfaces/interface[name=ethernet-1/3]"
	metric := metricPath("ethernet-1/3", "IPV4", "config")
	tests := []struct {
		name  string
		req   *gpb.SetRequest
		code  codes.Code
		names string // what the message must name
	}{
		{"text for a number", update(t, metric, `"many"`), codes.InvalidArgument, metric},
		{"fraction for an integer", update(t, metric, `1.6777214e7`), codes.InvalidArgument, metric},
		{"metric beyond wide metrics", update(t, metric, `16777216`), codes.InvalidArgument, metric},
		{"unknown enumeration", update(t, ifc+"/config/loopback-mode", `"SIDEWAYS"`), codes.InvalidArgument, "loopback-mode"},
		{"unknown path", update(t, ifc+"/config/colour", `"red"`), codes.InvalidArgument, "colour"},
		{"state", update(t, ifc+"/state/oper-status", `"UP"`), codes.InvalidArgument, "read-only"},
		{"delete of state", &gpb.SetRequest{Delete: []*gpb.Path{path(t, ifc+"/state")}}, codes.InvalidArgument, "read-only"},
		{"wildcard", update(t, "/interfaces/interface[name=*]/config/enabled", `false`), codes.InvalidArgument, "wildcards"},
		{"delete of all interfaces", &gpb.SetRequest{Delete: []*gpb.Path{path(t, "/interfaces/interface")}}, codes.InvalidArgument, "every key"},
		{"delete of everything", &gpb.SetRequest{Delete: []*gpb.Path{{}}}, codes.InvalidArgument, "whole configuration"},
		{"no value", &gpb.SetRequest{Update: []*gpb.Update{{Path: path(t, metric)}}}, codes.InvalidArgument, metric},
		{"another origin", &gpb.SetRequest{Prefix: &gpb.Path{Origin: "srlinux_native"}, Update: update(t, metric, "5").Update}, codes.InvalidArgument, "srlinux_native"},
		{"union_replace", &gpb.SetRequest{UnionReplace: update(t, metric, "5").Update}, codes.Unimplemented, "union_replace"},
		{"port that does not exist", update(t, "/interfaces/interface[name=ethernet-7/7]/config/enabled", `false`), codes.Aborted, "missing mandatory statement: 'type'"},
		{"IS-IS on no port", update(t, metricPath("ethernet-7/7", "IPV4", "config"), `5`), codes.Aborted, `there is no interface "ethernet-7/7"`},
		{
			"another instance", update(t, strings.Replace(metric, "[name=CORE]", "[name=default]", 1), `5`), codes.Aborted, "not configured on this router",
		},
		{"bad level", update(t, strings.Replace(metric, "level-number=2", "level-number=x", 1), `5`), codes.InvalidArgument, "level-number"},
		{"level out of range", update(t, strings.Replace(metric, "level-number=2", "level-number=3", 1), `5`), codes.InvalidArgument, "level-number"},
	}
	n, _ := abilene(t)
	c := dial(t, n, "den")
	before, _ := get(t, c, "/")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := c.Set(short(t), tt.req)
			if status.Code(err) != tt.code || !strings.Contains(status.Convert(err).Message(), tt.names) {
				t.Errorf("got %v, want %v naming %q", err, tt.code, tt.names)
			}
		})
	}
	if after, _ := get(t, c, "/"); after != before {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}
}

func TestSetIsAtomic(t *testing.T) {
	n, _ := abilene(t)
	c := dial(t, n, "den")
	for _, second := range []*gpb.Update{
		{Path: path(t, metricPath("ethernet-1/3", "IPV6", "config")), Val: ietf("0")},
		{Path: path(t, metricPath("ethernet-7/7", "IPV6", "config")), Val: ietf("5")},
	} {
		req := setMetrics(t, "ethernet-1/3", 500)
		req.Update[1] = second
		if _, err := c.Set(short(t), req); err == nil {
			t.Error("a Set with a bad part was accepted")
		}
		want(t, c, metricPath("ethernet-1/3", "IPV4", "config"), "892")
	}
}

func TestOrderOfOperations(t *testing.T) {
	n, _ := abilene(t)
	c := dial(t, n, "den")
	metric := metricPath("ethernet-1/3", "IPV4", "config")
	at := &gpb.Update{Path: path(t, metric), Val: ietf("100")}
	set(t, c, &gpb.SetRequest{
		Update:  []*gpb.Update{{Path: at.Path, Val: ietf("300")}},
		Replace: []*gpb.Update{{Path: at.Path, Val: ietf("200")}},
		Delete:  []*gpb.Path{at.Path},
	}, codes.OK)
	want(t, c, metric, "300")
	set(t, c, &gpb.SetRequest{Update: []*gpb.Update{at, {Path: at.Path, Val: ietf("101")}}}, codes.OK)
	want(t, c, metric, "101")
}

func TestDeleteRestoresTheDefault(t *testing.T) {
	n, _ := abilene(t)
	c := dial(t, n, "den")
	metric := metricPath("ethernet-1/3", "IPV4", "config")
	for range 2 { // deleting what is not there is fine (gNMI specification, section 3.4.6)
		set(t, c, &gpb.SetRequest{Delete: []*gpb.Path{path(t, metric)}}, codes.OK)
		if _, code := get(t, c, metric); code != codes.NotFound {
			t.Errorf("deleted leaf answers %v", code)
		}
		want(t, c, metricPath("ethernet-1/3", "IPV4", "state"), "10")
	}
	if got := n.SetCount("").Effective; got != 1 {
		t.Errorf("%d effective Sets, want one", got)
	}
}

func TestContainers(t *testing.T) {
	n, _ := abilene(t)
	c := dial(t, n, "den")
	const config = "/interfaces/interface[name=ethernet-1/3]/config"
	set(t, c, update(t, config, `{"openconfig-interfaces:mtu":9000,"description":"new"}`), codes.OK)
	want(t, c, config+"/mtu", "9000")
	want(t, c, config+"/enabled", "true")
	want(t, c, "/interfaces/interface[name=ethernet-1/3]/state/mtu", "9000")

	set(t, c, &gpb.SetRequest{Replace: update(t, config, `{"name":"ethernet-1/3","type":"ethernetCsmacd"}`).Update}, codes.OK)
	if _, code := get(t, c, config+"/mtu"); code != codes.NotFound {
		t.Errorf("replace left a leaf behind: %v", code)
	}
	set(t, c, &gpb.SetRequest{Replace: update(t, config, `{"enabled":false}`).Update}, codes.Aborted)

	set(t, c, update(t, "/interfaces/interface[name=loopback7]/config", `{"type":"softwareLoopback","enabled":false}`), codes.OK)
	want(t, c, "/interfaces/interface[name=loopback7]/config/name", `"loopback7"`)
	want(t, c, "/interfaces/interface[name=loopback7]/state/oper-status", `"DOWN"`)
	set(t, c, &gpb.SetRequest{Delete: []*gpb.Path{path(t, "/interfaces/interface[name=loopback7]")}}, codes.OK)
	if _, code := get(t, c, "/interfaces/interface[name=loopback7]"); code != codes.NotFound {
		t.Errorf("deleted interface answers %v", code)
	}
}

func TestConfigurationDecidesForwarding(t *testing.T) {
	tests := []struct {
		name, path, value string
		adjacent          bool
	}{
		{"port disabled", "/interfaces/interface[name=ethernet-1/3]/config/enabled", "false", false},
		{"IS-IS disabled on the port", "/network-instances/network-instance[name=DEFAULT]/protocols/protocol[identifier=ISIS][name=CORE]/isis/interfaces/interface[interface-id=ethernet-1/3]/config/enabled", "false", false},
		{"level disabled", levelPath("ethernet-1/3") + "/config/enabled", "false", false},
		{"hard drain", metricPath("ethernet-1/3", "IPV4", "config"), "16777215", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, _ := abilene(t, with(func(o *Options) { o.SingleTopology = true }))
			c := dial(t, n, "den")
			set(t, c, update(t, tt.path, tt.value), codes.OK)
			if a, _ := n.Load("den-kcy"); a != 0 {
				t.Errorf("the link still carries %d", a)
			}
			state, _ := get(t, c, levelPath("ethernet-1/3")+"/adjacencies/adjacency[system-id=0000.0000.0005]/state/adjacency-state")
			if got := n.Adjacent("den-kcy"); got != tt.adjacent || (state == `"UP"`) != tt.adjacent {
				t.Errorf("adjacent %v, shown as %s, want %v", got, state, tt.adjacent)
			}
		})
	}
}

func TestPeerSeesDisabledPort(t *testing.T) {
	n, clock := abilene(t)
	clock.Forward(1)
	set(t, dial(t, n, "den"), update(t, "/interfaces/interface[name=ethernet-1/3]/config/enabled", "false"), codes.OK)
	peer := dial(t, n, "kcy")
	want(t, peer, "/interfaces/interface[name=ethernet-1/1]/state/oper-status", `"DOWN"`)
	want(t, peer, "/interfaces/interface[name=ethernet-1/1]/state/admin-status", `"UP"`)
	want(t, peer, "/interfaces/interface[name=ethernet-1/1]/state/last-change", `"1800000000000000001"`)
	want(t, peer, "/interfaces/interface[name=ethernet-1/1]/state/counters/carrier-transitions", `"1"`)
	want(t, dial(t, n, "den"), "/interfaces/interface[name=ethernet-1/3]/state/admin-status", `"DOWN"`)
}

func TestOverload(t *testing.T) {
	n, _ := abilene(t)
	const overload = "/network-instances/network-instance[name=DEFAULT]/protocols/protocol[identifier=ISIS][name=CORE]/isis/global/lsp-bit/overload-bit"
	set(t, dial(t, n, "kcy"), update(t, overload+"/config/set-bit", "true"), codes.OK)
	want(t, dial(t, n, "kcy"), overload+"/state/set-bit", "true")
	var transit, own int64
	for _, link := range []string{"den-kcy", "kcy-hou", "kcy-ipl"} {
		a, b := n.Load(link)
		transit += a + b
	}
	for _, d := range n.Traffic() {
		if d.From == "kcy" || d.To == "kcy" {
			own += d.IPv4 + d.IPv6
		}
	}
	if transit != own {
		t.Errorf("its links carry %d, its own traffic is %d", transit, own)
	}
}

func TestSingleTopologyIgnoresTheIPv6Metric(t *testing.T) {
	for _, single := range []bool{false, true} {
		n, _ := abilene(t, with(func(o *Options) { o.SingleTopology = single }))
		before, _ := n.Load("den-kcy")
		set(t, dial(t, n, "den"), update(t, metricPath("ethernet-1/3", "IPV6", "config"), "16777214"), codes.OK)
		after, _ := n.Load("den-kcy")
		if moved := after < before; moved == single {
			t.Errorf("single topology %v: load %d, before %d", single, after, before)
		}
		set(t, dial(t, n, "den"), update(t, metricPath("ethernet-1/3", "IPV4", "config"), "16777214"), codes.OK)
		if after, _ := n.Load("den-kcy"); after != 0 {
			t.Errorf("single topology %v: load %d with both metrics raised", single, after)
		}
	}
}

func TestTwoLevelsMustBothBeRaised(t *testing.T) {
	n, _ := abilene(t, with(func(o *Options) { o.Levels = []int{1, 2} }))
	c := dial(t, n, "den")
	before, _ := n.Load("den-kcy")
	set(t, c, setMetrics(t, "ethernet-1/3", 16777214), codes.OK)
	if after, _ := n.Load("den-kcy"); after != before {
		t.Errorf("load %d, before %d: the level 1 route is still there", after, before)
	}
	for _, afi := range afiNames {
		set(t, c, update(t, strings.Replace(metricPath("ethernet-1/3", afi, "config"), "level-number=2", "level-number=1", 1), "16777214"), codes.OK)
	}
	if after, _ := n.Load("den-kcy"); after != 0 {
		t.Errorf("load %d with both levels raised", after)
	}
}

func TestIPv4Only(t *testing.T) {
	n, _ := abilene(t, with(func(o *Options) { o.IPv4Only = true }))
	c := dial(t, n, "den")
	if _, code := get(t, c, metricPath("ethernet-1/3", "IPV6", "config")); code != codes.NotFound {
		t.Errorf("IPv6 metric answers %v", code)
	}
	set(t, c, update(t, metricPath("ethernet-1/3", "IPV4", "config"), "16777214"), codes.OK)
	if a, _ := n.Load("den-kcy"); a != 0 {
		t.Errorf("load %d", a)
	}
}

func TestOversizedRequest(t *testing.T) {
	n, _ := abilene(t)
	big := `"` + strings.Repeat("x", maxMessage) + `"`
	set(t, dial(t, n, "den"), update(t, "/interfaces/interface[name=ethernet-1/3]/config/description", big), codes.ResourceExhausted)
}

func TestConfigureBySomebodyElse(t *testing.T) {
	n, _ := abilene(t)
	r := n.Router("den")
	metric := metricPath("ethernet-1/3", "IPV4", "config")
	if err := r.Configure(metric, "77"); err != nil {
		t.Fatal(err)
	}
	want(t, dial(t, n, "den"), metric, "77")
	if err := r.Configure(metric, ""); err != nil {
		t.Fatal(err)
	}
	if err := r.Configure(metric, "0"); err == nil {
		t.Error("nonsense was accepted")
	}
	if sets := n.Sets(); len(sets) != 2 || !sets[0].Local || !sets[1].Effective() || n.SetCount("") != (SetCount{}) {
		t.Errorf("account %+v", sets)
	}
}
