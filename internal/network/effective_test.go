package network

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEffective(t *testing.T) {
	yes, no := true, false
	topo := mustParse(t, ring)
	topo.Routers[3].Overload = true // d
	asConfigured := func(a4, a6, b4, b6 uint32) (a, b []Metric) {
		return []Metric{{2, IPv4, a4}, {2, IPv6, a6}}, []Metric{{2, IPv4, b4}, {2, IPv6, b6}}
	}
	ab := LiveLink{Capacity: 30}
	ab.A, ab.B = asConfigured(5, 7, 10, 10)
	with := func(change func(*LiveLink)) LiveLink {
		l := ab
		change(&l)
		return l
	}
	seen := func(a, b []Metric) LinkState { return LinkState{A: EndState{Metrics: a}, B: EndState{Metrics: b}} }
	tests := []struct {
		name string
		in   LinkState // of ab
		want LiveLink
	}{
		{"nothing seen", LinkState{}, ab},
		{"metrics at one end", seen([]Metric{{2, IPv6, 9}, {2, IPv4, 8}}, nil), with(func(l *LiveLink) { l.A = []Metric{{2, IPv4, 8}, {2, IPv6, 9}} })},
		{"a family less", seen(nil, []Metric{{2, IPv4, 10}}), with(func(l *LiveLink) { l.B = l.B[:1] })},
		{"a level more", seen([]Metric{{2, IPv4, 5}, {1, IPv4, 5}}, nil), with(func(l *LiveLink) { l.A = []Metric{{1, IPv4, 5}, {2, IPv4, 5}} })},
		{"drained, nobody knows by whom", seen([]Metric{{2, IPv4, MetricLastResort}}, nil), with(func(l *LiveLink) {
			l.A, l.DrainedBy = []Metric{{2, IPv4, MetricLastResort}}, Others
		})},
		{"just not drained", seen([]Metric{{2, IPv4, MetricLastResort - 1}}, nil), with(func(l *LiveLink) { l.A = []Metric{{2, IPv4, MetricLastResort - 1}} })},
		{"drained hard by us", LinkState{DrainedBy: Ours, B: EndState{Metrics: []Metric{{2, IPv4, MetricUnused}}}}, with(func(l *LiveLink) {
			l.B, l.DrainedBy = []Metric{{2, IPv4, MetricUnused}}, Ours
		})},
		{"down at one end", LinkState{B: EndState{Down: true}}, with(func(l *LiveLink) { l.Down = true })},
		{"a member down", LinkState{MembersDown: []string{"m1"}}, with(func(l *LiveLink) { l.Capacity = 20 })},
		{"all members down", LinkState{MembersDown: []string{"m2", "m1"}}, with(func(l *LiveLink) { l.Capacity, l.Down = 0, true })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			live, err := Effective(topo, State{Links: map[string]LinkState{"ab": tt.in}})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, live.Links[0]); diff != "" {
				t.Errorf("ab (-want +got):\n%s", diff)
			}
			if live.Links[1].Capacity != 10 || live.Links[1].Down {
				t.Errorf("another link changed: %+v", live.Links[1])
			}
		})
	}
	live, err := Effective(topo, State{Routers: map[string]RouterState{"a": {Overload: &yes}, "b": {DrainedBy: Others}, "c": {Overload: &yes, DrainedBy: Ours}, "d": {Overload: &no}}})
	if err != nil {
		t.Fatal(err)
	}
	want := []LiveRouter{{true, Others}, {false, Others}, {true, Ours}, {}, {}, {}}
	if diff := cmp.Diff(want, live.Routers); diff != "" {
		t.Errorf("routers (-want +got):\n%s", diff)
	}
	if live, _ := Effective(topo, State{}); !live.Routers[3].Overload || live.Routers[3].DrainedBy != "" {
		t.Errorf("a configured overload bit is %+v", live.Routers[3])
	}
}

func TestMinLinks(t *testing.T) {
	topo := mustParse(t, strings.Replace(ring, "min_links: 1", "min_links: 2", 1))
	live, err := Effective(topo, State{Links: map[string]LinkState{"ab": {MembersDown: []string{"m2"}}}})
	if err != nil {
		t.Fatal(err)
	}
	if l := live.Links[0]; !l.Down || l.Capacity != 10 {
		t.Errorf("one of two members up, two needed: %+v", l)
	}
}

func TestLiveLinkMetric(t *testing.T) {
	l := LiveLink{A: []Metric{{1, IPv4, 3}, {2, IPv4, 4}}, B: []Metric{{2, IPv4, 5}, {2, IPv6, 6}}}
	if ab, ba, ok := l.Metric(2, IPv4); ab != 4 || ba != 5 || !ok {
		t.Errorf("level 2 ipv4 = %d %d %t", ab, ba, ok)
	}
	for _, m := range []Metric{{1, IPv4, 0}, {2, IPv6, 0}, {1, IPv6, 0}} {
		if _, _, ok := l.Metric(m.Level, m.Family); ok {
			t.Errorf("level %d %s is used, and one end does not advertise it", m.Level, m.Family)
		}
	}
}

func TestEffectiveRefuses(t *testing.T) {
	topo := mustParse(t, ring)
	metrics := func(m ...Metric) State {
		return State{Links: map[string]LinkState{"ab": {B: EndState{Metrics: m}}}}
	}
	tests := []struct {
		name string
		in   State
		want string
	}{
		{"unknown link", State{Links: map[string]LinkState{"xy": {}}}, `observed: link "xy" is not in the topology`},
		{"unknown router", State{Routers: map[string]RouterState{"z": {}}}, `observed: router "z" is not in the inventory`},
		{"unknown member", State{Links: map[string]LinkState{"ab": {MembersDown: []string{"m3"}}}}, `link "ab": member "m3" is given twice or is none`},
		{"member twice", State{Links: map[string]LinkState{"ab": {MembersDown: []string{"m1", "m1"}}}}, `member "m1" is given twice`},
		{"metric beyond 24 bits", metrics(Metric{2, IPv4, MetricUnused + 1}), `link "ab": b: level 2 ipv4 metric 16777216: want`},
		{"unknown level", metrics(Metric{0, IPv4, 1}), "level 0 ipv4 metric 1: want level 1 or 2"},
		{"unknown family", metrics(Metric{2, "mpls", 1}), "level 2 mpls metric 1: want"},
		{"metric twice", metrics(Metric{2, IPv4, 1}, Metric{2, IPv4, 2}), "b: level 2 ipv4 is given twice"},
		{"negative load", State{Links: map[string]LinkState{"ab": {A: EndState{Load: Reading{BPS: -1}}}}}, "a: a load of -1: want 0 to"},
		{"huge load", State{Links: map[string]LinkState{"ab": {A: EndState{Load: Reading{BPS: 1<<50 + 1}}}}}, "a load of 1125899906842625"},
		{"drained by whom", State{Routers: map[string]RouterState{"a": {DrainedBy: "them"}}}, `router "a": drained by "them": want "ours" or "others"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Effective(topo, tt.in)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := Effective(topo, metrics(Metric{2, IPv4, MetricUnused}, Metric{1, IPv4, 0})); err != nil {
		t.Errorf("what a router can show is refused: %v", err)
	}
}
