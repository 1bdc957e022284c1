package network

import (
	"fmt"
	"slices"
	"strings"

	"github.com/detour-net/detour/events"
)

func (s *survey) link(at string, l Link) {
	s.unique(at+".name", "link", l.Name)
	if reserved(l.Name) {
		s.bad(at+".name", "link %q: names beginning with %q or %q are those of other targets", l.Name, events.TargetDevice+"-", events.TargetOther+"-")
	}
	s.end(at+".a", l.Name, l.A)
	s.end(at+".b", l.Name, l.B)
	if l.A.Device != "" && l.A.Device == l.B.Device {
		s.bad(at+".b.device", "link %q has both ends on %s", l.Name, l.A.Device)
	}
	pair := [2]string{min(l.A.Device, l.B.Device), max(l.A.Device, l.B.Device)}
	if s.between[pair]++; s.between[pair] == maxParallel+1 {
		s.bad(at, "link %q: more than %d links between %s and %s", l.Name, maxParallel, pair[0], pair[1])
	}
	if l.Capacity < 1 || l.Capacity > maxCapacity {
		s.bad(at+".capacity_bps", "link %q: %d: want bits per second in each direction, 1 to %d", l.Name, l.Capacity, int64(maxCapacity))
	}
	s.levels(at, l)
	s.members(at, l)
	s.bundle(at, l)
	seen := map[string]bool{}
	for i, g := range l.SRLGs {
		path := fmt.Sprintf("%s.srlgs[%d]", at, i)
		if g == "" || seen[g] {
			s.bad(path, "link %q: SRLG %q is empty or given twice", l.Name, g)
		}
		s.name(path, g)
		seen[g] = true
	}
	s.links[l.Name] = l
}

// reserved reports whether a link's name would, on the bus, be that of a target of another kind.
func reserved(link string) bool {
	name := events.Token(link)
	return strings.HasPrefix(name, string(events.TargetDevice)+"-") || strings.HasPrefix(name, string(events.TargetOther)+"-")
}

func (s *survey) end(at, link string, e End) {
	if !s.routers[e.Device] {
		s.bad(at+".device", "link %q: router %q is not in the inventory", link, e.Device)
	}
	if e.Interface == "" || len(e.Interface) > maxName*2 {
		s.bad(at+".interface", "link %q: want the interface as IS-IS on %s names it", link, e.Device)
	}
	s.name(at+".card", e.Card)
	if e.Metric > MetricLastResort {
		s.bad(at+".metric", "link %q: %d: want at most %d", link, e.Metric, MetricLastResort)
	}
	seen := map[Metric]bool{}
	for i, m := range e.Metrics {
		path := fmt.Sprintf("%s.metrics[%d]", at, i)
		if !m.named() {
			s.bad(path, "link %q: level %d, family %q: want level 1 or 2 and family %s or %s", link, m.Level, string(m.Family), IPv4, IPv6)
		}
		if m.Value < 1 || m.Value > MetricLastResort {
			s.bad(path+".value", "link %q: %d: want 1 to %d", link, m.Value, MetricLastResort)
		}
		key := Metric{Level: m.Level, Family: m.Family}
		if seen[key] {
			s.bad(path, "link %q: level %d %s on %s is given twice", link, m.Level, m.Family, e.Device)
		}
		seen[key] = true
	}
	key := port{e.Device, e.Interface}
	if other, taken := s.ends[key]; taken {
		s.bad(at+".interface", "link %q: %s %s is already an end of link %q", link, e.Device, e.Interface, other)
	}
	if s.metrics[key] {
		s.bad(at+".interface", "link %q: the inventory names %s of %s as canary_metric: a proof would move the link's traffic", link, e.Interface, e.Device)
	}
	if s.edges[key] {
		s.bad(at+".interface", "link %q: the inventory names %s of %s among edge_ports: its traffic would count twice", link, e.Interface, e.Device)
	}
	s.ends[key] = link
}

// levels complains when a level runs at one end only: there would be no adjacency. Metrics may differ.
func (s *survey) levels(at string, l Link) {
	a, b := l.A.levels(), l.B.levels()
	for _, x := range []struct {
		at         string
		from       End
		have, want []int
	}{{at + ".a", l.A, b, a}, {at + ".b", l.B, a, b}} {
		for _, level := range x.want {
			if !slices.Contains(x.have, level) {
				s.bad(x.at, "link %q: level %d runs on %s only; an adjacency needs it at both ends: give metrics for it at both or at neither", l.Name, level, x.from.Device)
			}
		}
	}
}

func (s *survey) members(at string, l Link) {
	if len(l.Members) > maxMembers {
		s.bad(at+".members", "link %q: %d members, at most %d", l.Name, len(l.Members), maxMembers)
		return
	}
	if l.MinLinks < 0 || l.MinLinks > len(l.Members) {
		s.bad(at+".min_links", "link %q: %d: want 0 to the number of members, which is %d", l.Name, l.MinLinks, len(l.Members))
	}
	seen, sum := map[string]bool{}, int64(0)
	for i, m := range l.Members {
		path := fmt.Sprintf("%s.members[%d]", at, i)
		if m.Name == "" || seen[m.Name] {
			s.bad(path, "link %q: member %q has no name or is given twice", l.Name, m.Name)
		}
		s.name(path, m.Name)
		seen[m.Name] = true
		if m.Capacity < 1 || m.Capacity > maxCapacity {
			s.bad(path+".capacity_bps", "link %q: member %q: %d: want bits per second in each direction, 1 to %d", l.Name, m.Name, m.Capacity, int64(maxCapacity))
			return
		}
		sum += m.Capacity
	}
	if len(l.Members) > 0 && sum != l.Capacity {
		s.bad(at+".capacity_bps", "link %q: %d, but its members add up to %d", l.Name, l.Capacity, sum)
	}
}

func (s *survey) bundle(at string, l Link) {
	s.name(at+".bundle", l.Bundle)
	if l.Bundle == "" {
		return
	}
	first, known := s.bundles[l.Bundle]
	if !known {
		s.bundles[l.Bundle] = l
		return
	}
	if l.A.Device != first.A.Device || l.B.Device != first.B.Device {
		if l.A.Device != first.B.Device || l.B.Device != first.A.Device {
			s.bad(at+".bundle", "link %q: bundle %q joins %s and %s by link %q, this link %s and %s", l.Name, l.Bundle, first.A.Device, first.B.Device, first.Name, l.A.Device, l.B.Device)
		}
	}
}
