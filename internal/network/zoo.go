package network

import (
	"fmt"
	"html"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// What is taken where a GML file is silent.
const (
	unknownSpeed    = 10_000_000_000 // bits per second
	unknownDistance = 100            // kilometres, as a metric
)

// Roles of routers that come from GML.
const (
	RoleHyperedge = "hyperedge" // no router but a segment that several share; it sends and takes no traffic
	RoleExternal  = "external"  // belongs to a neighbour
)

// LoadGML reads a GML file with ReadGML.
func LoadGML(path string) (*Topology, []string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read GML: %w", err)
	}
	defer f.Close()
	return ReadGML(filepath.Base(path), f)
}

// ReadGML reads a network in GML as the Internet Topology Zoo writes it: an undirected graph, possibly with parallel
// edges. Such files have neither metrics nor, mostly, capacities; these are derived:
//
//   - A router is named by its label in lower case, every run of anything but a-z and 0-9 as one "-", at most 22 bytes;
//     without a label, or with the label "None", "node-" and its id. Who comes later with the same name gets "-2", "-3"
//     and so on.
//   - A link is named by its routers, source first, as in "denver--kansas-city", the next parallel one
//     "denver--kansas-city--2". Interfaces are ethernet-1/1, ethernet-1/2 and so on, in the order of a router's edges.
//   - The metric in both directions is the great-circle distance in whole kilometres, at least 1; 100 when one of the
//     two nodes has no coordinates.
//   - The capacity is LinkSpeedRaw (bit/s), else LinkSpeed with LinkSpeedUnits (K, M or G), else 10 Gb/s.
//   - Nodes marked "hyperedge 1" or "Internal 0" get the role RoleHyperedge or RoleExternal.
//
// An edge from a node to itself carries nothing and is left out. The notes say how often which of these was done. The
// file is read as a stream of at most 64 MiB, 10,000 nodes and 40,000 edges, 256 of them between the same two nodes; name
// stands in messages, which give the line.
func ReadGML(name string, r io.Reader) (*Topology, []string, error) {
	graph, err := readGML(name, r,
		[]string{"id", "label", "Longitude", "Latitude", "hyperedge", "Internal"},
		[]string{"source", "target", "LinkSpeed", "LinkSpeedUnits", "LinkSpeedRaw"})
	if err != nil {
		return nil, nil, err
	}
	z := &zoo{
		name: name, t: &Topology{}, nodes: map[int64]zooNode{},
		taken: map[string]bool{}, links: map[string]bool{}, ports: map[string]int{}, numbered: map[string]int{}, between: map[[2]string]int{},
	}
	if graph.directed {
		return nil, nil, fmt.Errorf("%s: the graph is directed: an edge here is a link in both directions", name)
	}
	for _, n := range graph.nodes {
		if err := z.node(n); err != nil {
			return nil, nil, err
		}
	}
	for _, e := range graph.edges {
		if err := z.edge(e); err != nil {
			return nil, nil, err
		}
	}
	if len(z.t.Links) == 0 {
		return nil, nil, fmt.Errorf("%s: %d nodes and no link between them", name, len(z.t.Routers))
	}
	if err := z.t.Validate(); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return z.t, z.notes(), nil
}

// zoo turns nodes and edges into routers and links.
type zoo struct {
	name  string
	t     *Topology
	nodes map[int64]zooNode
	taken map[string]bool // routers' names
	links map[string]bool // links' names
	ports map[string]int  // by router, how many it has

	numbered map[string]int    // names that were taken -> the last number given to one more
	between  map[[2]string]int // two routers in order -> links

	loops                               []string
	renamed, unplaced, unmeasured, slow int
	hyperedges, external                int
}

type zooNode struct {
	router string
	line   int
	placed bool
	lat    float64
	lon    float64
}

func (z *zoo) bad(line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: "+format, append([]any{z.name, line}, args...)...)
}

func (z *zoo) node(n gmlRecord) error {
	id, err := strconv.ParseInt(n.values["id"], 10, 64)
	if err != nil {
		return z.bad(n.line, "node: id %.80q: want a whole number", n.values["id"])
	}
	if other, twice := z.nodes[id]; twice {
		return z.bad(n.line, "node: id %d is given twice, first on line %d", id, other.line)
	}
	node := zooNode{line: n.line, router: z.routerName(id, n.values["label"])}
	lat, lon := n.values["Latitude"], n.values["Longitude"]
	if node.placed = lat != "" && lon != ""; node.placed {
		if node.lat, err = degrees(lat, 90); err != nil {
			return z.bad(n.line, "node %d: Latitude %w", id, err)
		}
		if node.lon, err = degrees(lon, 180); err != nil {
			return z.bad(n.line, "node %d: Longitude %w", id, err)
		}
	} else {
		z.unplaced++
	}
	router := Router{Name: node.router, Latitude: node.lat, Longitude: node.lon}
	if n.values["hyperedge"] == "1" {
		router.Roles = append(router.Roles, RoleHyperedge)
		z.hyperedges++
	}
	if n.values["Internal"] == "0" {
		router.Roles = append(router.Roles, RoleExternal)
		z.external++
	}
	z.nodes[id] = node
	z.t.Routers = append(z.t.Routers, router)
	return nil
}

func degrees(text string, most float64) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(math.Abs(v) <= most) {
		return 0, fmt.Errorf("%.80q: want -%v to %v degrees", text, most, most)
	}
	return v, nil
}

// routerName makes a label a name that no router has yet.
func (z *zoo) routerName(id int64, label string) string {
	const most = 22 // with its number; two of them, what stands between and a number fit a link's name
	base := slug(label)
	if len(base) > most {
		base = strings.TrimRight(base[:most], "-")
	}
	if base == "" || label == "None" || reserved(base+"-") {
		base = fmt.Sprintf("node-%d", id)
	}
	name := z.free(base, "-", z.taken)
	if name != slug(label) {
		z.renamed++
	}
	z.taken[name] = true
	return name
}

// free is a name that nobody has yet: base, or base with the next number.
func (z *zoo) free(base, before string, taken map[string]bool) string {
	name := base
	for taken[name] {
		z.numbered[base]++
		name = fmt.Sprintf("%s%s%d", base, before, z.numbered[base]+1)
	}
	return name
}

// slug is a label as a name: lower case, and what is neither a letter nor a digit of ASCII is a dash.
func slug(label string) string {
	words := strings.FieldsFunc(strings.ToLower(html.UnescapeString(label)), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return strings.Join(words, "-")
}

func (z *zoo) edge(e gmlRecord) error {
	var ends [2]zooNode
	for i, key := range []string{"source", "target"} {
		id, err := strconv.ParseInt(e.values[key], 10, 64)
		if err != nil {
			return z.bad(e.line, "edge: %s %.80q: want a node's id", key, e.values[key])
		}
		known := false
		if ends[i], known = z.nodes[id]; !known {
			return z.bad(e.line, "edge: %s %d is no node of this graph", key, id)
		}
	}
	a, b := ends[0], ends[1]
	if a.router == b.router {
		z.loops = append(z.loops, fmt.Sprintf("%s:%d: the edge from %s to itself is left out", z.name, e.line, a.router))
		return nil
	}
	pair := [2]string{min(a.router, b.router), max(a.router, b.router)}
	if z.between[pair]++; z.between[pair] > maxParallel {
		return z.bad(e.line, "edge: more than %d between %s and %s", maxParallel, pair[0], pair[1])
	}
	capacity, err := z.speed(e)
	if err != nil {
		return err
	}
	metric := uint32(unknownDistance)
	if a.placed && b.placed {
		metric = uint32(max(1, math.Round(kilometres(a, b))))
	} else {
		z.unmeasured++
	}
	z.t.Links = append(z.t.Links, Link{
		Name: z.linkName(a.router, b.router), A: z.end(a.router, metric), B: z.end(b.router, metric), Capacity: capacity,
	})
	return nil
}

func (z *zoo) end(router string, metric uint32) End {
	z.ports[router]++
	return End{Device: router, Interface: fmt.Sprintf("ethernet-1/%d", z.ports[router]), Metric: metric}
}

// linkName is a name that no link has yet. Parallel edges may be written from either side.
func (z *zoo) linkName(a, b string) string {
	base := a + "--" + b
	if z.links[b+"--"+a] {
		base = b + "--" + a
	}
	name := z.free(base, "--", z.links)
	z.links[name] = true
	return name
}

func (z *zoo) speed(e gmlRecord) (int64, error) {
	units := map[string]float64{"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
	text, scale := e.values["LinkSpeedRaw"], 1.0
	if unit, ok := units[e.values["LinkSpeedUnits"]]; ok && text == "" {
		text, scale = e.values["LinkSpeed"], unit
	}
	if text == "" {
		z.slow++
		return unknownSpeed, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if bps := math.Round(v * scale); err == nil && bps >= 1 && bps <= maxCapacity {
		return int64(bps), nil
	}
	return 0, z.bad(e.line, "edge: speed %.80q: want 1 to %d bits per second", text, int64(maxCapacity))
}

// notes say what was derived and left out.
func (z *zoo) notes() []string {
	notes := []string{"metrics are derived: great-circle distances in kilometres"}
	count := func(n int, format string, args ...any) {
		if n > 0 {
			notes = append(notes, fmt.Sprintf(format, args...))
		}
	}
	routers, links := len(z.t.Routers), len(z.t.Links)
	count(z.unmeasured, "%d of %d nodes have no coordinates: %d links have metric %d", z.unplaced, routers, z.unmeasured, unknownDistance)
	count(z.slow, "%d of %d links have no speed: %d Gb/s each", z.slow, links, unknownSpeed/1_000_000_000)
	count(z.renamed, "%d of %d nodes have no label, a long one or one that occurs twice: named anew", z.renamed, routers)
	count(z.hyperedges, "%d of %d nodes are shared segments, not routers (role %s)", z.hyperedges, routers, RoleHyperedge)
	count(z.external, "%d of %d nodes belong to neighbours (role %s)", z.external, routers, RoleExternal)
	const most = 20
	notes = append(notes, z.loops[:min(most, len(z.loops))]...)
	count(len(z.loops)-most, "%s: and %d more edges from a node to itself", z.name, len(z.loops)-most)
	return notes
}

// kilometres is the great-circle distance of two nodes, by the haversine formula on a sphere of the earth's mean radius.
func kilometres(a, b zooNode) float64 {
	const radius, degree = 6371.0088, math.Pi / 180
	haversine := func(angle float64) float64 { return math.Pow(math.Sin(angle/2), 2) }
	h := haversine((b.lat-a.lat)*degree) + math.Cos(a.lat*degree)*math.Cos(b.lat*degree)*haversine((b.lon-a.lon)*degree)
	return 2 * radius * math.Asin(math.Sqrt(min(1, h)))
}
