package network

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/detour-net/detour/events"
)

const (
	inventory = `routers:
  - {name: den, address: "192.0.2.1:9339", site: denver, plane: 1}
  - {name: kcy, address: "192.0.2.2:9339", site: kansas, plane: 1, roles: [core, reflector], tls: {ca: ca.pem, cert: c.pem, key: /abs/k.pem}, credentials: {username: u, password: "file:pw"}}
  - {name: chi, address: "[2001:db8::3]:9339"}
`
	topology = `links:
  - {name: den-kcy, a: {device: den, interface: ethernet-1/1, metric: 10}, b: {device: kcy, interface: ethernet-1/1.0}, capacity_bps: 10000000000, bundle: dk, srlgs: [duct, river]}
  - {name: den-kcy-2, a: {device: den, interface: ethernet-1/2}, b: {device: kcy, interface: ethernet-1/2.1}, capacity_bps: 10000000000, bundle: dk}
  - {name: kcy-chi, a: {device: kcy, interface: ethernet-1/2.2}, b: {device: chi, interface: lag1}, capacity_bps: 10000000000}
`
)

func resolver(t *testing.T) *Resolver {
	t.Helper()
	routers, err := ParseInventory("inventory.yaml", []byte(inventory))
	if err != nil {
		t.Fatal(err)
	}
	topo, err := ParseTopology("topology.yaml", []byte(topology), routers)
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewResolver(topo)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestResolve(t *testing.T) {
	r := resolver(t)
	tests := []struct {
		name string
		in   events.Resource
		want string // the target's key, "" when not found
	}{
		{"one end", events.Resource{Device: "den", Interface: "ethernet-1/1"}, "link/den-kcy"},
		{"the other end", events.Resource{Device: "kcy", Interface: "ethernet-1/1.0"}, "link/den-kcy"},
		{"the port of a sub-interface", events.Resource{Device: "kcy", Interface: "ethernet-1/1"}, "link/den-kcy"},
		{"sub-interface 0 of a port", events.Resource{Device: "den", Interface: "ethernet-1/1.0"}, "link/den-kcy"},
		{"another sub-interface of a port", events.Resource{Device: "den", Interface: "ethernet-1/1.7"}, ""},
		{"a port that carries two links", events.Resource{Device: "kcy", Interface: "ethernet-1/2"}, ""},
		{"the second of them", events.Resource{Device: "kcy", Interface: "ethernet-1/2.2"}, "link/kcy-chi"},
		{"names are exact", events.Resource{Device: "den", Interface: "Ethernet-1/1"}, ""},
		{"an interface without a link", events.Resource{Device: "den", Interface: "ethernet-9/9"}, ""},
		{"by name", events.Resource{Link: "den-kcy-2"}, "link/den-kcy-2"},
		{"by name with an end", events.Resource{Link: "den-kcy-2", Device: "kcy"}, "link/den-kcy-2"},
		{"by name with no end of it", events.Resource{Link: "den-kcy-2", Device: "chi"}, ""},
		{"an unknown link", events.Resource{Link: "x"}, ""},
		{"a device", events.Resource{Device: "den"}, "device/den"},
		{"an unknown device", events.Resource{Device: "nyc"}, ""},
		{"an unknown device's interface", events.Resource{Device: "nyc", Interface: "ethernet-1/1"}, ""},
		{"a LAG that is a link", events.Resource{Device: "chi", LAG: "lag1"}, "link/kcy-chi"},
		{"a LAG's member", events.Resource{Device: "chi", LAG: "lag1", Member: "ethernet-1/1"}, "other/chi_lag1_ethernet-1_1"},
		{"a line card", events.Resource{Device: "den", Linecard: "2"}, "other/den_2"},
		{"a peer", events.Resource{Device: "den", Peer: "2001:db8::1"}, "other/den_2001_db8__1"},
		{"an SRLG", events.Resource{SRLG: "duct"}, "other/srlg_duct"},
		{"an unknown SRLG", events.Resource{SRLG: "road"}, ""},
		{"nothing", events.Resource{}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := r.Resolve(tt.in)
			if ok != (tt.want != "") || ok && got.Key() != tt.want {
				t.Errorf("Resolve = %s %t, want %q", got.Key(), ok, tt.want)
			}
		})
	}
}

func TestCapacity(t *testing.T) {
	r := resolver(t)
	for scope, want := range map[events.Scope]int64{
		events.Network: 30e9, "bundle:dk": 20e9, "plane:1": 30e9, "site:denver": 20e9, "device:chi": 10e9, "link:den-kcy": 10e9, "srlg:duct": 10e9, "srlg:none": 0,
	} {
		if got, known := r.Capacity(scope); got != want || known != (want > 0) {
			t.Errorf("%s: %d %t, want %d", scope, got, known, want)
		}
	}
}

func TestDevice(t *testing.T) {
	r := resolver(t)
	for _, want := range []events.Device{
		{Name: "den", Site: "denver", Plane: "1"}, {Name: "kcy", Site: "kansas", Plane: "1", Roles: []string{"core", "reflector"}}, {Name: "chi"},
	} {
		got, ok := r.Device(want.Name)
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("%s: %t (-want +got):\n%s", want.Name, ok, diff)
		}
	}
	if got, ok := r.Device("Den"); ok {
		t.Errorf("a router that nobody has: %+v", got)
	}
}

func TestResolveTargets(t *testing.T) {
	r := resolver(t)
	tests := []struct {
		in   events.Resource
		want events.Target
	}{
		{events.Resource{Link: "den-kcy"}, events.Target{
			Kind: events.TargetLink, Name: "den-kcy", Capacity: 10e9,
			Ends:   []events.End{{Device: "den", Interface: "ethernet-1/1"}, {Device: "kcy", Interface: "ethernet-1/1.0"}},
			Scopes: []events.Scope{"network", "link:den-kcy", "bundle:dk", "device:den", "device:kcy", "site:denver", "site:kansas", "site-pair:denver-kansas", "plane:1", "srlg:duct", "srlg:river", "level:2"},
		}},
		{events.Resource{Link: "kcy-chi"}, events.Target{
			Kind: events.TargetLink, Name: "kcy-chi", Capacity: 10e9,
			Ends:   []events.End{{Device: "kcy", Interface: "ethernet-1/2.2"}, {Device: "chi", Interface: "lag1"}},
			Scopes: []events.Scope{"network", "link:kcy-chi", "device:kcy", "device:chi", "site:kansas", "plane:1", "level:2"},
		}},
		{events.Resource{Device: "den"}, events.Target{Kind: events.TargetDevice, Name: "den", Scopes: []events.Scope{"network", "device:den", "site:denver", "plane:1"}}},
		{events.Resource{SRLG: "river"}, events.Target{Kind: events.TargetOther, Name: "srlg_river", Scopes: []events.Scope{"network", "srlg:river"}}},
	}
	for _, tt := range tests {
		got, _ := r.Resolve(tt.in)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("Resolve(%s) (-want +got):\n%s", tt.in, diff)
		}
		for _, s := range got.Scopes {
			if _, err := events.ParseScope(string(s)); err != nil {
				t.Errorf("scope that nobody could write: %v", err)
			}
		}
	}
	if got, ok := r.Link("den-kcy"); !ok || got.Name != "den-kcy" {
		t.Errorf("Link = %v %t", got, ok)
	}
}

func TestParseInventoryRefuses(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"nothing", "", "routers: is missing or empty"},
		{"unknown key", "routers: [{nmae: x}]", `i.yaml:1:12: unknown key "routers[0].nmae"`},
		{"no name", "routers: [{address: 'x:1'}]", "routers[0].name: the router's name is missing"},
		{"no address", "routers: [{name: x}]", `i.yaml:1:11: routers[0]: router "x": address is missing`},
		{"name twice", "routers:\n  - {name: x, address: 'a:1'}\n  - {name: x, address: 'b:1'}\n", `i.yaml:3:12: routers[1].name: router "x" is given twice`},
		{"names that are one on the bus", "routers:\n  - {name: Den.1, address: 'a:1'}\n  - {name: den_1, address: 'b:1'}\n", `router "den_1" and "Den.1" are the same on the bus (den_1)`},
		{"blank in a name", "routers: [{name: 'a b', address: 'a:1'}]", "without blanks"},
		{"long name", "routers: [{name: " + strings.Repeat("x", 65) + ", address: 'a:1'}]", "at most 64 bytes"},
		{"address", "routers: [{name: x, address: host}]", `i.yaml:1:30: routers[0].address: "host": want host:port`},
		{"secret", "routers: [{name: x, address: 'a:1', credentials: {username: u, password: hunter2}}]", "a secret stands here; write file:PATH or env:NAME"},
		{"password without a user", "routers: [{name: x, address: 'a:1', credentials: {password: 'env:P'}}]", "a password without a username"},
		{"certificate without a key", "routers: [{name: x, address: 'a:1', tls: {cert: c}}]", "cert and key belong together"},
		{"latitude", "routers: [{name: x, address: 'a:1', latitude: 91}]", "want -90 to 90 degrees"},
		{"edge port twice", "routers: [{name: x, address: 'a:1', edge_ports: [e1, e1]}]", `i.yaml:1:54: routers[0].edge_ports[1]: router "x": port "e1" has no name or is given twice`},
		{"edge port without a name", "routers: [{name: x, address: 'a:1', edge_ports: ['']}]", `router "x": port "" has no name`},
		{"too many edge ports", "routers: [{name: x, address: 'a:1', edge_ports: [" + strings.Repeat("e, ", maxEdgePorts) + "e]}]", `router "x": 4097 ports, at most 4096`},
		{"longitude", "routers: [{name: x, address: 'a:1', longitude: -181}]", "want -180 to 180 degrees"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseInventory("i.yaml", []byte(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the message shows the secret: %v", err)
			}
		})
	}
}

func TestParseTopologyRefuses(t *testing.T) {
	routers := []Router{{Name: "a"}, {Name: "b"}, {Name: "c", CanaryMetric: "lo", EdgePorts: []string{"e9"}}}
	link := func(text string) string {
		return "links:\n  - {name: x, a: {device: a, interface: e1}, b: {device: b, interface: e1}, capacity_bps: 1}\n  - {" + text + "}\n"
	}
	tests := []struct{ name, in, want string }{
		{"nothing", "", "links: is missing or empty"},
		{"unknown key", "links: [{metric: 1}]", `unknown key "links[0].metric"`},
		{"no name", link("a: {device: a, interface: e2}, b: {device: b, interface: e2}, capacity_bps: 1"), "links[1].name: the link's name is missing"},
		{"name twice", link("name: x, a: {device: a, interface: e2}, b: {device: b, interface: e2}, capacity_bps: 1"), `t.yaml:3:12: links[1].name: link "x" is given twice`},
		{"names that are one on the bus", link("name: X, a: {device: a, interface: e2}, b: {device: b, interface: e2}, capacity_bps: 1"), `link "X" and "x" are the same on the bus`},
		{"a name of another target", link("name: device-a, a: {device: a, interface: e2}, b: {device: b, interface: e2}, capacity_bps: 1"), `names beginning with "device-" or "other-" are those of other targets`},
		{"unknown router", link("name: y, a: {device: z, interface: e2}, b: {device: b, interface: e2}, capacity_bps: 1"), `t.yaml:3:27: links[1].a.device: link "y": router "z" is not in the inventory`},
		{"an interface whose metric proofs write", link("name: y, a: {device: c, interface: lo}, b: {device: b, interface: e2}, capacity_bps: 1"), `link "y": the inventory names lo of c as canary_metric`},
		{"an interface that is an edge port", link("name: y, a: {device: c, interface: e9}, b: {device: b, interface: e2}, capacity_bps: 1"), `link "y": the inventory names e9 of c among edge_ports`},
		{"to itself", link("name: y, a: {device: a, interface: e2}, b: {device: a, interface: e3}, capacity_bps: 1"), `link "y" has both ends on a`},
		{"no interface", link("name: y, a: {device: a}, b: {device: b, interface: e2}, capacity_bps: 1"), "want the interface as IS-IS on a names it"},
		{"interface of two links", link("name: y, a: {device: a, interface: e1}, b: {device: b, interface: e2}, capacity_bps: 1"), `link "y": a e1 is already an end of link "x"`},
		{"no capacity", link("name: y, a: {device: a, interface: e2}, b: {device: b, interface: e2}"), "want bits per second in each direction"},
		{"negative capacity", link("name: y, a: {device: a, interface: e2}, b: {device: b, interface: e2}, capacity_bps: -1"), "want bits per second in each direction"},
		{"metric out of SPF", link("name: y, a: {device: a, interface: e2, metric: 16777215}, b: {device: b, interface: e2}, capacity_bps: 1"), "16777215: want at most 16777214"},
		{"SRLG twice", link("name: y, a: {device: a, interface: e2}, b: {device: b, interface: e2}, capacity_bps: 1, srlgs: [d, d]"), `SRLG "d" is empty or given twice`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseTopology("t.yaml", []byte(tt.in), routers)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"inventory.yaml": inventory, "topology.yaml": topology} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	topo, err := Load(filepath.Join(dir, "inventory.yaml"), filepath.Join(dir, "topology.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	kcy := topo.Routers[1]
	want := RouterTLS{CA: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, "c.pem"), Key: "/abs/k.pem"}
	if diff := cmp.Diff(want, kcy.TLS); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	if got, want := kcy.Credentials.Password, "file:"+filepath.Join(dir, "pw"); got != want {
		t.Errorf("password is read from %q, want %q", got, want)
	}
	for _, missing := range [][2]string{{"none.yaml", "topology.yaml"}, {"inventory.yaml", "none.yaml"}} {
		if _, err := Load(filepath.Join(dir, missing[0]), filepath.Join(dir, missing[1])); err == nil || !strings.Contains(err.Error(), "none.yaml") {
			t.Errorf("err = %v", err)
		}
	}
}

func TestNewResolverRefusesWhatIsNotConsistent(t *testing.T) {
	_, err := NewResolver(&Topology{Routers: []Router{{Name: "a"}}, Links: []Link{{Name: "x", A: End{Device: "a", Interface: "1"}, B: End{Device: "b", Interface: "1"}, Capacity: 1}}})
	if err == nil || !strings.Contains(err.Error(), `links[0].b.device: link "x": router "b" is not in the inventory`) {
		t.Errorf("err = %v", err)
	}
}

// TestEveryEndResolvesToItsLink: in whatever topology Validate takes, both ends of every link, and its name, are that link,
// and no two targets share an incident's slug.
func TestEveryEndResolvesToItsLink(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		topo := &Topology{}
		for i := range rapid.IntRange(2, 6).Draw(t, "routers") {
			topo.Routers = append(topo.Routers, Router{Name: fmt.Sprintf("r%d", i), Site: fmt.Sprintf("s%d", i/2)})
		}
		for i := range rapid.IntRange(1, 20).Draw(t, "links") {
			pick := func(label string) End {
				return End{Device: rapid.SampledFrom(topo.Routers).Draw(t, label).Name, Interface: rapid.StringMatching(`e[1-4](\.[0-2])?`).Draw(t, label+" interface")}
			}
			topo.Links = append(topo.Links, Link{Name: fmt.Sprintf("l%d", i), A: pick("a"), B: pick("b"), Capacity: 1})
			if topo.Validate() != nil {
				topo.Links = topo.Links[:len(topo.Links)-1]
			}
		}
		r, err := NewResolver(topo)
		if err != nil {
			t.Fatal(err)
		}
		slugs := map[string]bool{}
		for _, l := range topo.Links {
			for _, in := range []events.Resource{{Link: l.Name}, {Device: l.A.Device, Interface: l.A.Interface}, {Device: l.B.Device, Interface: l.B.Interface}} {
				got, ok := r.Resolve(in)
				if !ok || got.Name != l.Name {
					t.Fatalf("%s is %q, want %q", in, got.Name, l.Name)
				}
			}
			slugs[r.links[l.Name].Slug()] = true
		}
		for _, d := range topo.Routers {
			got, _ := r.Resolve(events.Resource{Device: d.Name})
			slugs[got.Slug()] = true
		}
		if len(slugs) != len(topo.Links)+len(topo.Routers) {
			t.Fatalf("%d slugs of %d targets", len(slugs), len(topo.Links)+len(topo.Routers))
		}
	})
}

// FuzzParse: no text makes reading panic, and what is taken is consistent.
func FuzzParse(f *testing.F) {
	f.Add([]byte(inventory), []byte(topology))
	f.Add([]byte("routers: [{name: a, address: 'a:1'}, {name: b, address: 'b:1'}]"), []byte("links: [{name: x, a: {device: a, interface: .0}, b: {device: b, interface: '1.'}, capacity_bps: 1}]"))
	f.Fuzz(func(t *testing.T, inv, top []byte) {
		routers, err := ParseInventory("i.yaml", inv)
		if err != nil {
			return
		}
		topo, err := ParseTopology("t.yaml", top, routers)
		if err != nil {
			return
		}
		r, err := NewResolver(topo)
		if err != nil {
			t.Fatalf("parsed, and not consistent: %v", err)
		}
		for _, l := range topo.Links {
			if got, ok := r.Resolve(events.Resource{Device: l.A.Device, Interface: l.A.Interface}); !ok || got.Name != l.Name {
				t.Errorf("%+v resolves to %q", l.A, got.Name)
			}
		}
	})
}

func BenchmarkResolve(b *testing.B) {
	topo := &Topology{}
	for i := range 1000 {
		topo.Routers = append(topo.Routers, Router{Name: fmt.Sprintf("r%d", i)})
	}
	for i := range 999 {
		topo.Links = append(topo.Links, Link{Name: fmt.Sprintf("l%d", i), A: End{Device: fmt.Sprintf("r%d", i), Interface: "1.0"}, B: End{Device: fmt.Sprintf("r%d", i+1), Interface: "2.0"}, Capacity: 1})
	}
	r, err := NewResolver(topo)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := r.Resolve(events.Resource{Device: "r500", Interface: "1"}); !ok {
			b.Fatal("not found")
		}
	}
}

// The links of one line card are found by it, and by no other card of that name.
func TestLinksOfCard(t *testing.T) {
	topology := &Topology{Routers: []Router{{Name: "a"}, {Name: "b"}}}
	for n, card := range [][2]string{{"1", ""}, {"1", "1"}, {"", "1"}} {
		topology.Links = append(topology.Links, Link{
			Name: string(rune('x' + n)), Capacity: 1, A: End{Device: "a", Interface: "e" + string(rune('1'+n)), Card: card[0]}, B: End{Device: "b", Interface: "e" + string(rune('1'+n)), Card: card[1]},
		})
	}
	for n := range topology.Routers {
		topology.Routers[n].Profile = "openconfig"
	}
	r, err := NewResolver(topology)
	if err != nil {
		t.Fatal(err)
	}
	for scope, want := range map[events.Scope][]string{"linecard:a/1": {"x", "y"}, "linecard:b/1": {"y", "z"}, "linecard:1": nil, "linecard:a/": nil} {
		if diff := cmp.Diff(want, r.Links(scope)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", scope, diff)
		}
	}
}

// Every link is found again by each of its scopes.
func TestLinksOfScope(t *testing.T) {
	r := resolver(t)
	for scope, want := range map[events.Scope][]string{
		events.Network: {"den-kcy", "den-kcy-2", "kcy-chi"}, "bundle:dk": {"den-kcy", "den-kcy-2"}, "device:chi": {"kcy-chi"}, "srlg:river": {"den-kcy"}, "site:atlantis": nil,
	} {
		if diff := cmp.Diff(want, r.Links(scope)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", scope, diff)
		}
	}
}
