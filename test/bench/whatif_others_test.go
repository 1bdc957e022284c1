package bench

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/gonum/graph/path"
	"gonum.org/v1/gonum/graph/simple"

	"github.com/detour-net/detour/internal/network/whatif"
)

// The arcs of a Spec, for others: two for each link, there and back. Every link of these networks is up and none of its
// metrics special.
func arcsOf(s whatif.Spec) (arcs [][3]int) {
	for _, l := range s.Links {
		arcs = append(arcs, [3]int{l.A, l.B, int(l.MetricAB)}, [3]int{l.B, l.A, int(l.MetricBA)})
	}
	return arcs
}

// withGonum computes what st has: distances by gonum, from every destination backwards, and loads from them by next hop as
// gonum has none. Of parallel links gonum is given the best metric, for it knows one link between two nodes; the loads are
// of them all.
func withGonum(b *testing.B, s whatif.Spec, st *whatif.State) time.Duration {
	arcs := arcsOf(s)
	g := simple.NewWeightedDirectedGraph(0, math.Inf(1))
	for node := range s.Nodes {
		g.AddNode(simple.Node(node))
	}
	out := make([][]int, len(s.Nodes)) // per node, the arcs that leave it
	for i, a := range arcs {
		from, to := simple.Node(a[1]), simple.Node(a[0]) // backwards
		if e := g.WeightedEdge(from.ID(), to.ID()); e == nil || e.Weight() > float64(a[2]) {
			g.SetWeightedEdge(simple.WeightedEdge{F: from, T: to, W: float64(a[2])})
		}
		out[a[0]] = append(out[a[0]], i)
	}
	rows := rowsOf(s)
	loads := make([]float64, len(arcs))
	began := time.Now()
	for _, r := range rows {
		paths := path.DijkstraFrom(simple.Node(r.To), g)
		distance := make([]float64, len(s.Nodes))
		flow := make([]float64, len(s.Nodes))
		order := make([]int, len(s.Nodes))
		for node := range s.Nodes {
			distance[node], order[node] = paths.WeightTo(int64(node)), node
		}
		for _, d := range r.Demands {
			flow[d[0]] += float64(d[1])
		}
		slices.SortFunc(order, func(x, y int) int { return cmp.Compare(distance[y], distance[x]) })
		spread(arcs, out, r.To, order, distance, flow, loads)
	}
	took := time.Since(began)
	agree(b, "gonum", s, st, loads)
	return took
}

// spread sends the traffic at every node, farthest first, on to its next hops.
func spread(arcs [][3]int, out [][]int, to int, order []int, distance, flow, loads []float64) {
	var hops []int
	for _, node := range order {
		if node == to || flow[node] == 0 || math.IsInf(distance[node], 1) {
			continue
		}
		hops = hops[:0]
		for _, arc := range out[node] {
			if distance[arcs[arc][1]]+float64(arcs[arc][2]) == distance[node] {
				hops = append(hops, arc)
			}
		}
		for _, arc := range hops {
			share := flow[node] / float64(len(hops))
			loads[arc] += share
			flow[arcs[arc][1]] += share
		}
	}
}

// line is a destination with what is sent to it.
type line struct {
	To      int        `json:"to"`
	Demands [][2]int64 `json:"demands"` // from, bits per second
}

// rowsOf are the demands by destination.
func rowsOf(s whatif.Spec) []line {
	rows := make([]line, len(s.Nodes))
	for _, d := range s.Demands {
		rows[d.To].To = d.To
		rows[d.To].Demands = append(rows[d.To].Demands, [2]int64{int64(d.From), d.BPS})
	}
	return slices.DeleteFunc(rows, func(r line) bool { return len(r.Demands) == 0 })
}

// agree wants the loads that somebody else computed to be st's, within rounding.
func agree(b *testing.B, who string, s whatif.Spec, st *whatif.State, loads []float64) {
	for i, l := range s.Links {
		ab, ba, _ := st.Load(l.Name)
		for j, ours := range []int64{ab.BPS, ba.BPS} {
			theirs := loads[2*i+j]
			if off := math.Abs(theirs - float64(ours)); off > 2+theirs*1e-9 {
				b.Fatalf("%s has %.1f bit/s on link %s, we have %d", who, theirs, l.Name, ours)
			}
		}
	}
}

// withBoost has the Boost Graph Library compute the same loads, and returns the time; 0, with a note, where that or a compiler is
// missing.
func withBoost(b *testing.B, s whatif.Spec, st *whatif.State) (took time.Duration, note string) {
	binary := filepath.Join(b.TempDir(), "boost")
	if exec.CommandContext(b.Context(), "sh", "-c", "echo '#include <boost/graph/dijkstra_shortest_paths.hpp>' | g++ -x c++ -fsyntax-only -").Run() != nil {
		return 0, "not installed"
	}
	if out, err := exec.CommandContext(b.Context(), "g++", "-O2", "-o", binary, "testdata/boost_loads.cc").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	var task bytes.Buffer
	arcs, rows := arcsOf(s), rowsOf(s)
	fmt.Fprintln(&task, len(s.Nodes), len(arcs), len(rows))
	for _, a := range arcs {
		fmt.Fprintln(&task, a[0], a[1], a[2])
	}
	for _, r := range rows {
		fmt.Fprintln(&task, r.To, len(r.Demands))
		for _, d := range r.Demands {
			fmt.Fprintln(&task, d[0], d[1])
		}
	}
	cmd := exec.CommandContext(b.Context(), binary)
	cmd.Stdin = &task
	out, err := cmd.Output()
	if err != nil {
		b.Fatal(err)
	}
	numbers := make([]float64, 0, len(arcs)+1)
	for word := range strings.FieldsSeq(string(out)) {
		x, err := strconv.ParseFloat(word, 64)
		if err != nil {
			b.Fatal(err)
		}
		numbers = append(numbers, x)
	}
	if len(numbers) != len(arcs)+1 {
		b.Fatalf("%d numbers for %d arcs", len(numbers), len(arcs))
	}
	agree(b, "Boost", s, st, numbers[1:])
	return time.Duration(numbers[0] * float64(time.Second)), ""
}

// networkxRows is how many destinations networkx is given at most; the time for all is reckoned from these.
const networkxRows = 50

// withNetworkx has networkx compute the same loads, of some destinations when there are many, and returns the time for all,
// 0 when it is not known; a note says what that comes of.
func withNetworkx(b *testing.B, s whatif.Spec) (took time.Duration, note string) {
	rows := rowsOf(s)
	every := (len(rows) + networkxRows - 1) / networkxRows
	sample := whatif.Spec{Nodes: s.Nodes, Links: s.Links}
	var picked []line
	for i := 0; i < len(rows); i += every {
		picked = append(picked, rows[i])
		for _, d := range rows[i].Demands {
			sample.Demands = append(sample.Demands, whatif.Demand{From: int(d[0]), To: rows[i].To, BPS: d[1]})
		}
	}
	task, err := json.Marshal(map[string]any{"nodes": len(s.Nodes), "arcs": arcsOf(s), "rows": picked})
	if err != nil {
		b.Fatal(err)
	}
	if exec.CommandContext(b.Context(), "python3", "-c", "import networkx").Run() != nil {
		return 0, "not installed"
	}
	cmd := exec.CommandContext(b.Context(), "python3", "testdata/networkx_loads.py")
	cmd.Stdin = bytes.NewReader(task)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		b.Fatal(err)
	}
	var answer struct {
		Seconds float64
		Loads   []float64
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		b.Fatal(err)
	}
	n, err := whatif.New(sample)
	if err != nil {
		b.Fatal(err)
	}
	agree(b, "networkx", s, n.Solve(), answer.Loads)
	if len(picked) < len(rows) {
		note = fmt.Sprintf("reckoned from %d of %d destinations", len(picked), len(rows))
	}
	return time.Duration(answer.Seconds * float64(len(rows)) / float64(len(picked)) * float64(time.Second)), note
}
