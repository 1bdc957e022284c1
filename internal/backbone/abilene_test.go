package backbone

import (
	"context"
	"fmt"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/ygot/ygot"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

func TestAbilene(t *testing.T) {
	topology := Abilene()
	if len(topology.Routers) != 11 || len(topology.Links) != 14 {
		t.Fatalf("%d routers and %d links, want 11 and 14", len(topology.Routers), len(topology.Links))
	}
	ports := map[string]bool{}
	metrics := map[string]uint32{}
	for _, l := range topology.Links {
		metrics[l.Name] = l.A.Metric
		if l.Name != l.A.Device+"-"+l.B.Device || l.A.Metric != l.B.Metric || l.Capacity != 10_000_000_000 {
			t.Errorf("link %+v", l)
		}
		for _, port := range []string{l.A.Device + " " + l.A.Interface, l.B.Device + " " + l.B.Interface} {
			if ports[port] {
				t.Errorf("%s ends two links", port)
			}
			ports[port] = true
		}
	}
	// Distances taken from elsewhere, within what different spheres and city centres make.
	for link, kilometres := range map[string]uint32{"nyc-wdc": 328, "sea-snv": 1140, "chi-nyc": 1145} {
		if off := int(metrics[link]) - int(kilometres); off < -5 || off > 5 {
			t.Errorf("%s is %d km long, want about %d", link, metrics[link], kilometres)
		}
	}
}

func TestBusiestLinkAtTheStart(t *testing.T) {
	n, _ := abilene(t)
	busiest := int64(0)
	for _, l := range n.Topology().Links {
		a, b := n.Load(l.Name)
		busiest = max(busiest, a, b)
	}
	if busiest < 4_499_990_000 || busiest > 4_500_000_000 {
		t.Errorf("busiest direction carries %d, want 45 %% of 10 Gb/s", busiest)
	}
	if got := len(n.Traffic()); got != 110 {
		t.Errorf("%d pairs exchange traffic, want 110", got)
	}
}

// Any gNMI client can use the routers. This one raises a metric and reads it back.
func ExampleStart() {
	n, err := Start(Config{Topology: Abilene()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer n.Close()

	tlsConfig, err := n.ClientTLS("den")
	if err != nil {
		fmt.Println(err)
		return
	}
	conn, err := grpc.NewClient(n.Router("den").Address(), grpc.WithTransportCredentials(credentials.NewTLS(tlsConfig)))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	client := gpb.NewGNMIClient(conn)

	metric, err := ygot.StringToStructuredPath(n.Router("den").Path("interfaces", "interface[interface-id=ethernet-1/3]",
		"levels", "level[level-number=2]", "afi-safi", "af[afi-name=IPV4][safi-name=UNICAST]", "config", "metric"))
	if err != nil {
		fmt.Println(err)
		return
	}
	metric.Origin = "openconfig"
	_, err = client.Set(context.Background(), &gpb.SetRequest{Update: []*gpb.Update{{
		Path: metric, Val: &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte("16777214")}},
	}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := client.Get(context.Background(), &gpb.GetRequest{Path: []*gpb.Path{metric}, Encoding: gpb.Encoding_JSON_IETF})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n", resp.Notification[0].Update[0].Val.GetJsonIetfVal())
	// Output: 16777214
}
