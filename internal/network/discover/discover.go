// Package discover makes a topology of what the routers themselves tell, and compares it with the one that people wrote.
//
// An Account is what one router told: its interfaces, whom IS-IS is adjacent to on each, and its link-state database.
// Join makes links of them. An adjacency counts only when both ends tell of it: which interface leads to which is known
// from the circuits that the ends have told each other (RFC 5303), else from the topology that people wrote, else from
// there being only one link between two routers, else from a word that only their two descriptions have. What cannot be
// joined stays loose, with the reason; nothing is guessed.
//
// Compare says, link by link, in what the network differs from its configured topology. State lays what was told over
// the configured topology, everybody's drains included, as the start of a what-if. Nothing in here asks a router.
package discover

import (
	"cmp"
	"slices"
	"time"

	"github.com/detour-net/detour/internal/network"
)

// Account is what one router told of itself.
type Account struct {
	Router   string    `json:"router"` // its name in the inventory
	At       time.Time `json:"at"`
	Silent   string    `json:"silent,omitempty"`   // why it could not be asked, "" when it was; then nothing else is known
	System   string    `json:"system,omitempty"`   // its IS-IS system identifier
	Overload *bool     `json:"overload,omitempty"` // its overload bit; nil when it does not tell
	Ports    []Port    `json:"ports,omitempty"`    // its IS-IS interfaces
	Database []Packet  `json:"database,omitempty"`
}

// Port is one IS-IS interface.
type Port struct {
	Interface   string           `json:"interface"` // as IS-IS names it
	Description string           `json:"description,omitempty"`
	Oper        string           `json:"oper,omitempty"`      // oper-status, "" when not told
	Speed       int64            `json:"speed_bps,omitempty"` // 0 when not told
	Metrics     []network.Metric `json:"metrics,omitempty"`   // in force
	Adjacencies []Adjacency      `json:"adjacencies,omitempty"`
}

// Adjacency is one neighbour of an interface on one level.
type Adjacency struct {
	Level   int    `json:"level"`
	System  string `json:"system"` // identifier of the neighbour
	Up      bool   `json:"up"`
	Circuit uint32 `json:"circuit,omitempty"`      // extended circuit identifier of this end (RFC 5303), 0 when not told
	Peer    uint32 `json:"peer_circuit,omitempty"` // and of the neighbour's
}

// Packet is one link-state packet of a router's database: what its sender advertises to everybody.
type Packet struct {
	Level    int     `json:"level"`
	System   string  `json:"system"` // of the sender
	Host     string  `json:"host,omitempty"`
	Overload bool    `json:"overload,omitempty"`
	Reach    []Reach `json:"reach,omitempty"`
}

// Reach is one neighbour that a packet names. Several links to one neighbour are several of them.
type Reach struct {
	System string `json:"system"`
	Metric uint32 `json:"metric"` // of IPv4, or of all families in a single topology
}

// Found is the network as its routers tell it.
type Found struct {
	Links      []Link     `json:"links"`                // in the order of the configured topology, others after them by name
	Loose      []Loose    `json:"loose,omitempty"`      // adjacencies that lead to no known end
	Overloaded []string   `json:"overloaded,omitempty"` // routers with the overload bit
	Silent     []Silent   `json:"silent,omitempty"`     // routers that could not be asked
	Strangers  []Stranger `json:"strangers,omitempty"`  // systems of the database that are no router of the inventory
}

// Link is a link that both ends tell of.
type Link struct {
	network.Link          // with the metrics in force; a capacity of 0 is not known
	Speeds       [2]int64 `json:"speeds_bps"` // of the ports of A and B, 0 when not told
}

// End is a place on a router.
type End struct {
	Device    string `json:"device"`
	Interface string `json:"interface"`
}

// Loose is an adjacency that could not be joined to another.
type Loose struct {
	End
	System string `json:"system"`         // of the neighbour
	Peer   string `json:"peer,omitempty"` // its router, "" when it is not known
	Why    string `json:"why"`
}

// Silent is a router that could not be asked.
type Silent struct {
	Router string `json:"router"`
	Why    string `json:"why"`
}

// Stranger is a system that routers advertise and the inventory does not have.
type Stranger struct {
	System string   `json:"system"`
	Host   string   `json:"host,omitempty"` // as it calls itself
	Beside []string `json:"beside"`         // routers of the inventory that are its neighbours
}

// end is an adjacency that is up, all levels of it together.
type end struct {
	*Account
	*Port
	system        string // of the neighbour
	levels        []int
	circuit, peer uint32
}

func (e end) at() End { return End{e.Router, e.Interface} }

// Join makes links of what routers told. configured may be nil; where it is not, links have its names, and its pairs of
// ends help to tell parallel links apart. The accounts are those of all routers of the inventory, in its order.
func Join(accounts []Account, configured *network.Topology) Found {
	if configured == nil {
		configured = &network.Topology{}
	}
	j := &joining{configured: configured, routers: map[string]string{}, order: map[string]int{}}
	for i := range accounts {
		a := &accounts[i]
		j.order[a.Router] = i
		if a.Silent != "" {
			j.found.Silent = append(j.found.Silent, Silent{a.Router, a.Silent})
			continue
		}
		if a.System != "" {
			j.routers[a.System] = a.Router
		}
		if a.Overload != nil && *a.Overload {
			j.found.Overloaded = append(j.found.Overloaded, a.Router)
		}
	}
	for i := range accounts {
		j.gather(&accounts[i])
	}
	j.strangers(accounts)
	j.pairs()
	j.name()
	return j.found
}

// joining is a Join under way.
type joining struct {
	configured *network.Topology
	routers    map[string]string // name by system
	order      map[string]int    // of routers in the inventory
	ends       []end             // not joined yet
	found      Found
}

// gather takes an account's adjacencies that are up.
func (j *joining) gather(a *Account) {
	for p := range a.Ports {
		port := &a.Ports[p]
		at := map[string]int{} // by system, its place in ends
		for _, adj := range port.Adjacencies {
			if !adj.Up {
				continue
			}
			i, known := at[adj.System]
			if !known {
				i = len(j.ends)
				at[adj.System] = i
				j.ends = append(j.ends, end{Account: a, Port: port, system: adj.System})
			}
			e := &j.ends[i]
			e.levels = append(e.levels, adj.Level)
			e.circuit, e.peer = cmp.Or(e.circuit, adj.Circuit), cmp.Or(e.peer, adj.Peer)
		}
	}
}

// strangers are those in a database that no router of the inventory is. A router that could not be asked is told by what
// it calls itself.
func (j *joining) strangers(accounts []Account) {
	hosts, beside := map[string]string{}, map[string][]string{}
	for _, a := range accounts {
		for _, p := range a.Database {
			hosts[p.System] = cmp.Or(hosts[p.System], p.Host)
			for _, r := range p.Reach {
				if name, ok := j.routers[p.System]; ok && !slices.Contains(beside[r.System], name) {
					beside[r.System] = append(beside[r.System], name)
				}
			}
		}
	}
	for system, host := range hosts {
		if _, known := j.routers[system]; known {
			continue
		}
		if slices.ContainsFunc(j.found.Silent, func(s Silent) bool { return s.Router == host }) {
			j.routers[system] = host
			continue
		}
		slices.Sort(beside[system])
		j.found.Strangers = append(j.found.Strangers, Stranger{system, host, beside[system]})
	}
	slices.SortFunc(j.found.Strangers, func(a, b Stranger) int { return cmp.Compare(a.System, b.System) })
}
