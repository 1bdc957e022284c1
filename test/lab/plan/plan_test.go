package plan

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
)

func options(t *network.Topology) Options {
	o := Options{Name: "lab", Root: "/run/labs", Timers: Tuned}
	for i := range t.Routers {
		o.Ports = append(o.Ports, 9000+i)
	}
	return o
}

func TestAbilene(t *testing.T) {
	topology := backbone.Abilene()
	l, err := New(topology, options(topology))
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Routers) != 11 || len(l.Links) != 14 {
		t.Fatalf("%d routers, %d links", len(l.Routers), len(l.Links))
	}
	den := l.Routers[3]
	want := Router{
		Name: "den", Namespace: "detour-lab.den", Hostname: "den", SystemID: "0000.0000.0004", Dir: "/run/labs/lab/routers/den", Port: 9003, Timers: Tuned,
		IPv4: netip.MustParseAddr("10.255.0.4"), IPv6: netip.MustParseAddr("fd00:de70::4"),
		Interfaces: []Interface{
			{Name: "eth1", IPv4: netip.MustParsePrefix("10.64.0.6/30"), IPv6: netip.MustParsePrefix("fd00:de70:1:1::2/64"), Metric: 1641, Speed: 10_000_000_000, Link: "sea-den", Peer: "sea"},
			{Name: "eth2", IPv4: netip.MustParsePrefix("10.64.0.14/30"), IPv6: netip.MustParsePrefix("fd00:de70:1:3::2/64"), Metric: 1504, Speed: 10_000_000_000, Link: "snv-den", Peer: "snv"},
			{Name: "eth3", IPv4: netip.MustParsePrefix("10.64.0.21/30"), IPv6: netip.MustParsePrefix("fd00:de70:1:5::1/64"), Metric: 892, Speed: 10_000_000_000, Link: "den-kcy", Peer: "kcy"},
		},
	}
	if diff := cmp.Diff(want, den, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("den (-want +got):\n%s", diff)
	}
	if got := l.Topology.Links[5].A; got.Interface != "eth3" || l.Topology.Routers[3].Address != "127.0.0.1:9003" || l.Topology.Routers[3].Profile != "frr" {
		t.Errorf("topology: %+v, %+v", got, l.Topology.Routers[3])
	}
	if topology.Links[5].A.Interface != "ethernet-1/3" {
		t.Error("the topology that was given is changed")
	}
	seen := map[any]bool{}
	for _, r := range l.Routers {
		for _, i := range r.Interfaces {
			if seen[i.IPv4] || seen[i.IPv6] || !i.IPv4.Addr().IsPrivate() || !i.IPv6.Addr().IsPrivate() {
				t.Errorf("%s %s: %s, %s given twice, or public", r.Name, i.Name, i.IPv4, i.IPv6)
			}
			seen[i.IPv4], seen[i.IPv6] = true, true
		}
	}
}

func TestISISD(t *testing.T) {
	topology := backbone.Abilene()
	topology.Routers[0].Overload = true
	l, err := New(topology, options(topology))
	if err != nil {
		t.Fatal(err)
	}
	text := l.Routers[0].ISISD()
	for _, want := range []string{
		"hostname sea\n", "interface eth1\n", " isis network point-to-point\n isis hello-interval 1\n isis hello-multiplier 3\n isis metric 1139\n",
		" is-type level-2-only\n metric-style wide\n lsp-gen-interval 1\n", " set-overload-bit\n net 49.0001.0000.0000.0001.00\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if text := l.Routers[1].ISISD(); strings.Contains(text, "overload") {
		t.Error("a router that is not overloaded says so")
	}
	o := options(topology)
	o.Timers = Default
	if l, err = New(topology, o); err != nil || strings.Contains(l.Routers[0].ISISD(), "spf-delay") {
		t.Errorf("timers are not FRR's own, %v", err)
	}
}

// TestBFD has sessions on links, and on nothing else, and only where it is wanted.
func TestBFD(t *testing.T) {
	topology := backbone.Abilene()
	for _, wanted := range []bool{false, true} {
		o := options(topology)
		o.BFD = wanted
		l, err := New(topology, o)
		if err != nil {
			t.Fatal(err)
		}
		r := l.Routers[0]
		want := 0
		if wanted {
			want = len(r.Interfaces)
		}
		if got := strings.Count(r.ISISD(), " isis bfd\n isis bfd profile lab\n"); got != want || r.BFD != wanted {
			t.Errorf("BFD %t: on %d of %d interfaces", wanted, got, len(r.Interfaces))
		}
		if !strings.Contains(r.BFDD(), "bfd\n profile lab\n  detect-multiplier 5\n") {
			t.Errorf("bfdd: %s", r.BFDD())
		}
	}
}

func TestNames(t *testing.T) {
	end := func(device, name string) network.End { return network.End{Device: device, Interface: name} }
	topology := &network.Topology{
		Routers: []network.Router{{Name: "a"}, {Name: "a-router-of-a-long-name"}},
		Links: []network.Link{
			{Name: "1", A: end("a", "Bundle-Ether1"), B: end("a-router-of-a-long-name", "lo")},
			{Name: "2", A: end("a", "eth3"), B: end("a-router-of-a-long-name", "a-name-of-an-interface")},
			{Name: "3", A: end("a", "xe-0/0/0"), B: end("a-router-of-a-long-name", "ae0.0")},
			{Name: "4", A: end("a", "eth4"), B: end("a-router-of-a-long-name", "eth1")},
		},
	}
	for i, name := range []string{"all", "default", "sit0", "tunl0"} {
		topology.Links = append(topology.Links, network.Link{Name: name, A: end("a", name), B: end("a-router-of-a-long-name", fmt.Sprintf("port%d", i))})
	}
	l, err := New(topology, options(topology))
	if err != nil {
		t.Fatal(err)
	}
	var got [2][]string
	for i, r := range l.Routers {
		for _, port := range r.Interfaces {
			got[i] = append(got[i], port.Name)
		}
	}
	if diff := cmp.Diff([2][]string{{"Bundle-Ether1", "eth3", "eth4", "eth5", "eth6", "eth7", "eth8", "eth9"}, {"eth1", "eth2", "ae0.0", "eth4", "port0", "port1", "port2", "port3"}}, got); diff != "" {
		t.Errorf("interfaces (-want +got):\n%s", diff)
	}
	topology.Routers = append(topology.Routers, network.Router{Name: "router-2"})
	topology.Links = append(topology.Links, network.Link{Name: "last", A: end("a", "x"), B: end("router-2", "x")})
	if l, err := New(topology, options(topology)); err != nil || l.Routers[2].Hostname != "router-3" {
		t.Errorf("a router that is called as another is shown: %+v, %v", l, err)
	}
	if l.Routers[1].Hostname != "router-2" {
		t.Errorf("host name %s, of which FRR's database shows a part", l.Routers[1].Hostname)
	}
}

func TestRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(*network.Topology, *Options)
		want  string
	}{
		"a lab's name":      {func(_ *network.Topology, o *Options) { o.Name = "a.b" }, `lab name "a.b"`},
		"no name":           {func(_ *network.Topology, o *Options) { o.Name = "" }, `lab name ""`},
		"a router's name":   {func(t *network.Topology, _ *Options) { t.Routers[0].Name = "../sea" }, `router "../sea"`},
		"too many routers":  {func(t *network.Topology, _ *Options) { t.Routers = make([]network.Router, 300) }, "a lab holds up to 250"},
		"ports":             {func(_ *network.Topology, o *Options) { o.Ports = o.Ports[1:] }, "10 ports for 11 routers"},
		"timers":            {func(_ *network.Topology, o *Options) { o.Timers = "slow" }, `timers "slow"`},
		"a long folder":     {func(_ *network.Topology, o *Options) { o.Root = strings.Repeat("/folder", 20) }, "longer than the 97 bytes"},
		"an unknown router": {func(t *network.Topology, _ *Options) { t.Links[0].A.Device = "xxx" }, `link sea-snv: no router "xxx"`},
		"two metrics": {func(t *network.Topology, _ *Options) {
			t.Links[0].A.Metrics = []network.Metric{{Level: 2, Family: network.IPv6, Value: 7}}
		}, "has the metrics 1139 and 7"},
	} {
		t.Run(name, func(t *testing.T) {
			topology := backbone.Abilene()
			o := options(topology)
			tt.spoil(topology, &o)
			if _, err := New(topology, o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
