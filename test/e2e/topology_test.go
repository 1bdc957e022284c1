package e2e

import (
	"fmt"

	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
)

// The links that tests speak of. Their names are as odd as names of links are.
const (
	linkPlain    = "AMS.Core-1/ber" // between two routers that can do everything
	linkParallel = "AMS.Core-1/ber.2"
	linkAbsent   = "ber-CDG"        // the metric is not configured at one end
	linkSingle   = "CDG:dub"        // IPv6 follows IPv4 at one end, and has no metric of its own
	linkUnfenced = "dub_fra"        // one end neither arbitrates nor takes commit-confirmed
	linkLevels   = "fra/AMS.Core-1" // both levels at one end
	chordA       = "ber--dub"
	chordB       = "CDG--fra"
	chordC       = "AMS.Core-1--dub"
	linkEdge     = "edge=gva" // to a router that hangs off by two links
	linkEdge2    = "edge=gva=2"
)

// The routers.
const (
	ams  = "AMS.Core-1"
	ber  = "ber.2"
	cdg  = "CDG_3"
	dub  = "dub"
	fra  = "fra.5.example.net"
	gva  = "GVA-6"
	edge = "EDGE-7.x"
)

// routerOptions are what sets the routers apart.
func routerOptions(name string) backbone.Options {
	o := backbone.DefaultOptions()
	switch name {
	case ber:
		o.Instance, o.Persist = "core isis", true
	case cdg:
		o.MetricAbsent = true
	case dub:
		o.SingleTopology, o.NetworkInstance = true, "default"
	case fra:
		o.MasterArbitration, o.CommitConfirmed, o.Levels = false, false, []int{1, 2}
	case gva:
		o.CommitConfirmed, o.Absent, o.MetricAbsent = false, backbone.AbsentDefault, true
	case edge:
		o.IPv4Only, o.Absent, o.MetricAbsent = true, backbone.AbsentEmpty, true
	}
	return o
}

// alike are the same routers with one level and both families everywhere, as a what-if wants them.
func alike(name string) backbone.Options {
	o := routerOptions(name)
	o.Levels, o.IPv4Only = backbone.DefaultOptions().Levels, false
	return o
}

// arbitrates says whether a router refuses a Set with an older election id.
func arbitrates(name string) bool { return routerOptions(name).MasterArbitration }

// topology is a ring with chords, a parallel link, and a router at the edge.
func topology() *network.Topology {
	t := &network.Topology{}
	for i, name := range []string{ams, ber, cdg, dub, fra, gva, edge} {
		r := network.Router{Name: name, Profile: "openconfig", Site: fmt.Sprintf("site-%d", i+1), Canary: backbone.Loopback, CanaryMetric: backbone.Loopback, Latitude: 40 + float64(i), Longitude: 5 * float64(i)}
		t.Routers = append(t.Routers, r)
	}
	ports := map[string]int{}
	names := []string{"et-0/0/%d.0", "HundredGigE0/0/0/%d", "Ethernet%d", "Port-Channel[%d]", "xe-0/%d"}
	end := func(device string, metric uint32) network.End {
		ports[device]++
		return network.End{Device: device, Interface: fmt.Sprintf(names[(len(device)+ports[device])%len(names)], ports[device]), Metric: metric}
	}
	for _, l := range []struct {
		name, a, b string
		toB, toA   uint32
		bundle     string
	}{
		{linkPlain, ams, ber, 100, 100, "AMS-ber"},
		{linkParallel, ams, ber, 100, 120, "AMS-ber"},
		{linkAbsent, ber, cdg, 10, 10, ""},
		{linkSingle, cdg, dub, 10, 30, ""},
		{linkUnfenced, dub, fra, 40, 40, ""},
		{linkLevels, fra, ams, 50, 55, ""},
		{chordA, ber, dub, 60, 60, ""},
		{chordB, cdg, fra, 10, 10, ""},
		{chordC, ams, dub, 70, 70, ""},
		{linkEdge, edge, gva, 10, 10, ""},
		{linkEdge2, edge, gva, 10, 10, ""},
		{"gva-ams", gva, ams, 10, 10, ""},
		{"gva-cdg", gva, cdg, 10, 10, ""},
	} {
		t.Links = append(t.Links, network.Link{Name: l.name, A: end(l.a, l.toB), B: end(l.b, l.toA), Capacity: 100_000_000_000, Bundle: l.bundle})
	}
	return t
}
