package discover

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/internal/network"
)

// wire is one link as it really is.
type wire struct {
	a, b         string // routers
	portA, portB string
	ab, ba       uint32
}

// world makes the accounts of routers that are joined by wires. alter may then make them tell something else.
func world(routers []string, wires []wire, alter func(map[string]*Account)) []Account {
	accounts := make([]Account, len(routers))
	byName, system := map[string]*Account{}, map[string]string{}
	for i, name := range routers {
		system[name] = fmt.Sprintf("0000.0000.%04d", i+1)
		off := false
		accounts[i] = Account{Router: name, System: system[name], Overload: &off}
		byName[name] = &accounts[i]
	}
	for i, w := range wires {
		for _, e := range []struct {
			from, to, port, far string
			metric              uint32
		}{{w.a, w.b, w.portA, w.portB, w.ab}, {w.b, w.a, w.portB, w.portA, w.ba}} {
			byName[e.from].Ports = append(byName[e.from].Ports, Port{
				Interface: e.port, Oper: "UP", Speed: 10e9, Description: fmt.Sprintf("circuit-%d to %s", i, e.to), Metrics: both(e.metric),
				Adjacencies: []Adjacency{{Level: 2, System: system[e.to], Up: true, Circuit: circuit(e.port), Peer: circuit(e.far)}},
			})
		}
	}
	var packets []Packet
	for _, a := range accounts {
		p := Packet{Level: 2, System: a.System, Host: a.Router}
		for _, port := range a.Ports {
			p.Reach = append(p.Reach, Reach{System: port.Adjacencies[0].System, Metric: port.Metrics[0].Value})
		}
		packets = append(packets, p)
	}
	for i := range accounts {
		accounts[i].Database = slices.Clone(packets)
	}
	if alter != nil {
		alter(byName)
	}
	return accounts
}

// circuit is the number that a port such as "p3" ends in.
func circuit(port string) uint32 { return uint32(port[len(port)-1] - '0') }

func both(metric uint32) []network.Metric {
	return []network.Metric{{Level: 2, Family: network.IPv4, Value: metric}, {Level: 2, Family: network.IPv6, Value: metric}}
}

var (
	triangle = []string{"a", "b", "c"}
	wires    = []wire{{"a", "b", "p1", "p1", 10, 10}, {"b", "c", "p2", "p1", 20, 20}, {"c", "a", "p2", "p2", 30, 35}}
	twins    = []wire{{"a", "b", "p1", "p4", 10, 10}, {"a", "b", "p2", "p3", 20, 20}}
)

// sum is what was joined, in words.
func sum(f Found) (lines []string) {
	for _, l := range f.Links {
		lines = append(lines, l.Name+": "+between(l.Link))
	}
	for _, o := range f.Loose {
		lines = append(lines, "loose: "+o.Device+" "+o.Interface+": "+o.Why)
	}
	for _, s := range f.Strangers {
		lines = append(lines, fmt.Sprintf("stranger: %s %s %v", s.System, s.Host, s.Beside))
	}
	return lines
}

func silence(names ...string) func(map[string]*Account) {
	return func(all map[string]*Account) {
		for _, name := range names {
			*all[name] = Account{Router: name, Silent: "it does not answer"}
		}
	}
}

// each does something to every port of every router.
func each(do func(*Port)) func(map[string]*Account) {
	return func(all map[string]*Account) {
		for _, a := range all {
			for i := range a.Ports {
				do(&a.Ports[i])
			}
		}
	}
}

func noCircuits(p *Port) {
	for i := range p.Adjacencies {
		p.Adjacencies[i].Circuit, p.Adjacencies[i].Peer = 0, 0
	}
}

func TestJoin(t *testing.T) {
	for name, c := range map[string]struct {
		wires      []wire
		alter      func(map[string]*Account)
		configured *network.Topology
		want       []string
	}{
		"a triangle": {wires: wires, want: []string{"a-b: a p1 to b p1", "a-c: a p2 to c p2", "b-c: b p2 to c p1"}},
		"with names": {
			wires: wires, configured: topology("red", "c", "p2", "a", "p2"),
			want: []string{"red: c p2 to a p2", "a-b: a p1 to b p1", "b-c: b p2 to c p1"},
		},
		"parallel links, by circuit": {wires: twins, want: []string{"a-b: a p1 to b p4", "a-b-2: a p2 to b p3"}},
		"a name that is taken":       {wires: twins, configured: topology("a-b", "a", "p2", "b", "p3"), want: []string{"a-b: a p2 to b p3", "a-b-2: a p1 to b p4"}},
		"by description":             {wires: twins, alter: each(noCircuits), want: []string{"a-b: a p1 to b p4", "a-b-2: a p2 to b p3"}},
		"by configuration": {
			wires: twins, alter: each(func(p *Port) { noCircuits(p); p.Description = "to somewhere" }), configured: topology("x", "a", "p1", "b", "p4"),
			want: []string{"x: a p1 to b p4", "a-b: a p2 to b p3"},
		},
		"circuits are believed before the configuration": {
			wires: twins, configured: topology("x", "a", "p1", "b", "p3"), want: []string{"a-b: a p1 to b p4", "a-b-2: a p2 to b p3"},
		},
		"nothing tells them apart": {
			wires: twins, alter: each(func(p *Port) { noCircuits(p); p.Description = "to somewhere" }),
			want: []string{
				"loose: a p1: there are several links to b, and neither circuits nor descriptions tell them apart",
				"loose: a p2: there are several links to b, and neither circuits nor descriptions tell them apart",
				"loose: b p4: there are several links to a, and neither circuits nor descriptions tell them apart",
				"loose: b p3: there are several links to a, and neither circuits nor descriptions tell them apart",
			},
		},
		"circuits that do not match": {
			wires: wires[:1], alter: func(all map[string]*Account) {
				all["a"].Ports[0].Adjacencies[0].Peer, all["b"].Ports[0].Adjacencies[0].Circuit, all["b"].Ports[0].Adjacencies[0].Peer = 0, 0, 9
			},
			want: []string{
				"loose: a p1: it leads to b, and its circuit is none of those that b tells of", "loose: b p1: it leads to a, and its circuit is none of those that a tells of",
			},
		},
		"one end alone": {
			wires: wires[:1], alter: func(all map[string]*Account) { all["b"].Ports[0].Adjacencies[0].Up = false },
			want: []string{"loose: a p1: it leads to b, which shows no adjacency in return"},
		},
		"other levels": {
			wires: wires[:1], alter: func(all map[string]*Account) { all["b"].Ports[0].Adjacencies[0].Level = 1 },
			want: []string{"loose: a p1: it leads to b, which shows no adjacency in return", "loose: b p1: it leads to a, which shows no adjacency in return"},
		},
		"a silent router": {
			wires: wires, alter: silence("c"),
			want: []string{"a-b: a p1 to b p1", "loose: a p2: it leads to c, which could not be asked", "loose: b p2: it leads to c, which could not be asked"},
		},
		"a stranger": {
			wires: wires, alter: func(all map[string]*Account) { all["c"].System = ""; all["c"].Ports = nil },
			want: []string{
				"a-b: a p1 to b p1", "loose: a p2: it leads to the system 0000.0000.0003, which is no router of the inventory",
				"loose: b p2: it leads to the system 0000.0000.0003, which is no router of the inventory", "stranger: 0000.0000.0003 c [a b]",
			},
		},
		"nobody tells anything": {wires: wires, alter: silence("a", "b", "c")},
	} {
		t.Run(name, func(t *testing.T) {
			accounts := world(triangle, c.wires, c.alter)
			if diff := cmp.Diff(c.want, sum(Join(accounts, c.configured))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// topology has one link, with the metrics 10.
func topology(name, a, portA, b, portB string) *network.Topology {
	return &network.Topology{Links: []network.Link{link(name, a, portA, b, portB, 10, 10)}}
}

func link(name, a, portA, b, portB string, ab, ba uint32) network.Link {
	return network.Link{
		Name: name, Capacity: 10e9, Bundle: "keep",
		A: network.End{Device: a, Interface: portA, Metric: ab}, B: network.End{Device: b, Interface: portB, Metric: ba},
	}
}

// Metrics that are the same for all families of level 2 are one metric; otherwise each is written out.
func TestJoinMetrics(t *testing.T) {
	accounts := world(triangle, wires[2:], func(all map[string]*Account) {
		all["a"].Ports[0].Metrics[1].Value = 99
		all["a"].Ports[0].Metrics = append(all["a"].Ports[0].Metrics, network.Metric{Level: 1, Family: network.IPv4, Value: 7})
	})
	got := Join(accounts, topology("red", "a", "p2", "c", "p2")).Links[0]
	want := Link{Link: link("red", "a", "p2", "c", "p2", 0, 30), Speeds: [2]int64{10e9, 10e9}}
	want.A.Metrics = []network.Metric{{Level: 2, Family: network.IPv4, Value: 35}, {Level: 2, Family: network.IPv6, Value: 99}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCompare(t *testing.T) {
	configured := func(alter func(*network.Topology)) *network.Topology {
		net := &network.Topology{Links: []network.Link{
			link("ab", "a", "p1", "b", "p1", 10, 10), link("bc", "b", "p2", "c", "p1", 20, 20), link("ca", "c", "p2", "a", "p2", 30, 35),
		}}
		for _, name := range triangle {
			net.Routers = append(net.Routers, network.Router{Name: name})
		}
		if alter != nil {
			alter(net)
		}
		return net
	}
	for name, c := range map[string]struct {
		accounts   func(map[string]*Account)
		configured func(*network.Topology)
		want       []Difference
	}{
		"nothing": {},
		"a link that is down": {
			accounts: func(all map[string]*Account) {
				all["a"].Ports[0].Adjacencies[0].Up, all["b"].Ports[0].Adjacencies[0].Up = false, false
			},
			want: []Difference{{"ab", Missing, "a p1 to b p1", "", "neither a nor b has an adjacency there"}},
		},
		"one end alone": {
			accounts: func(all map[string]*Account) { all["b"].Ports[0].Adjacencies[0].Up = false },
			want:     []Difference{{"ab", OtherEnds, "a p1 to b p1", "a p1 to b", "its ends do not lead to each other"}},
		},
		"plugged elsewhere": {
			configured: func(t *network.Topology) {
				t.Links[0].B.Interface, t.Links[1].A.Interface = "p2", "p1"
			},
			want: []Difference{
				{"ab", OtherEnds, "a p1 to b p2", "a p1 to b p1, b p2 to c p1", "its ends do not lead to each other"},
				{"bc", OtherEnds, "b p1 to c p1", "b p1 to a p1, c p1 to b p2", "its ends do not lead to each other"},
				{"a-b", Extra, "", "a p1 to b p1", "the routers have this link, and the topology does not"},
				{"b-c", Extra, "", "b p2 to c p1", "the routers have this link, and the topology does not"},
			},
		},
		"not configured": {
			configured: func(t *network.Topology) { t.Links = t.Links[:2] },
			want:       []Difference{{"a-c", Extra, "", "a p2 to c p2", "the routers have this link, and the topology does not"}},
		},
		"another metric": {
			configured: func(t *network.Topology) { t.Links[1].B.Metric = 25 },
			want: []Difference{
				{"bc", Metric, "c level 2 ipv4 25", "20", "the metric of c p1 is not the configured one"},
				{"bc", Metric, "c level 2 ipv6 25", "20", "the metric of c p1 is not the configured one"},
			},
		},
		"drained by somebody": {
			accounts: func(all map[string]*Account) { all["a"].Ports[1].Metrics[1].Value = network.MetricLastResort },
			want:     []Difference{{"ca", Metric, "a level 2 ipv6 35", "16777214", "a p2 is drained, by whomever"}},
		},
		"others go by another": {
			accounts: func(all map[string]*Account) { all["b"].Database[0].Reach = []Reach{{all["b"].System, 77}} },
			want:     []Difference{{"ab", Advertised, "", "[77]", "a has 10 in force on p1, level 2, and b knows of [77] towards b"}},
		},
		"no database": {accounts: func(all map[string]*Account) {
			for _, a := range all {
				a.Database = nil
			}
		}},
		"another capacity": {
			configured: func(t *network.Topology) { t.Links[0].Capacity = 1e9 },
			want:       []Difference{{"ab", Capacity, "1 Gb/s", "10 Gb/s", "its interfaces have another speed than the topology says"}},
		},
		"ends of two speeds": {
			accounts: func(all map[string]*Account) { all["b"].Ports[0].Speed = 2_500_000 },
			want:     []Difference{{"ab", Capacity, "10 Gb/s", "10 Gb/s and 2500000 bit/s", "its ends disagree: a has 10 Gb/s, and b has 2500000 bit/s"}},
		},
		"speeds that nobody tells": {accounts: each(func(p *Port) { p.Speed = 0 })},
		"a router that is silent": {
			accounts: silence("c"),
			want:     []Difference{{"bc", Unseen, "b p2 to c p1", "", "c could not be asked"}, {"ca", Unseen, "c p2 to a p2", "", "c could not be asked"}},
		},
		"an interface that leads away": {
			accounts: func(all map[string]*Account) {
				all["a"].Ports = append(all["a"].Ports, Port{Interface: "p9", Adjacencies: []Adjacency{{Level: 2, System: "0000.0000.0009", Up: true}}})
			},
			want: []Difference{{"a p9", Extra, "", "a p9 to 0000.0000.0009", "it leads to the system 0000.0000.0009, which is no router of the inventory"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			accounts, net := world(triangle, wires, c.accounts), configured(c.configured)
			if diff := cmp.Diff(c.want, Compare(net, accounts, Join(accounts, net))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What is written is read back the same, and is a topology.
func TestWritten(t *testing.T) {
	accounts := world(triangle, wires, func(all map[string]*Account) {
		all["a"].Ports[0].Metrics[1].Value = 11
		all["a"].Ports[0].Interface = `odd "name": [0]`
	})
	found := Join(accounts, nil)
	var links []network.Link
	for _, l := range found.Links {
		links = append(links, l.Link)
	}
	links[0].Members, links[0].SRLGs, links[0].MinLinks = []network.Member{{Name: "m", Capacity: 10e9}}, []string{"duct", "x"}, 1
	links[1].Bundle, links[1].A.Card = "twins", "7"
	var text bytes.Buffer
	if err := network.WriteTopology(&text, links, func(l network.Link) string { return "of " + l.Name }); err != nil {
		t.Fatal(err)
	}
	var routers []network.Router
	for _, name := range triangle {
		routers = append(routers, network.Router{Name: name, Address: "127.0.0.1:1"})
	}
	back, err := network.ParseTopology("found.yaml", text.Bytes(), routers)
	if err != nil {
		t.Fatalf("%v\n%s", err, text.String())
	}
	if diff := cmp.Diff(links, back.Links); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
	if !strings.Contains(text.String(), "  # of a-b\n") {
		t.Errorf("no remark in\n%s", text.String())
	}
}
