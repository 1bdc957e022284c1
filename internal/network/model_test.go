package network

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

// parse reads a topology between the routers a to f.
func parse(text string) (*Topology, error) {
	var routers []Router
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		routers = append(routers, Router{Name: name})
	}
	return ParseTopology("t.yaml", []byte(text), routers)
}

func mustParse(t *testing.T, text string) *Topology {
	t.Helper()
	topo, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return topo
}

// ring is five links in a ring, a LAG among them, with risk groups named from both sides.
const ring = `links:
  - name: ab
    a: {device: a, interface: e1, card: "1", metric: 5, metrics: [{level: 2, family: ipv6, value: 7}]}
    b: {device: b, interface: e1}
    capacity_bps: 30
    members: [{name: m1, capacity_bps: 10}, {name: m2, capacity_bps: 20}]
    min_links: 1
  - {name: bc, a: {device: b, interface: e2}, b: {device: c, interface: e1}, capacity_bps: 10, srlgs: [river]}
  - {name: cd, a: {device: c, interface: e2}, b: {device: d, interface: e1}, capacity_bps: 10}
  - {name: de, a: {device: d, interface: e2}, b: {device: e, interface: e1}, capacity_bps: 10}
  - {name: ea, a: {device: e, interface: e2}, b: {device: a, interface: e2, card: "1"}, capacity_bps: 10}
srlgs:
  - {name: river, kind: conduit, diverse: hill, links: [cd, bc]}
  - {name: hill, links: [ea]}
`

func TestParseTopologyModel(t *testing.T) {
	topo := mustParse(t, ring)
	want := Link{
		Name:     "ab",
		A:        End{Device: "a", Interface: "e1", Card: "1", Metric: 5, Metrics: []Metric{{Level: 2, Family: IPv6, Value: 7}}},
		B:        End{Device: "b", Interface: "e1"},
		Capacity: 30, Members: []Member{{"m1", 10}, {"m2", 20}}, MinLinks: 1,
	}
	if diff := cmp.Diff(want, topo.Links[0]); diff != "" {
		t.Errorf("link (-want +got):\n%s", diff)
	}
	groups := []SRLG{
		{Name: "hill", Diverse: "river", Links: []string{"ea"}},
		{Name: "river", Kind: "conduit", Diverse: "hill", Links: []string{"bc", "cd"}},
	}
	if diff := cmp.Diff(groups, topo.RiskGroups()); diff != "" {
		t.Errorf("risk groups (-want +got):\n%s", diff)
	}
	cards := []Linecard{{Device: "a", Card: "1", Links: []string{"ab", "ea"}}}
	if diff := cmp.Diff(cards, topo.Linecards()); diff != "" {
		t.Errorf("line cards (-want +got):\n%s", diff)
	}
	if got := topo.Capacity(); got != 70 {
		t.Errorf("capacity = %d, want 70", got)
	}
	r, err := NewResolver(topo)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bc", "cd"} { // named by the link and by the group, and by the group alone
		target, _ := r.Link(name)
		at := func(s events.Scope) bool { return s == "srlg:river" }
		if i := slices.IndexFunc(target.Scopes, at); i < 0 || slices.IndexFunc(target.Scopes[i+1:], at) >= 0 {
			t.Errorf("scopes of %s: %v, want srlg:river once", name, target.Scopes)
		}
	}
	if _, ok := r.Resolve(events.Resource{SRLG: "hill"}); !ok {
		t.Error("an SRLG that no link names itself is not found")
	}
}

// TestDescribe reads what is written of routers and links.
func TestDescribe(t *testing.T) {
	routers := []Router{
		{Name: "a", Address: "[::1]:57400", Profile: "openconfig", Site: "x", Plane: "p", Roles: []string{"core"}, Canary: "lo: 0", CanaryMetric: "lo1", EdgePorts: []string{"e9"}, Overload: true,
			Latitude: 1.5, Longitude: -2, TLS: RouterTLS{CA: "ca", Cert: "c", Key: "k", ServerName: "a"}, Credentials: Credentials{Username: "007", Password: "file:p"}},
		{Name: "b", Address: "b:1"}, {Name: "c", Address: "c:1"}, {Name: "d", Address: "d:1"}, {Name: "e", Address: "e:1"},
	}
	links := slices.Clone(mustParse(t, ring).Links)
	inventory, topology, err := Describe(routers, links)
	if err != nil {
		t.Fatal(err)
	}
	gotRouters, err := ParseInventory("i.yaml", inventory)
	if diff := cmp.Diff(routers, gotRouters); err != nil || diff != "" {
		t.Errorf("%v, routers (-want +got):\n%s", err, diff)
	}
	got, err := ParseTopology("t.yaml", topology, routers)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(links, got.Links); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
}

func TestParseInventoryOverload(t *testing.T) {
	routers, err := ParseInventory("i.yaml", []byte("routers: [{name: a, address: 'a:1', overload: true}, {name: b, address: 'b:1'}]"))
	if err != nil || !routers[0].Overload || routers[1].Overload {
		t.Errorf("routers %+v, err %v", routers, err)
	}
}

// TestParseInventoryEdgePorts tells a router without edge ports from one of which they are not known.
func TestParseInventoryEdgePorts(t *testing.T) {
	routers, err := ParseInventory("i.yaml", []byte("routers: [{name: a, address: 'a:1', edge_ports: [e1, e2]}, {name: b, address: 'b:1', edge_ports: []}, {name: c, address: 'c:1'}]"))
	if err != nil || len(routers[0].EdgePorts) != 2 || routers[1].EdgePorts == nil || len(routers[1].EdgePorts) != 0 || routers[2].EdgePorts != nil {
		t.Errorf("routers %+v, err %v", routers, err)
	}
}

func TestMetricAt(t *testing.T) {
	both := []Metric{{1, IPv4, 3}, {2, IPv6, 4}}
	tests := []struct {
		name   string
		end    End
		level  int
		family Family
		want   uint32
	}{
		{"the usual one", End{}, 2, IPv4, DefaultMetric},
		{"the end's", End{Metric: 5}, 2, IPv6, 5},
		{"listed", End{Metric: 5, Metrics: both}, 2, IPv6, 4},
		{"the other family", End{Metric: 5, Metrics: both}, 2, IPv4, 5},
		{"the other level", End{Metrics: both}, 1, IPv6, DefaultMetric},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.end.MetricAt(tt.level, tt.family); got != tt.want {
				t.Errorf("MetricAt = %d, want %d", got, tt.want)
			}
		})
	}
	if got := (Link{}).Levels(); !slices.Equal(got, []int{2}) {
		t.Errorf("levels = %v", got)
	}
	if got := (Link{A: End{Metrics: []Metric{{2, IPv4, 1}, {1, IPv4, 1}, {2, IPv6, 1}}}}).Levels(); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("levels = %v", got)
	}
}

func TestParseTopologyRefusesInconsistency(t *testing.T) {
	// edit is the ring with one text replaced by another.
	edit := func(old, text string) string {
		if !strings.Contains(ring, old) {
			t.Fatalf("%q is not in the ring", old)
		}
		return strings.Replace(ring, old, text, 1)
	}
	const b1 = "b: {device: b, interface: e1}"
	withB := func(metrics string) string {
		return edit(b1, "b: {device: b, interface: e1, metrics: ["+metrics+"]}")
	}
	tests := []struct{ name, in, want string }{
		{"level that does not exist", withB("{level: 3, family: ipv4, value: 1}"), `t.yaml:4:45: links[0].b.metrics[0]: link "ab": level 3, family "ipv4": want level 1 or 2`},
		{"family that does not exist", withB("{level: 2, family: IPV4, value: 1}"), `family "IPV4": want level 1 or 2 and family ipv4 or ipv6`},
		{"metric of 0", withB("{level: 2, family: ipv4, value: 0}"), `links[0].b.metrics[0].value: link "ab": 0: want 1 to 16777214`},
		{"metric out of SPF", withB("{level: 2, family: ipv4, value: 16777215}"), `16777215: want 1 to 16777214`},
		{"metric twice", withB("{level: 2, family: ipv4, value: 1}, {level: 2, family: ipv4, value: 2}"), `level 2 ipv4 on b is given twice`},
		{"level at one end", withB("{level: 1, family: ipv4, value: 1}, {level: 2, family: ipv4, value: 1}"), `links[0].b: link "ab": level 1 runs on b only`},
		{"levels that differ", withB("{level: 1, family: ipv4, value: 1}"), `links[0].a: link "ab": level 2 runs on a only`},
		{"members' sum", edit("capacity_bps: 30", "capacity_bps: 31"), `t.yaml:5:19: links[0].capacity_bps: link "ab": 31, but its members add up to 30`},
		{"member without capacity", edit("{name: m1, capacity_bps: 10}", "{name: m1}"), `links[0].members[0].capacity_bps: link "ab": member "m1": 0: want bits per second`},
		{"member twice", edit("name: m2", "name: m1"), `links[0].members[1]: link "ab": member "m1" has no name or is given twice`},
		{"member without a name", edit("name: m2", "name: ''"), `member "" has no name`},
		{"too many members", edit("{name: m1, capacity_bps: 10}", strings.Repeat("{name: x, capacity_bps: 1}, ", 256)+"{name: m1, capacity_bps: 1}"), "258 members, at most 256"},
		{"min_links above the members", edit("min_links: 1", "min_links: 3"), `links[0].min_links: link "ab": 3: want 0 to the number of members, which is 2`},
		{"min_links without members", edit("srlgs: [river]", "min_links: 1"), `link "bc": 1: want 0 to the number of members, which is 0`},
		{"min_links negative", edit("min_links: 1", "min_links: -1"), `-1: want 0 to the number`},
		{"capacity of zero", edit("capacity_bps: 10, srlgs", "capacity_bps: 0, srlgs"), `links[1].capacity_bps: link "bc": 0: want bits per second in each direction, 1 to`},
		{"capacity beyond belief", edit("capacity_bps: 10, srlgs", "capacity_bps: 1125899906842625, srlgs"), "1125899906842625: want bits per second"},
		{"blank in a card", edit(`card: "1", metric`, `card: "1 2", metric`), "links[0].a.card"},
		{"unknown SRLG member", edit("links: [cd, bc]", "links: [cd, xy]"), `t.yaml:13:61: srlgs[0].links[1]: SRLG "river": link "xy" is not in the topology`},
		{"SRLG member twice", edit("links: [cd, bc]", "links: [cd, cd]"), `SRLG "river": link "cd" is given twice`},
		{"undeclared SRLG", edit("srlgs: [river]", "srlgs: [lake]"), `links[1].srlgs[0]: link "bc": SRLG "lake" is not declared under srlgs`},
		{"a share of IPv6 beyond the whole", edit("srlgs:\n", "ipv6_permil: 1001\nsrlgs:\n"), "ipv6_permil: 1001: want 0 to 1000"},
		{"a negative share of IPv6", edit("srlgs:\n", "ipv6_permil: -1\nsrlgs:\n"), "ipv6_permil: -1: want 0 to 1000"},
		{"SRLG without a name", edit("name: hill, ", ""), "srlgs[1].name: the SRLG's name is missing"},
		{"SRLG twice", edit("name: hill", "name: river"), `srlgs[1].name: SRLG "river" is given twice`},
		{"SRLG without links", edit("name: hill, links: [ea]", "name: hill"), `srlgs[1]: SRLG "hill": no link is in it`},
		{"unknown partner", edit("diverse: hill", "diverse: hell"), `srlgs[0].diverse: SRLG "river": its diverse partner "hell" is not declared`},
		{"its own partner", edit("diverse: hill", "diverse: river"), `SRLG "river" is declared diverse from itself`},
		{"partners that disagree", edit("name: hill, ", "name: hill, diverse: rail, ") + "  - {name: rail, links: [de]}\n", `its diverse partner "hill" is declared diverse from "rail"`},
		{"partners that share a link", edit("links: [ea]", "links: [ea, bc]"), `SRLG "river": link "bc" is in its diverse partner "hill" too`},
		{"SRLG that names everything", edit("links: [cd, bc]", "links: [cd, de]"), `srlgs[0]: SRLG "river" names everything: 3 of 5 links`},
		{"unknown key", edit("kind: conduit", "sort: conduit"), `unknown key "srlgs[0].sort"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(tt.in)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestParseTopologyBundles(t *testing.T) {
	const two = `links:
  - {name: x, a: {device: a, interface: e1}, b: {device: b, interface: e1}, capacity_bps: 1, bundle: p}
  - {name: y, a: {device: b, interface: e2}, b: {device: %, interface: e2}, capacity_bps: 1, bundle: p}
`
	if _, err := parse(strings.Replace(two, "%", "a", 1)); err != nil {
		t.Errorf("parallel links written from either side: %v", err)
	}
	_, err := parse(strings.Replace(two, "%", "c", 1))
	if want := `links[1].bundle: link "y": bundle "p" joins a and b by link "x", this link b and c`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("err = %v, want %q", err, want)
	}
}

// TestRiskGroupsOnSmallNetworks: with four links a group may hold them all, and groups that only links name are held to
// the same limit as declared ones.
func TestRiskGroupsOnSmallNetworks(t *testing.T) {
	links, _, _ := strings.Cut(ring, "srlgs:\n")
	shared := strings.NewReplacer(", srlgs: [river]", "", "capacity_bps: 10}\n", "capacity_bps: 10, srlgs: [duct]}\n", "capacity_bps: 10, srlgs: [river]}\n", "capacity_bps: 10, srlgs: [duct]}\n").Replace(links)
	if _, err := parse(shared); err == nil || !strings.Contains(err.Error(), `links[1].srlgs[0]: SRLG "duct" names everything: 4 of 5 links`) {
		t.Errorf("err = %v", err)
	}
	four := shared[:strings.Index(shared, "  - {name: ea")]
	if _, err := parse(four); err != nil {
		t.Errorf("three of four links: %v", err)
	}
}

func TestAreasAndPairs(t *testing.T) {
	topo := &Topology{
		Routers: []Router{{Name: "c", Site: "y", Plane: "1"}, {Name: "a", Site: "x", Plane: "1"}, {Name: "b", Site: "x"}, {Name: "d"}},
		Links: []Link{
			{Name: "2", A: End{Device: "b"}, B: End{Device: "a"}}, {Name: "1", A: End{Device: "a"}, B: End{Device: "b"}},
			{Name: "3", A: End{Device: "b"}, B: End{Device: "c"}}, {Name: "4", A: End{Device: "d"}, B: End{Device: "c"}},
		},
	}
	pairs := []Pair{{"a", "b", []string{"1", "2"}}, {"b", "c", []string{"3"}}, {"c", "d", []string{"4"}}}
	if diff := cmp.Diff(pairs, topo.Pairs()); diff != "" {
		t.Errorf("pairs (-want +got):\n%s", diff)
	}
	sites := []Area{
		{Name: "x", Routers: []string{"a", "b"}, Inside: []string{"1", "2"}, Exits: []string{"3"}},
		{Name: "y", Routers: []string{"c"}, Exits: []string{"3", "4"}},
	}
	if diff := cmp.Diff(sites, topo.Sites()); diff != "" {
		t.Errorf("sites (-want +got):\n%s", diff)
	}
	planes := []Area{{Name: "1", Routers: []string{"a", "c"}, Exits: []string{"1", "2", "3", "4"}}}
	if diff := cmp.Diff(planes, topo.Planes()); diff != "" {
		t.Errorf("planes (-want +got):\n%s", diff)
	}
}

func TestTopologyDigest(t *testing.T) {
	digest := func(change func(*Topology)) events.Digest {
		topo := mustParse(t, ring)
		change(topo)
		return topo.Digest()
	}
	base := digest(func(*Topology) {})
	same := map[string]func(*Topology){
		"order":             func(x *Topology) { slices.Reverse(x.Links); slices.Reverse(x.Routers); slices.Reverse(x.SRLGs) },
		"sides":             func(x *Topology) { x.Links[1].A, x.Links[1].B = x.Links[1].B, x.Links[1].A },
		"members' order":    func(x *Topology) { slices.Reverse(x.Links[0].Members) },
		"a default":         func(x *Topology) { x.Links[1].A.Metric = DefaultMetric },
		"min_links of 0":    func(x *Topology) { x.Links[0].MinLinks = 0 },
		"how it is reached": func(x *Topology) { x.Routers[0].Address = "192.0.2.1:1"; x.Routers[0].Credentials.Username = "u" },
		"a group's side":    func(x *Topology) { x.Links[2].SRLGs = []string{"river"}; x.SRLGs[0].Links = []string{"bc"} },
		"a partner's side":  func(x *Topology) { x.SRLGs[0].Diverse = ""; x.SRLGs[1].Diverse = "river" },
	}
	for name, change := range same {
		if got := digest(change); got != base {
			t.Errorf("%s: the digest changed", name)
		}
	}
	other := map[string]func(*Topology){
		"metric":    func(x *Topology) { x.Links[0].A.Metric++ },
		"capacity":  func(x *Topology) { x.Links[1].Capacity++ },
		"overload":  func(x *Topology) { x.Routers[0].Overload = true },
		"site":      func(x *Topology) { x.Routers[0].Site = "s" },
		"min_links": func(x *Topology) { x.Links[0].MinLinks = 2 },
		"group":     func(x *Topology) { x.SRLGs[1].Links = []string{"de"} },
		"card":      func(x *Topology) { x.Links[1].A.Card = "7" },
		"a router":  func(x *Topology) { x.Routers = x.Routers[1:] },
	}
	for name, change := range other {
		if got := digest(change); got == base {
			t.Errorf("%s: the digest did not change", name)
		}
	}
}

func TestStateJSON(t *testing.T) {
	bit := false
	want := State{
		Links:   map[string]LinkState{"ab": {A: EndState{Metrics: []Metric{{2, IPv4, MetricUnused}}, Down: true, Load: Reading{BPS: 5}}, MembersDown: []string{"m1"}, DrainedBy: Ours}},
		Routers: map[string]RouterState{"a": {Overload: &bit}},
	}
	raw, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	const text = `{"links":{"ab":{"a":{"metrics":[{"level":2,"family":"ipv4","value":16777215}],"down":true,"load":{"bps":5}},"members_down":["m1"],"drained_by":"ours"}},"routers":{"a":{"overload":false}}}`
	if string(raw) != text {
		t.Errorf("JSON is\n%s\nwant\n%s", raw, text)
	}
	var got State
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

// TestIPv6Share: the share is part of the network, and one that is not stated is not one of nothing.
func TestIPv6Share(t *testing.T) {
	digests := map[string]bool{}
	for text, want := range map[string]int{"": -1, "ipv6_permil: 0\n": 0, "ipv6_permil: 250\n": 250} {
		top := mustParse(t, text+ring)
		if (top.IPv6Permil == nil) != (want < 0) || want >= 0 && *top.IPv6Permil != want {
			t.Errorf("%q: %v", text, top.IPv6Permil)
		}
		digests[string(top.Digest())] = true
	}
	if len(digests) != 3 {
		t.Errorf("%d digests of three networks", len(digests))
	}
}
