package network

import (
	"cmp"
	"slices"

	"github.com/detour-net/detour/events"
)

// canon is what Digest sees of a topology: every list in one order, every default spelled out, and of each router what
// paths and verdicts depend on, so that a new password or address is no other network.
type canon struct {
	Routers []canonRouter `json:"routers"`
	Links   []canonLink   `json:"links"`
	SRLGs   []SRLG        `json:"srlgs"`
	IPv6    *int          `json:"ipv6_permil,omitempty"`
}

type canonRouter struct {
	Name     string   `json:"name"`
	Profile  string   `json:"profile"`
	Site     string   `json:"site"`
	Plane    string   `json:"plane"`
	Roles    []string `json:"roles"`
	Overload bool     `json:"overload"`
}

type canonLink struct {
	Name     string     `json:"name"`
	Ends     []canonEnd `json:"ends"`
	Capacity int64      `json:"capacity_bps"`
	Members  []Member   `json:"members"`
	MinLinks int        `json:"min_links"`
	Bundle   string     `json:"bundle"`
}

type canonEnd struct {
	Device    string   `json:"device"`
	Interface string   `json:"interface"`
	Card      string   `json:"card"`
	Metrics   []Metric `json:"metrics"`
}

// Digest identifies the network that t describes. It does not change with the order of routers, links, ends, members or
// groups, with a default that is written out, or with how routers are reached.
func (t *Topology) Digest() events.Digest {
	c := canon{Routers: make([]canonRouter, len(t.Routers)), Links: make([]canonLink, len(t.Links)), SRLGs: t.RiskGroups(), IPv6: t.IPv6Permil}
	for i, r := range t.Routers {
		c.Routers[i] = canonRouter{Name: r.Name, Profile: r.Profile, Site: r.Site, Plane: r.Plane, Roles: sorted(r.Roles), Overload: r.Overload}
	}
	for i, l := range t.Links {
		c.Links[i] = canonOf(l)
	}
	slices.SortFunc(c.Routers, func(a, b canonRouter) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(c.Links, func(a, b canonLink) int { return cmp.Compare(a.Name, b.Name) })
	return events.DigestOf(c)
}

func canonOf(l Link) canonLink {
	c := canonLink{Name: l.Name, Capacity: l.Capacity, MinLinks: l.MinLinks, Bundle: l.Bundle}
	for _, e := range []End{l.A, l.B} {
		c.Ends = append(c.Ends, canonEnd{Device: e.Device, Interface: e.Interface, Card: e.Card, Metrics: e.metrics(l.Levels())})
	}
	slices.SortFunc(c.Ends, func(a, b canonEnd) int { return cmp.Compare(a.Device, b.Device) })
	c.Members = slices.SortedFunc(slices.Values(l.Members), func(a, b Member) int { return cmp.Compare(a.Name, b.Name) })
	if len(l.Members) > 0 {
		c.MinLinks = max(1, l.MinLinks)
	}
	return c
}
