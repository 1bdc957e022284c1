package network

import (
	"fmt"
	"slices"
)

// mostLinks: a risk group with more than half of a network's links, when there are more than this many, names everything
// and therefore nothing: every drain would depend on it.
const mostLinks = 4

// groups looks at the risk groups, once all links are known.
func (s *survey) groups(t *Topology) {
	declared := map[string]SRLG{}
	for i, g := range t.SRLGs {
		at := fmt.Sprintf("srlgs[%d]", i)
		s.unique(at+".name", "SRLG", g.Name)
		s.name(at+".kind", g.Kind)
		seen := map[string]bool{}
		for j, name := range g.Links {
			path := fmt.Sprintf("%s.links[%d]", at, j)
			if _, known := s.links[name]; !known {
				s.bad(path, "SRLG %q: link %q is not in the topology", g.Name, name)
			} else if seen[name] {
				s.bad(path, "SRLG %q: link %q is given twice", g.Name, name)
			}
			seen[name] = true
		}
		declared[g.Name] = g
	}
	members, place := map[string][]string{}, map[string]string{} // by group; place is where it is first named
	for i, g := range t.SRLGs {
		place[g.Name] = fmt.Sprintf("srlgs[%d]", i)
	}
	for i, l := range t.Links {
		for j, name := range l.SRLGs {
			path := fmt.Sprintf("links[%d].srlgs[%d]", i, j)
			if _, known := declared[name]; !known && len(declared) > 0 {
				s.bad(path, "link %q: SRLG %q is not declared under srlgs: declare it there or correct the name", l.Name, name)
			}
			if place[name] == "" {
				place[name] = path
			}
		}
	}
	for _, g := range t.RiskGroups() {
		g.Links = slices.DeleteFunc(g.Links, func(name string) bool { _, known := s.links[name]; return !known })
		members[g.Name] = g.Links
		if len(t.Links) > mostLinks && 2*len(g.Links) > len(t.Links) {
			s.bad(place[g.Name], "SRLG %q names everything: %d of %d links; at most half can share a risk that is worth naming", g.Name, len(g.Links), len(t.Links))
		}
	}
	for i, g := range t.SRLGs {
		if len(members[g.Name]) == 0 {
			s.bad(place[g.Name], "SRLG %q: no link is in it: list its links or take it out", g.Name)
		}
		s.diverse(fmt.Sprintf("srlgs[%d].diverse", i), g, declared, members)
	}
}

// diverse looks at a group's declared partner: it must exist, agree, and share no link.
func (s *survey) diverse(at string, g SRLG, declared map[string]SRLG, members map[string][]string) {
	if g.Diverse == "" {
		return
	}
	partner, known := declared[g.Diverse]
	switch {
	case g.Diverse == g.Name:
		s.bad(at, "SRLG %q is declared diverse from itself", g.Name)
		return
	case !known:
		s.bad(at, "SRLG %q: its diverse partner %q is not declared under srlgs", g.Name, g.Diverse)
		return
	case partner.Diverse != "" && partner.Diverse != g.Name:
		s.bad(at, "SRLG %q: its diverse partner %q is declared diverse from %q", g.Name, g.Diverse, partner.Diverse)
	}
	for _, link := range members[g.Name] {
		if slices.Contains(members[g.Diverse], link) {
			s.bad(at, "SRLG %q: link %q is in its diverse partner %q too, so they fail together", g.Name, link, g.Diverse)
		}
	}
}
