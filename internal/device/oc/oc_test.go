package oc

import (
	"testing"

	"github.com/openconfig/ygot/ygot"
	"github.com/openconfig/ygot/ytypes"
)

const metrics = `{"openconfig-network-instance:network-instances":{"network-instance":[{"name":"DEFAULT","protocols":{"protocol":[{
	"identifier":"openconfig-policy-types:ISIS","name":"CORE","isis":{"interfaces":{"interface":[{"interface-id":"ethernet-1/1","levels":{"level":[{
	"level-number":2,"afi-safi":{"af":[{"afi-name":"IPV4","safi-name":"UNICAST","config":{"metric":16777214},"state":{"metric":10}}]}}]}}]}}}]}}]}}`

func metric(t *testing.T, opts ...ytypes.UnmarshalOpt) uint32 {
	t.Helper()
	d := &Device{}
	if err := Unmarshal([]byte(metrics), d, opts...); err != nil {
		t.Fatal(err)
	}
	isis := d.GetNetworkInstance("DEFAULT").GetProtocol(OpenconfigPolicyTypes_INSTALL_PROTOCOL_TYPE_ISIS, "CORE").GetIsis()
	af := isis.GetInterface("ethernet-1/1").GetLevel(2).GetAf(OpenconfigIsisTypes_AFI_TYPE_IPV4, OpenconfigIsisTypes_SAFI_TYPE_UNICAST)
	if af == nil || af.Metric == nil {
		t.Fatal("no metric was decoded")
	}
	return *af.Metric
}

func TestConfigurationAndState(t *testing.T) {
	if got := metric(t); got != 16777214 {
		t.Errorf("configuration decodes to %d", got)
	}
	if got := metric(t, &ytypes.PreferShadowPath{}); got != 10 {
		t.Errorf("state decodes to %d", got)
	}
}

// What Detour reads and writes is still there after the models were pruned.
func TestPathsInUse(t *testing.T) {
	schema, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	const isis = "/network-instances/network-instance[name=DEFAULT]/protocols/protocol[identifier=ISIS][name=CORE]/isis"
	const level = isis + "/interfaces/interface[interface-id=a]/levels/level[level-number=2]"
	for _, text := range []string{
		"/interfaces/interface[name=a]/config/enabled", "/interfaces/interface[name=a]/config/description",
		"/interfaces/interface[name=a]/state/oper-status", "/interfaces/interface[name=a]/state/admin-status",
		"/interfaces/interface[name=a]/state/counters/in-octets", "/interfaces/interface[name=a]/state/counters/in-fcs-errors",
		"/interfaces/interface[name=a]/state/counters/carrier-transitions", "/interfaces/interface[name=a]/ethernet/config/aggregate-id",
		"/interfaces/interface[name=a]/aggregation/config/min-links",
		level + "/afi-safi/af[afi-name=IPV6][safi-name=UNICAST]/config/metric", level + "/adjacencies/adjacency[system-id=0000.0000.0001]/state/adjacency-state",
		isis + "/global/lsp-bit/overload-bit/config/set-bit", isis + "/global/reference-bandwidth/config/reference-bandwidth",
		isis + "/global/afi-safi/af[afi-name=IPV6][safi-name=UNICAST]/multi-topology/config/afi-name",
		isis + "/levels/level[level-number=2]/config/metric-style",
		"/system/state/boot-time", "/system/state/software-version", "/system/config/hostname",
	} {
		path, err := ygot.StringToStructuredPath(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := ytypes.GetOrCreateNode(schema.RootSchema(), &Device{}, path, &ytypes.PreferShadowPath{}); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}
