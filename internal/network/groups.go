package network

import (
	"cmp"
	"maps"
	"slices"
)

// Pair is two routers with every link between them. A's name sorts before B's.
type Pair struct {
	A, B  string
	Links []string // names, sorted; more than one are parallel links
}

// Pairs are the pairs of routers that any link joins, sorted by A, then B.
func (t *Topology) Pairs() []Pair {
	links := map[[2]string][]string{}
	for _, l := range t.Links {
		key := [2]string{min(l.A.Device, l.B.Device), max(l.A.Device, l.B.Device)}
		links[key] = append(links[key], l.Name)
	}
	pairs := make([]Pair, 0, len(links))
	for key, names := range links {
		pairs = append(pairs, Pair{A: key[0], B: key[1], Links: sorted(names)})
	}
	slices.SortFunc(pairs, func(x, y Pair) int { return cmp.Or(cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B)) })
	return pairs
}

// Area is a part of the network that one name stands for: a site or a plane.
type Area struct {
	Name    string
	Routers []string // sorted
	Inside  []string // links with both ends in it, sorted
	Exits   []string // links with one end in it, sorted
}

// Sites are the sites that routers name, sorted.
func (t *Topology) Sites() []Area { return t.areas(func(r Router) string { return r.Site }) }

// Planes are the planes that routers name, sorted.
func (t *Topology) Planes() []Area { return t.areas(func(r Router) string { return r.Plane }) }

func (t *Topology) areas(nameOf func(Router) string) []Area {
	found, of := map[string]*Area{}, map[string]*Area{} // by the area's name; by router, nil outside any
	for _, r := range t.Routers {
		name := nameOf(r)
		if name == "" {
			continue
		}
		if found[name] == nil {
			found[name] = &Area{Name: name}
		}
		found[name].Routers = append(found[name].Routers, r.Name)
		of[r.Name] = found[name]
	}
	for _, l := range t.Links {
		a, b := of[l.A.Device], of[l.B.Device]
		if a == b && a != nil {
			a.Inside = append(a.Inside, l.Name)
			continue
		}
		for _, area := range []*Area{a, b} {
			if area != nil {
				area.Exits = append(area.Exits, l.Name)
			}
		}
	}
	areas := make([]Area, 0, len(found))
	for _, name := range slices.Sorted(maps.Keys(found)) {
		a := found[name]
		areas = append(areas, Area{Name: name, Routers: sorted(a.Routers), Inside: sorted(a.Inside), Exits: sorted(a.Exits)})
	}
	return areas
}

// Linecard is a card of a router with the links that sit on it.
type Linecard struct {
	Device, Card string
	Links        []string // names, sorted
}

// Linecards are the line cards that links' ends name, sorted by device, then card.
func (t *Topology) Linecards() []Linecard {
	links := map[port][]string{}
	for _, l := range t.Links {
		for _, e := range []End{l.A, l.B} {
			if e.Card != "" {
				links[port{e.Device, e.Card}] = append(links[port{e.Device, e.Card}], l.Name)
			}
		}
	}
	cards := make([]Linecard, 0, len(links))
	for key, names := range links {
		cards = append(cards, Linecard{Device: key.device, Card: key.name, Links: sorted(names)})
	}
	slices.SortFunc(cards, func(x, y Linecard) int {
		return cmp.Or(cmp.Compare(x.Device, y.Device), cmp.Compare(x.Card, y.Card))
	})
	return cards
}

// RiskGroups are all shared risk link groups, sorted by name: those declared and those that only links name. Each has
// every member, sorted, whichever side said so; Diverse is given on both sides.
func (t *Topology) RiskGroups() []SRLG {
	groups := map[string]*SRLG{}
	group := func(name string) *SRLG {
		if groups[name] == nil {
			groups[name] = &SRLG{Name: name}
		}
		return groups[name]
	}
	for _, g := range t.SRLGs {
		own := group(g.Name)
		own.Kind = g.Kind
		own.Links = append(own.Links, g.Links...)
		if g.Diverse != "" {
			own.Diverse = g.Diverse
			group(g.Diverse).Diverse = g.Name
		}
	}
	for _, l := range t.Links {
		for _, name := range l.SRLGs {
			group(name).Links = append(group(name).Links, l.Name)
		}
	}
	all := make([]SRLG, 0, len(groups))
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		g := *groups[name]
		g.Links = slices.Compact(sorted(g.Links))
		all = append(all, g)
	}
	return all
}

// sorted is a sorted copy.
func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }
