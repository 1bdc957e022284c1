package whatif

import (
	"cmp"
	"math/bits"
	"runtime"
	"slices"
	"sync"
)

// Survey is what every failure of a list does to one state. It is made once for the network as it is and then asked, for
// every change that is considered, what the same failures would do after it. It never changes and may be used by many at
// once.
type Survey struct {
	before   *State
	failures []failure
	effects  []effect // per failure
	order    []int    // of the failures, the one that fills a link most first
	most     []int64  // per arc: what any failure adds to it at most, of those that are kept
	parts    []*parts // of each layer
	kept     int64    // bytes
}

// effect is what one failure does to a state. Of the changes in load only those are kept that could matter: all beyond
// trifle. The others are most of what traffic spread over equal paths changes, by number, and nothing by weight; of these only
// is kept about how much a link gains, since a trifle for a large link is much for a small one.
type effect struct {
	arcs []int32  // ascending; only when kept
	on   bitset   // of links: those that have any of arcs
	gain []int64  // in units
	full []filled // those of arcs that the failure fills most, the fullest first
	less int64    // permil that it fills the other ones to, at most
	rest []uint8  // per link, what either direction that is not in arcs gains at most (see coarse)
	kept bool
	peak peak
	rows int // that use what fails
}

// filled is an arc with what a failure adds to it, and how full it gets.
type filled struct {
	arc          int32
	gain, permil int64
}

// trifle is a change of arc's load, in units, that is not kept: a thousandth of the capacity or less.
func (n *Net) trifle(arc int32) int64 { return n.capacity[arc] << fraction >> 10 }

// peak is the fullest direction of any link.
type peak struct {
	permil int64
	load   int64 // units
	arc    int32 // -1 when there is none
}

const (
	entryBytes  = 12
	filledBytes = 24
)

// NewSurvey evaluates every scenario on st. It keeps what each does as long as that takes at most memory bytes; for the
// others a weaker bound has to do, and more are evaluated anew, with the same results.
func NewSurvey(st *State, scenarios []Scenario, memory int64) (*Survey, error) {
	return SurveyLayers([]*State{st}, scenarios, memory)
}

// SurveyLayers is NewSurvey of a network that runs several topologies over its links (RFC 5120): each goes its own ways, and
// links carry what all of them bring. The layers have the same nodes and links, with whatever metrics and traffic.
func SurveyLayers(layers []*State, scenarios []Scenario, memory int64) (*Survey, error) {
	st, err := together(layers)
	if err != nil {
		return nil, err
	}
	n := st.net
	failures, err := n.failures(scenarios)
	if err != nil {
		return nil, err
	}
	sv := &Survey{before: st, failures: failures, effects: make([]effect, len(failures))}
	for _, layer := range st.all() {
		sv.parts = append(sv.parts, findParts(n, layer.view))
	}
	sv.evaluate(memory)
	sv.bound()
	sv.order = make([]int, len(failures))
	for i := range sv.order {
		sv.order[i] = i
	}
	slices.SortFunc(sv.order, func(a, b int) int {
		return cmp.Or(cmp.Compare(sv.effects[b].peak.permil, sv.effects[a].peak.permil), cmp.Compare(a, b))
	})
	return sv, nil
}

// evaluate finds the effects, and keeps them, in the order in which they are evaluated, as long as memory lasts. What is found ahead
// of that order waits, and who is too far ahead waits too, so that little is held beyond memory.
func (sv *Survey) evaluate(memory int64) {
	st, order := sv.before, sv.before.net.byPlace(sv.failures)
	list := make([]*failure, len(order))
	for i, at := range order {
		list[i] = &sv.failures[at]
	}
	ranked, turns := st.ranked(), newTurns(len(list), 2*sweepBatch*runtime.GOMAXPROCS(0))
	st.net.sweep(st, list, func(s *scratch, i int, found found) {
		e := s.effect(st, ranked, found)
		turns.done(i, func() { sv.effects[order[i]] = e }, func(i int) {
			e := &sv.effects[order[i]]
			if size := e.bytes(); sv.kept+size <= memory {
				sv.kept += size
			} else {
				*e = effect{peak: e.peak, rows: e.rows}
			}
		})
	})
}

// turns has what is done in about the order from 0 looked at in that order. It may be used by many at once.
type turns struct {
	mu    sync.Mutex
	moved sync.Cond // next has
	made  []bool
	next  int // the first that is not made
	ahead int // how far before next others may be done
}

func newTurns(count, ahead int) *turns {
	t := &turns{made: make([]bool, count), ahead: ahead}
	t.moved.L = &t.mu
	return t
}

// done does i, once that is not too far ahead, and looks at all whose turn it is then. Nothing of both happens at once.
func (t *turns) done(i int, do func(), look func(i int)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i >= t.next+t.ahead {
		t.moved.Wait()
	}
	do()
	t.made[i] = true
	for ; t.next < len(t.made) && t.made[t.next]; t.next++ {
		look(t.next)
	}
	t.moved.Broadcast()
}

// byPlace is an order of failures in which those near each other in the network mostly are: they send traffic the same ways.
func (n *Net) byPlace(failures []failure) []int {
	place := n.places()
	of := func(f *failure) int32 {
		switch {
		case len(f.nodes) > 0:
			return place[f.nodes[0]]
		case len(f.links) > 0:
			l := n.links[f.links[0]]
			return min(place[l.A], place[l.B])
		}
		return 0
	}
	order := make([]int, len(failures))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(of(&failures[a]), of(&failures[b])) })
	return order
}

// places are where nodes stand, breadth first.
func (n *Net) places() []int32 {
	place, seen := make([]int32, len(n.nodes)), newBitset(len(n.nodes))
	queue := make([]int32, 0, len(n.nodes))
	add := func(node int32) {
		if !seen.has(node) {
			seen.put(node)
			place[node] = int32(len(queue))
			queue = append(queue, node)
		}
	}
	next := 0
	for i := range n.nodes {
		add(int32(i))
		for ; next < len(queue); next++ {
			for _, head := range n.head[n.out[queue[next]]:n.out[queue[next]+1]] {
				add(head)
			}
		}
	}
	return place
}

// bytes is what an effect that is kept takes.
func (e *effect) bytes() int64 {
	return int64(len(e.arcs))*entryBytes + int64(len(e.rest)) + 8*int64(len(e.on)) + filledBytes*int64(len(e.full))
}

// bound finds what any failure adds to each arc at most.
func (sv *Survey) bound() {
	sv.most = make([]int64, len(sv.before.load))
	for arc := range sv.most {
		sv.most[arc] = sv.before.net.trifle(int32(arc))
	}
	for i := range sv.effects {
		e := &sv.effects[i]
		for j, arc := range e.arcs {
			sv.most[arc] = max(sv.most[arc], e.gain[j])
		}
	}
}

// Bytes is the memory that the survey keeps beside its state.
func (sv *Survey) Bytes() int64 { return sv.kept }

// effect is what a failure does, by what is found out about it.
func (s *scratch) effect(st *State, ranked ranking, found found) effect {
	n := s.net
	e := effect{on: newBitset(len(n.links)), rest: make([]uint8, len(n.links)), kept: true, rows: found.rows}
	s.hops = s.hops[:0]
	for i, x := range found.gain {
		arc := int32(i)
		switch {
		case x == 0:
		case max(x, -x) > n.trifle(arc):
			s.hops = append(s.hops, arc)
		case x > 0:
			e.rest[n.linkOf[arc]] = max(e.rest[n.linkOf[arc]], coarse(x))
		}
	}
	e.peak = st.peak(ranked, s.hops, found.gain)
	e.arcs, e.gain = slices.Clone(s.hops), make([]int64, len(s.hops))
	for i, arc := range e.arcs {
		e.on.put(n.linkOf[arc])
		e.gain[i] = found.gain[arc]
	}
	e.rank(st)
	return e
}

// foremost is how many directions of an effect are told from the others as those that it fills most.
const foremost = 16

// rank finds the arcs that the effect on st fills most.
func (e *effect) rank(st *State) {
	e.full, e.less = make([]filled, 0, foremost+1), 0
	for i, arc := range e.arcs {
		x := filled{arc: arc, gain: e.gain[i], permil: st.net.permil(arc, st.load[arc]+e.gain[i])}
		if len(e.full) == foremost && x.permil <= e.full[foremost-1].permil {
			e.less = max(e.less, x.permil)
			continue
		}
		at, _ := slices.BinarySearchFunc(e.full, x, func(a, b filled) int { return cmp.Compare(b.permil, a.permil) })
		if e.full = slices.Insert(e.full, at, x); len(e.full) > foremost {
			e.less = max(e.less, e.full[foremost].permil)
			e.full = e.full[:foremost]
		}
	}
}

// atMost is what the effect adds to arc at most.
func (e *effect) atMost(n *Net, arc int32) int64 {
	link := n.linkOf[arc]
	if e.on.has(link) {
		if i, ok := slices.BinarySearch(e.arcs, arc); ok {
			return e.gain[i]
		}
	}
	return min(n.trifle(arc), atMost(e.rest[link]))
}

// The smallest gain that is told from none, about a kbit/s, in eighths, as a power of two.
const grain = fraction + 7

// coarse is a gain in a byte: 0 for none, else an eighth more than it is at most. Gains are trifles, less than 2^52 units.
func coarse(gain int64) uint8 {
	if gain <= 0 {
		return 0
	}
	eighths := max(8, ceil(gain, 1<<grain))
	power := max(0, bits.Len64(uint64(eighths))-4)
	if eighths = (eighths + 1<<power - 1) >> power; eighths > 15 {
		eighths, power = 8, power+1
	}
	return uint8(1 + 8*power + int(eighths) - 8)
}

// atMost is the greatest gain that coarse makes that of.
func atMost(coarse uint8) int64 {
	if coarse == 0 {
		return 0
	}
	return int64(8+(coarse-1)%8) << ((coarse-1)/8 + grain)
}

// has reports whether the effect on arc is kept.
func (e *effect) has(n *Net, arc int32) bool {
	if !e.kept || !e.on.has(n.linkOf[arc]) {
		return false
	}
	_, ok := slices.BinarySearch(e.arcs, arc)
	return ok
}

// ranking has all arcs by how full they are, the fullest first, and how full that is.
type ranking struct {
	arcs   []int32
	permil []int64
	trifle int64 // permil that a trifle fills any arc more, at most
}

func (st *State) ranked() ranking {
	n := st.net
	rk := ranking{arcs: make([]int32, len(st.load)), permil: make([]int64, len(st.load))}
	full := make([]int64, len(st.load))
	// Arcs are counted by how full they are, and then put where those that are fuller end, in the order of State.Loads.
	const overfull = 2000 // all that are as full as that are counted together
	var at [overfull + 2]int32
	least := int64(maxCapacity)
	for arc := range full {
		least = min(least, n.capacity[arc])
		full[arc] = n.permil(int32(arc), st.load[arc])
		at[overfull-min(full[arc], overfull)+1]++
	}
	for i := range overfull {
		at[i+1] += at[i]
	}
	together := at[1]
	for _, arcs := range n.arcsOf {
		for _, arc := range arcs {
			i := &at[overfull-min(full[arc], overfull)]
			rk.arcs[*i] = arc
			*i++
		}
	}
	slices.SortStableFunc(rk.arcs[:together], func(a, b int32) int { return cmp.Compare(full[b], full[a]) })
	for i, arc := range rk.arcs {
		rk.permil[i] = full[arc]
	}
	rk.trifle = 2 + 1500/least // rounding to bits per second adds at most one and a half
	return rk
}

// place is where arc stands in the order of State.Loads.
func (n *Net) place(arc int32) int32 {
	link := n.linkOf[arc]
	if n.arcsOf[link][0] == arc {
		return 2 * link
	}
	return 2*link + 1
}

// over makes p the fuller of itself and arc with load, of equal ones the first in the order of State.Loads, and reports
// whether that is arc.
func (p *peak) over(n *Net, arc int32, load int64) bool {
	if p.arc >= 0 {
		full, capacity := uint64(max(0, toBPS(load)))*1000, uint64(n.capacity[arc])
		if hi, lo := bits.Mul64(uint64(max(0, p.permil-1)), capacity); p.permil > 0 && (hi > 0 || full <= lo) {
			return false // without a division, as most are
		}
		if n.permil(arc, load) == p.permil && n.place(arc) > n.place(p.arc) {
			return false
		}
	}
	*p = peak{permil: n.permil(arc, load), load: load, arc: arc}
	return true
}

// peak is the fullest arc of st when arcs gain so much; those listed are all that gain more than a trifle, or more.
func (st *State) peak(ranked ranking, arcs []int32, gain []int64) peak {
	p := peak{arc: -1}
	for _, arc := range arcs {
		p.over(st.net, arc, st.load[arc]+gain[arc])
	}
	for i, arc := range ranked.arcs {
		if ranked.permil[i]+ranked.trifle < p.permil {
			break
		}
		p.over(st.net, arc, st.load[arc]+gain[arc])
	}
	return p
}
