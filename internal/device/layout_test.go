package device

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What steers an interface follows from its levels, its families, and how many topologies the process runs.
func TestLayout(t *testing.T) {
	const (
		four  = `{"afi-name":"IPV4","safi-name":"UNICAST","config":{"afi-name":"IPV4"}}`
		six   = `{"afi-name":"IPV6","safi-name":"UNICAST","config":{"afi-name":"IPV6"}}`
		six2  = `{"afi-name":"IPV6","safi-name":"UNICAST","config":{"afi-name":"IPV6"},"multi-topology":{"config":{"afi-name":"IPV6"}}}`
		off6  = `{"afi-name":"IPV6","safi-name":"UNICAST","config":{"afi-name":"IPV6","enabled":false}}`
		mcast = `{"afi-name":"IPV6","safi-name":"MULTICAST","config":{"afi-name":"IPV6","metric":3}}`
	)
	level := func(number, families string) string {
		return `{"level-number":` + number + `,"config":{"level-number":` + number + `},"afi-safi":{"af":[` + families + `]}}`
	}
	disabled := `{"level-number":1,"config":{"level-number":1,"enabled":false},"afi-safi":{"af":[` + four + `]}}`
	for name, c := range map[string]struct {
		global, capability, levels string
		want                       string
	}{
		"IPv4":                        {four, "", level("2", four), "L2 ipv4"},
		"both, one topology":          {four + "," + six, "", level("2", four+","+six), "L2 ipv4"},
		"both, two topologies":        {four + "," + six2, "", level("2", four+","+six), "L2 ipv4, L2 ipv6"},
		"IPv6 alone, one topology":    {six, "", level("2", six), "L2 ipv4"},
		"IPv6 alone, two topologies":  {six2, "", level("2", six), "L2 ipv6"},
		"IPv4 alone, two topologies":  {four + "," + six2, "", level("2", four), "L2 ipv4"},
		"IPv6 switched off":           {four + "," + six2, "", level("2", four+","+off6), "L2 ipv4"},
		"multicast has no metric":     {four + "," + six2, "", level("2", four+","+mcast), "L2 ipv4"},
		"families of the process":     {four + "," + six2, "", level("2", ""), "L2 ipv4, L2 ipv6"},
		"no family anywhere":          {"", "", level("2", ""), ""},
		"no level":                    {four, "", "", ""},
		"both levels":                 {four, "", level("2", four) + "," + level("1", four), "L1 ipv4, L2 ipv4"},
		"the process runs level 2":    {four, "LEVEL_2", level("1", four) + "," + level("2", four), "L2 ipv4"},
		"the process runs level 1":    {four, "LEVEL_1", level("1", four) + "," + level("2", four), "L1 ipv4"},
		"the process runs both":       {four, "LEVEL_1_2", level("1", four) + "," + level("2", four), "L1 ipv4, L2 ipv4"},
		"level 1 disabled":            {four, "", disabled + "," + level("2", four), "L2 ipv4"},
		"a level that does not exist": {four, "", level("3", four), ""},
	} {
		t.Run(name, func(t *testing.T) {
			tree := `{"network-instances":{"network-instance":[{"name":"DEFAULT","protocols":{"protocol":[
				{"identifier":"ISIS","name":"CORE","isis":{
					"global":{"config":{"level-capability":"` + c.capability + `"},"afi-safi":{"af":[` + c.global + `]}},
					"interfaces":{"interface":[{"interface-id":"i","config":{"interface-id":"i"},"levels":{"level":[` + c.levels + `]}}]}}},
				{"identifier":"BGP","name":"CORE","bgp":{}}]}}]}}`
			iface, ok := openConfigPaths().layout([]update{{nil, ietf(tree)}})["i"]
			if !ok || iface.place != (place{"DEFAULT", "CORE"}) || iface.port != "i" || iface.wrong != "" {
				t.Fatalf("interface: %+v", iface)
			}
			var got []string
			for _, ref := range iface.leaves {
				got = append(got, strings.TrimPrefix(ref.String(), "isis-metric i "))
			}
			if diff := cmp.Diff(c.want, strings.Join(got, ", ")); diff != "" {
				t.Errorf("leaves (-want +got):\n%s", diff)
			}
		})
	}
}
