package whatif

import (
	"errors"
	"fmt"
	"math/bits"
)

// Metrics and costs with a meaning of their own.
const (
	LastResort  = 1<<24 - 2  // the highest metric that is used (RFC 5305, section 3)
	Unused      = 1<<24 - 1  // keeps a direction out of shortest paths (RFC 5305, section 3)
	Unreachable = 0xFE000000 // MAX_PATH_METRIC (RFC 5305, section 3): what costs as much is not reached
)

// Bounds on a Spec.
const (
	maxNodes    = 1 << 16
	maxLinks    = 1 << 18
	maxCells    = 1 << 28 // nodes times destinations
	maxDemands  = 1 << 27
	maxCapacity = 1 << 50 // bits per second
	maxTotal    = 1 << 51 // bits per second of all demands together, so that four times that, in units, is below 2^63
	maxFaults   = 20      // complaints that New lists
)

// Node is a router.
type Node struct {
	Name     string // unique
	Overload bool   // reached, but not transited
}

// Link joins two nodes, by their index in Spec.Nodes. Parallel links are separate links.
type Link struct {
	Name                   string // unique
	A, B                   int
	MetricAB, MetricBA     uint32 // 1 to Unused; 0 is not advertised, and takes the other direction with it
	CapacityAB, CapacityBA int64  // bits per second, 1 to 2^50
	Down                   bool
	SRLGs                  []string // risk groups that the link is in
}

// Demand is traffic from one node to another, by their index in Spec.Nodes. Several with the same ends add up.
type Demand struct {
	From, To int
	BPS      int64 // bits per second, not negative; 0 is no demand
}

// Spec is a network with its traffic: at most 65,536 nodes, 262,144 links and 2^27 demands, at most 2^28 pairs of a node
// and a destination of traffic, and at most 2^51 bits per second in all.
type Spec struct {
	Nodes   []Node
	Links   []Link
	Demands []Demand
}

// faults collects what is wrong with a Spec, up to a limit.
type faults struct {
	errs []error
	more int
}

func (f *faults) add(format string, args ...any) {
	if len(f.errs) == maxFaults {
		f.more++
		return
	}
	f.errs = append(f.errs, fmt.Errorf(format, args...))
}

func (f *faults) err() error {
	if f.more > 0 {
		f.errs = append(f.errs, fmt.Errorf("and %d more", f.more))
		f.more = 0
	}
	return errors.Join(f.errs...)
}

// validate says everything that is wrong with s, each with its place.
func (s *Spec) validate() error {
	var f faults
	if len(s.Nodes) == 0 || len(s.Nodes) > maxNodes {
		f.add("nodes: %d: want 1 to %d", len(s.Nodes), maxNodes)
	}
	if len(s.Links) > maxLinks {
		f.add("links: %d: want at most %d", len(s.Links), maxLinks)
	}
	if len(s.Demands) > maxDemands {
		f.add("demands: %d: want at most %d", len(s.Demands), maxDemands)
	}
	if err := f.err(); err != nil {
		return err
	}
	nodes := make(map[string]int, len(s.Nodes))
	for i, n := range s.Nodes {
		if first, twice := nodes[n.Name]; n.Name == "" || twice {
			f.add("nodes[%d]: name %q: want a name of its own (nodes[%d] has it, or it is empty)", i, n.Name, first)
		}
		nodes[n.Name] = i
	}
	links := make(map[string]int, len(s.Links))
	for i, l := range s.Links {
		if first, twice := links[l.Name]; l.Name == "" || twice {
			f.add("links[%d]: name %q: want a name of its own (links[%d] has it, or it is empty)", i, l.Name, first)
		}
		links[l.Name] = i
		s.validateLink(i, l, &f)
	}
	s.validateDemands(&f)
	return f.err()
}

func (s *Spec) validateLink(i int, l Link, f *faults) {
	for _, end := range []int{l.A, l.B} {
		if end < 0 || end >= len(s.Nodes) {
			f.add("links[%d] %q: end %d: want the index of a node, 0 to %d", i, l.Name, end, len(s.Nodes)-1)
			return
		}
	}
	if l.A == l.B {
		f.add("links[%d] %q: both ends are %q: a link joins two nodes", i, l.Name, s.Nodes[l.A].Name)
	}
	for _, m := range []uint32{l.MetricAB, l.MetricBA} {
		if m > Unused {
			f.add("links[%d] %q: metric %d: want at most %d", i, l.Name, m, Unused)
		}
	}
	for _, c := range []int64{l.CapacityAB, l.CapacityBA} {
		if c < 1 || c > maxCapacity {
			f.add("links[%d] %q: capacity %d: want 1 to %d bits per second", i, l.Name, c, int64(maxCapacity))
		}
	}
}

func (s *Spec) validateDemands(f *faults) {
	var total uint64
	toward := make([]bool, len(s.Nodes))
	destinations := 0
	for i, d := range s.Demands {
		switch {
		case d.From < 0 || d.From >= len(s.Nodes) || d.To < 0 || d.To >= len(s.Nodes):
			f.add("demands[%d]: from %d to %d: want indices of nodes, 0 to %d", i, d.From, d.To, len(s.Nodes)-1)
		case d.From == d.To:
			f.add("demands[%d]: from %q to itself", i, s.Nodes[d.From].Name)
		case d.BPS < 0 || d.BPS > maxTotal:
			f.add("demands[%d]: from %q to %q: %d: want 0 to %d bits per second", i, s.Nodes[d.From].Name, s.Nodes[d.To].Name, d.BPS, int64(maxTotal))
		case d.BPS > 0:
			var carry uint64
			if total, carry = bits.Add64(total, uint64(d.BPS), 0); carry > 0 {
				total = 1<<64 - 1
			}
			if !toward[d.To] {
				toward[d.To] = true
				destinations++
			}
		}
	}
	if total > maxTotal {
		f.add("demands: %d bits per second in all: want at most %d", total, int64(maxTotal))
	}
	if destinations*len(s.Nodes) > maxCells {
		f.add("demands: %d destinations in a network of %d nodes: their product may be at most %d", destinations, len(s.Nodes), maxCells)
	}
}
