package whatif

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/internal/network"
)

// triangle is a, b and c with a link between each two; ab is in a risk group.
func triangle() *network.Topology {
	end := func(device, iface string, metric uint32) network.End {
		return network.End{Device: device, Interface: iface, Metric: metric}
	}
	return &network.Topology{
		Routers: []network.Router{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "alone"}},
		Links: []network.Link{
			{Name: "ab", A: end("a", "1", 10), B: end("b", "1", 10), Capacity: 1e9, SRLGs: []string{"duct"}},
			{Name: "bc", A: end("b", "2", 10), B: end("c", "1", 20), Capacity: 1e9},
			{Name: "ca", A: end("c", "2", 100), B: end("a", "2", 100), Capacity: 2e9},
		},
	}
}

func someTraffic() network.Matrix {
	return network.Matrix{Demands: []network.Demand{
		{From: "a", To: "b", BPS: 100e6}, {From: "a", To: "c", BPS: 300e6}, {From: "c", To: "a", BPS: 7, Class: "gold"}, {From: "a", To: "alone", BPS: 5},
	}}
}

func layersOf(t *testing.T, topology *network.Topology, m network.Matrix, s network.State) []Layer {
	t.Helper()
	layers, err := Layers(topology, m, s)
	if err != nil {
		t.Fatal(err)
	}
	return layers
}

func TestLayersCarryTheMatrix(t *testing.T) {
	layers := layersOf(t, triangle(), someTraffic(), network.State{})
	if len(layers) != 1 || layers[0].Level != 2 || layers[0].Family != network.IPv4 || layers[0].Elsewhere != 5 {
		t.Fatalf("layers %+v", layers)
	}
	st := layers[0].Net.Solve()
	ab, ba, _ := st.Load("ab")
	want := []Load{
		{Link: "ab", From: "a", To: "b", BPS: 400e6, Capacity: 1e9, Permil: 400},
		{Link: "ab", From: "b", To: "a", BPS: 7, Capacity: 1e9, Permil: 1},
	}
	if diff := cmp.Diff(want, []Load{ab, ba}); diff != "" {
		t.Errorf("load of ab (-want +got):\n%s", diff)
	}
	after, err := st.Apply(Change{Groups: []string{"duct"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, ac, _ := after.Load("ca"); ac.BPS != 400e6 {
		t.Errorf("without the duct a sends %d over ca", ac.BPS)
	}
}

func TestLayersSeeWhatIsObserved(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	soft := func(family network.Family, v uint32) network.Metric {
		return network.Metric{Level: 2, Family: family, Value: v}
	}
	state := network.State{Links: map[string]network.LinkState{
		"ab": {
			A: network.EndState{At: at, Metrics: []network.Metric{soft(network.IPv4, 10), soft(network.IPv6, LastResort)}},
			B: network.EndState{At: at, Metrics: []network.Metric{soft(network.IPv4, 10), soft(network.IPv6, LastResort)}},
		},
	}}
	layers := layersOf(t, triangle(), someTraffic(), state)
	if len(layers) != 2 || layers[1].Family != network.IPv6 {
		t.Fatalf("layers %+v", layers)
	}
	for i, want := range []int64{400e6, 0} {
		if ab, _, _ := layers[i].Net.Solve().Load("ab"); ab.BPS != want {
			t.Errorf("%s: ab carries %d, want %d", layers[i].Family, ab.BPS, want)
		}
	}

	// A link of which one end is down, and one of which an end advertises nothing for IPv6.
	state.Links = map[string]network.LinkState{"ab": {B: network.EndState{At: at, Down: true}}}
	if ab, _, _ := layersOf(t, triangle(), someTraffic(), state)[0].Net.Solve().Load("ab"); ab.BPS != 0 {
		t.Errorf("ab is down and carries %d", ab.BPS)
	}
	state.Links = map[string]network.LinkState{"ab": {B: network.EndState{At: at, Metrics: []network.Metric{soft(network.IPv4, 10)}}}}
	layers = layersOf(t, triangle(), someTraffic(), state)
	if ab, _, _ := layers[1].Net.Solve().Load("ab"); ab.BPS != 0 || len(layers) != 2 {
		t.Errorf("b does not advertise ab for IPv6; it carries %d", ab.BPS)
	}
	overloaded := true
	state = network.State{Routers: map[string]network.RouterState{"b": {At: at, Overload: &overloaded}}}
	if _, ac, _ := layersOf(t, triangle(), someTraffic(), state)[0].Net.Solve().Load("ca"); ac.BPS != 300e6 {
		t.Errorf("around the overloaded b go %d", ac.BPS)
	}
}

func TestLayersRefuse(t *testing.T) {
	zero := network.State{Links: map[string]network.LinkState{"ab": {A: network.EndState{Metrics: []network.Metric{{Level: 2, Family: network.IPv4, Value: 0}}}}}}
	unknown := network.State{Links: map[string]network.LinkState{"xy": {}}}
	stranger := network.Matrix{Demands: []network.Demand{{From: "a", To: "z", BPS: 1}}}
	for name, x := range map[string]struct {
		m    network.Matrix
		s    network.State
		want string
	}{
		"metric 0":       {someTraffic(), zero, `link "ab": observed metric 0 on level 2 for ipv4`},
		"unknown link":   {someTraffic(), unknown, `link "xy" is not in the topology`},
		"unknown router": {stranger, network.State{}, `demands[0]: from "a" to "z": want routers of the inventory`},
	} {
		if _, err := Layers(triangle(), x.m, x.s); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v, want %s", name, err, x.want)
		}
	}
}

// zoo is a network of the Internet Topology Zoo with gravity traffic of so many bits per second.
func zoo(t testing.TB, name string, total int64) *Net {
	t.Helper()
	f, err := os.Open("../testdata/topologyzoo/" + name + ".gml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	topology, _, err := network.ReadGML(name, f)
	if err != nil {
		t.Fatal(err)
	}
	m, err := network.Gravity(topology, total)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := Layers(topology, m, network.State{})
	if err != nil {
		t.Fatal(err)
	}
	return layers[0].Net
}
