package whatif

import (
	"math"
	"math/bits"
)

// Load is the traffic on one direction of a link.
type Load struct {
	Link     string
	From, To string
	BPS      int64 // bits per second, rounded to the nearest
	Capacity int64 // bits per second
	Permil   int64 // of the capacity, rounded up
}

// Undelivered is traffic that has no way to go.
type Undelivered struct {
	Count int   // demands
	BPS   int64 // of all of them, rounded to the nearest
	Named []Lost
}

// Lost is a demand that cannot be delivered.
type Lost struct {
	From, To string
	BPS      int64
}

// Loads are the loads of all links in the order of their names, each from its lower node to its higher one and back.
func (st *State) Loads() []Load {
	loads := make([]Load, 0, len(st.load))
	for _, arcs := range st.net.arcsOf {
		loads = append(loads, st.at(arcs[0]), st.at(arcs[1]))
	}
	return loads
}

// Load is the load of a link from its Spec's A to its B, and back; ok is false when there is no such link.
func (st *State) Load(link string) (ab, ba Load, ok bool) {
	i, ok := st.net.linkAt[link]
	if !ok {
		return Load{}, Load{}, false
	}
	arcs := st.net.arcsOf[i]
	if st.net.turned[i] {
		arcs[0], arcs[1] = arcs[1], arcs[0]
	}
	return st.at(arcs[0]), st.at(arcs[1]), true
}

// Worst is the fullest direction of any link: of several, the first in the order of Loads. It is zero in a network
// without links.
func (st *State) Worst() Load {
	arc, permil := int32(-1), int64(-1)
	for _, arcs := range st.net.arcsOf {
		for _, a := range arcs {
			if p := st.net.permil(a, st.load[a]); p > permil {
				arc, permil = a, p
			}
		}
	}
	if arc < 0 {
		return Load{}
	}
	return st.at(arc)
}

// Offered is all traffic, in bits per second.
func (n *Net) Offered() int64 { return toBPS(n.offered) }

// Undelivered is the traffic that has no way to go, of which at most named demands are named: the first by destination,
// then by source.
func (st *State) Undelivered(named int) Undelivered {
	n := st.net
	u := Undelivered{Count: st.cut, BPS: toBPS(st.lost)}
	for index, r := range st.rows {
		if r.cut == 0 {
			continue
		}
		for i := n.first[index]; i < n.first[index+1] && len(u.Named) < named; i++ {
			if r.dist[n.from[i]] >= Unreachable {
				u.Named = append(u.Named, n.lostDemand(index, i))
			}
		}
		if len(u.Named) >= named {
			break
		}
	}
	return u
}

// Distance is the cost of the shortest path to a node that traffic goes to; ok is false when there is no path, and when
// no traffic goes there.
func (st *State) Distance(from, to string) (cost uint32, ok bool) {
	a, known := st.net.nodeAt[from]
	b, alsoKnown := st.net.nodeAt[to]
	if !known || !alsoKnown || st.net.rowOf[b] < 0 {
		return 0, false
	}
	cost = st.rows[st.net.rowOf[b]].dist[a]
	return cost, cost < Unreachable
}

func (n *Net) lostDemand(row int, demand int32) Lost {
	return Lost{From: n.nodes[n.from[demand]].Name, To: n.nodes[n.dests[row]].Name, BPS: toBPS(n.amount[demand])}
}

func (st *State) at(arc int32) Load { return st.net.loaded(arc, st.load[arc]) }

// loaded describes arc as carrying load units.
func (n *Net) loaded(arc int32, load int64) Load {
	return Load{
		Link: n.links[n.linkOf[arc]].Name, From: n.nodes[n.tail[arc]].Name, To: n.nodes[n.head[arc]].Name,
		BPS: toBPS(load), Capacity: n.capacity[arc], Permil: n.permil(arc, load),
	}
}

// toBPS rounds units to bits per second.
func toBPS(units int64) int64 { return (units + half) >> fraction }

// permil is the utilisation of arc by load units, rounded up.
func (n *Net) permil(arc int32, load int64) int64 {
	capacity := n.capacity[arc]
	return (toBPS(load)*1000 + capacity - 1) / capacity
}

// share is so many permil of arc's capacity, in bits per second, rounded down.
func (n *Net) share(arc int32, permil int64) int64 {
	if c := uint64(n.capacity[arc]); c < 1<<50 && uint64(permil) < 1<<13 {
		return int64(c * uint64(permil) / 1000) // as nearly always, and much faster
	}
	hi, lo := bits.Mul64(uint64(n.capacity[arc]), uint64(max(0, permil)))
	if hi >= 1000 {
		return math.MaxInt64
	}
	bps, _ := bits.Div64(hi, lo, 1000)
	return int64(min(bps, math.MaxInt64))
}

// room is the greatest load, in units, at which arc's utilisation is at most permil; less than 0 when there is none.
func (n *Net) room(arc int32, permil int64) int64 {
	if permil < 0 {
		return -1
	}
	bps := n.share(arc, permil)
	if bps >= math.MaxInt64>>(fraction+1) {
		return math.MaxInt64
	}
	return bps<<fraction + half - 1
}
