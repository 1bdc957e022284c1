package whatif

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"sync"
)

const (
	fraction = 10                 // bits of a unit after the point: traffic is counted in 1/1024 bit/s
	half     = 1 << fraction >> 1 // what is added before rounding to bits per second
)

// Net is a network laid out for computing. It never changes and may be used by many at once.
//
// Nodes and links have indices in the order of their names; a link's end A is the lower node. An arc is one direction of
// a link; arcs stand in the order of their tails and then of their links, so that a node's arcs, and their bits in a
// row, are adjacent.
type Net struct {
	nodes  []Node
	links  []Link // with ends in the order of this layout
	nodeAt map[string]int32
	linkAt map[string]int32
	turned []bool // per link: its Spec had the ends the other way round
	groups map[string][]int32

	out      []int32 // per node, its first arc; one more at the end
	tail     []int32 // per arc
	head     []int32
	back     []int32 // per arc, the same link's other direction
	linkOf   []int32
	arcsOf   [][2]int32 // per link: from A to B, from B to A
	capacity []int64    // per arc, bits per second

	dests  []int32 // nodes that traffic goes to, ascending; a row each
	rowOf  []int32 // per node, its row, or -1
	first  []int32 // per row, its first demand; one more at the end
	from   []int32 // per demand
	amount []int64 // per demand, in units

	offered int64  // all demands, in units
	window  uint32 // of queues: a power of two
	digest  string
	free    sync.Pool // of *scratch
	present *view     // as the Spec has it
}

// New validates s and lays it out. Its error says every fault with its place, up to a limit.
func New(s Spec) (*Net, error) {
	if err := s.validate(); err != nil {
		return nil, fmt.Errorf("what-if: %w", err)
	}
	n := &Net{nodes: slices.Clone(s.Nodes), links: slices.Clone(s.Links)}
	at := n.order()
	n.layArcs()
	n.layDemands(s.Demands, at)
	n.present = newView(n)
	n.window = n.chooseWindow()
	n.digest = n.sum()
	n.free.New = func() any { return newScratch(n) }
	return n, nil
}

// order sorts nodes and links by name and turns links so that A is the lower end. at maps a Spec's node to the layout's.
func (n *Net) order() (at []int32) {
	byName := make([]int32, len(n.nodes))
	for i := range byName {
		byName[i] = int32(i)
	}
	slices.SortFunc(byName, func(a, b int32) int { return cmp.Compare(n.nodes[a].Name, n.nodes[b].Name) })
	at = make([]int32, len(n.nodes))
	nodes := make([]Node, len(n.nodes))
	n.nodeAt = make(map[string]int32, len(n.nodes))
	for i, spec := range byName {
		at[spec], nodes[i] = int32(i), n.nodes[spec]
		n.nodeAt[nodes[i].Name] = int32(i)
	}
	n.nodes = nodes
	slices.SortFunc(n.links, func(a, b Link) int { return cmp.Compare(a.Name, b.Name) })
	n.turned = make([]bool, len(n.links))
	n.linkAt = make(map[string]int32, len(n.links))
	n.groups = map[string][]int32{}
	for i := range n.links {
		l := &n.links[i]
		l.A, l.B = int(at[l.A]), int(at[l.B])
		if l.A > l.B {
			n.turned[i] = true
			l.A, l.B = l.B, l.A
			l.MetricAB, l.MetricBA = l.MetricBA, l.MetricAB
			l.CapacityAB, l.CapacityBA = l.CapacityBA, l.CapacityAB
		}
		n.linkAt[l.Name] = int32(i)
		l.SRLGs = slices.Compact(slices.Sorted(slices.Values(l.SRLGs)))
		for _, g := range l.SRLGs {
			n.groups[g] = append(n.groups[g], int32(i))
		}
	}
	return at
}

func (n *Net) layArcs() {
	arcs := 2 * len(n.links)
	n.out = make([]int32, len(n.nodes)+1)
	for _, l := range n.links {
		n.out[l.A+1]++
		n.out[l.B+1]++
	}
	for i := range n.nodes {
		n.out[i+1] += n.out[i]
	}
	n.tail, n.head, n.back, n.linkOf = make([]int32, arcs), make([]int32, arcs), make([]int32, arcs), make([]int32, arcs)
	n.capacity, n.arcsOf = make([]int64, arcs), make([][2]int32, len(n.links))
	next := slices.Clone(n.out)
	for i, l := range n.links {
		ab, ba := next[l.A], next[l.B]
		next[l.A]++
		next[l.B]++
		n.tail[ab], n.head[ab], n.back[ab], n.linkOf[ab], n.capacity[ab] = int32(l.A), int32(l.B), ba, int32(i), l.CapacityAB
		n.tail[ba], n.head[ba], n.back[ba], n.linkOf[ba], n.capacity[ba] = int32(l.B), int32(l.A), ab, int32(i), l.CapacityBA
		n.arcsOf[i] = [2]int32{ab, ba}
	}
}

func (n *Net) layDemands(demands []Demand, at []int32) {
	list := make([]demand, 0, len(demands))
	for _, d := range demands {
		if d.BPS > 0 {
			list = append(list, demand{to: at[d.To], from: at[d.From], amount: d.BPS << fraction})
		}
	}
	list = n.byNode(list, func(d demand) int32 { return d.from })
	list = n.byNode(list, func(d demand) int32 { return d.to })
	n.rowOf = make([]int32, len(n.nodes))
	for i := range n.rowOf {
		n.rowOf[i] = -1
	}
	n.from, n.amount = make([]int32, 0, len(list)), make([]int64, 0, len(list))
	for i, e := range list {
		n.offered += e.amount
		if i > 0 && list[i-1].to == e.to && list[i-1].from == e.from {
			n.amount[len(n.amount)-1] += e.amount
			continue
		}
		if n.rowOf[e.to] < 0 {
			n.rowOf[e.to] = int32(len(n.dests))
			n.dests = append(n.dests, e.to)
			n.first = append(n.first, int32(len(n.from)))
		}
		n.from, n.amount = append(n.from, e.from), append(n.amount, e.amount)
	}
	n.first = append(n.first, int32(len(n.from)))
}

// demand is a Demand in the layout of a Net.
type demand struct {
	to, from int32
	amount   int64 // units
}

// byNode is list in the order of one of its nodes, and of equal ones as it was.
func (n *Net) byNode(list []demand, node func(demand) int32) []demand {
	at := make([]int, len(n.nodes)+1)
	for _, d := range list {
		at[node(d)+1]++
	}
	for i := range n.nodes {
		at[i+1] += at[i]
	}
	sorted := make([]demand, len(list))
	for _, d := range list {
		i := &at[node(d)]
		sorted[*i] = d
		*i++
	}
	return sorted
}

// demand is what from sends towards row's destination, in units.
func (n *Net) demand(row int, from int32) int64 {
	lo, hi := n.first[row], n.first[row+1]
	if i, ok := slices.BinarySearch(n.from[lo:hi], from); ok {
		return n.amount[int(lo)+i]
	}
	return 0
}

// chooseWindow is the reach of the queues' buckets: beyond the usual metrics, as long as that stays small.
func (n *Net) chooseWindow() uint32 {
	const least, most = 64, 8192
	largest := uint32(0)
	for _, w := range n.present.weight {
		if w < most {
			largest = max(largest, w)
		}
	}
	window := uint32(least)
	for window <= largest {
		window *= 2
	}
	return window
}

// Digest identifies everything that results depend on: the same for the same network and traffic, in whatever order they
// were listed.
func (n *Net) Digest() string { return n.digest }

func (n *Net) sum() string {
	d := newDigest()
	d.put(int64(len(n.nodes)), int64(len(n.links)), int64(len(n.from)))
	for _, x := range n.nodes {
		d.text(x.Name)
		d.put(truth(x.Overload))
	}
	for _, l := range n.links {
		d.text(l.Name)
		d.put(int64(l.A), int64(l.B), int64(l.MetricAB), int64(l.MetricBA), l.CapacityAB, l.CapacityBA, truth(l.Down), int64(len(l.SRLGs)))
		for _, g := range l.SRLGs {
			d.text(g)
		}
	}
	for row, to := range n.dests {
		for i := n.first[row]; i < n.first[row+1]; i++ {
			d.put(int64(n.from[i]), int64(to), n.amount[i])
		}
	}
	return d.sum()
}

// digest is a digest in the making.
type digest struct {
	hash hash.Hash
	raw  []byte // that is not hashed yet
}

func newDigest() *digest { return &digest{hash: sha256.New()} }

func (d *digest) put(numbers ...int64) {
	for _, x := range numbers {
		d.raw = binary.BigEndian.AppendUint64(d.raw, uint64(x))
	}
	if len(d.raw) >= 4096 {
		d.flush()
	}
}

func (d *digest) text(s string) {
	d.put(int64(len(s)))
	d.raw = append(d.raw, s...)
}

func (d *digest) flush() {
	d.hash.Write(d.raw)
	d.raw = d.raw[:0]
}

func (d *digest) sum() string {
	d.flush()
	return "sha256:" + hex.EncodeToString(d.hash.Sum(nil))
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
