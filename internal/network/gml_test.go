package network

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

func TestReadGML(t *testing.T) {
	const in = `# made by hand
Creator "someone [ with # brackets"
graph [ directed 0 multigraph 1
  label "A &amp; B"
  node [ id 7 label "New York" Latitude 40.71427 Longitude -74.00597 graphics [ x 1.5 y [ z -2E3 ] ] ]
  node [ id -1 label "Chicago" Longitude -87.65005
    Latitude 41.85003 ] edge [ source 7 target -1 key 0 LinkSpeedRaw 2500000000.0 ]
  node [ id 3 label "None" hyperedge 1 ]
  node [ label "new york!" id 4 Internal 0 Latitude 40.71427 Longitude -74.00597 ]
  node [ id 5 label "A label of many words, which is too long" ]
  edge [ target 7 source -1 LinkSpeed "155" LinkSpeedUnits "M" ]
  edge [ source 7 target 3 LinkSpeed "<2" ]
  edge [ source 7 target 4 ]
  edge [ source 3 target 3 ]
  edge [ source 5 target 7 ]
]`
	got, notes, err := ReadGML("x.gml", strings.NewReader(in))
	if err != nil {
		t.Fatal(err)
	}
	const ny, chi = "new-york", "chicago"
	end := func(router string, port int, metric uint32) End {
		return End{Device: router, Interface: fmt.Sprintf("ethernet-1/%d", port), Metric: metric}
	}
	want := &Topology{
		Routers: []Router{
			{Name: ny, Latitude: 40.71427, Longitude: -74.00597},
			{Name: chi, Latitude: 41.85003, Longitude: -87.65005},
			{Name: "node-3", Roles: []string{RoleHyperedge}},
			{Name: "new-york-2", Latitude: 40.71427, Longitude: -74.00597, Roles: []string{RoleExternal}},
			{Name: "a-label-of-many-words"},
		},
		Links: []Link{
			{Name: "new-york--chicago", A: end(ny, 1, 1146), B: end(chi, 1, 1146), Capacity: 2_500_000_000},
			{Name: "new-york--chicago--2", A: end(chi, 2, 1146), B: end(ny, 2, 1146), Capacity: 155_000_000},
			{Name: "new-york--node-3", A: end(ny, 3, 100), B: end("node-3", 1, 100), Capacity: 10_000_000_000},
			{Name: "new-york--new-york-2", A: end(ny, 4, 1), B: end("new-york-2", 1, 1), Capacity: 10_000_000_000},
			{Name: "a-label-of-many-words--new-york", A: end("a-label-of-many-words", 1, 100), B: end(ny, 5, 100), Capacity: 10_000_000_000},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("topology (-want +got):\n%s", diff)
	}
	wantNotes := []string{
		"metrics are derived: great-circle distances in kilometres",
		"2 of 5 nodes have no coordinates: 2 links have metric 100",
		"3 of 5 links have no speed: 10 Gb/s each",
		"3 of 5 nodes have no label, a long one or one that occurs twice: named anew",
		"1 of 5 nodes are shared segments, not routers (role hyperedge)",
		"1 of 5 nodes belong to neighbours (role external)",
		"x.gml:14: the edge from node-3 to itself is left out",
	}
	if diff := cmp.Diff(wantNotes, notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

func TestReadGMLNames(t *testing.T) {
	tests := []struct {
		labels []string // %q of GML
		want   []string
	}{
		{[]string{"x", "X", "x!"}, []string{"x", "x-2", "x-3"}},
		{[]string{"x", "x-2", "x"}, []string{"x", "x-2", "x-3"}},
		{[]string{"", "None", "--"}, []string{"node-0", "node-1", "node-2"}},
		{[]string{"node 1", "None"}, []string{"node-1", "node-1-2"}},
		{[]string{"device", "Other site", "devices"}, []string{"node-0", "node-1", "devices"}},
		{[]string{"Z&#252;rich", "C&NLMAN"}, []string{"z-rich", "c-nlman"}},
		{[]string{"exactly 22 bytes long ", "exactly 22 bytes long!", "a dash where it is cut off"}, []string{"exactly-22-bytes-long", "exactly-22-bytes-long-2", "a-dash-where-it-is-cut"}},
	}
	for _, tt := range tests {
		var text strings.Builder
		text.WriteString("graph [\n")
		for i, label := range tt.labels {
			fmt.Fprintf(&text, "node [ id %d label \"%s\" ]\n", i, label)
		}
		text.WriteString("edge [ source 0 target 1 ] ]")
		topo, _, err := ReadGML("x", strings.NewReader(text.String()))
		if err != nil {
			t.Errorf("%q: %v", tt.labels, err)
			continue
		}
		var got []string
		for _, r := range topo.Routers {
			got = append(got, r.Name)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%q are named %q, want %q", tt.labels, got, tt.want)
		}
	}
}

func TestReadGMLRefuses(t *testing.T) {
	const nodes = "graph [ node [ id 0 ] node [ id 1 ]\n"
	tests := []struct{ name, in, want string }{
		{"no text", "", "x.gml:1: no graph in this file"},
		{"no graph", "Creator \"x\"\n\n", "x.gml:3: no graph in this file"},
		{"two graphs", nodes + "edge [ source 0 target 1 ] ] graph [ ]", "x.gml:2: want one graph"},
		{"a graph that is no list", "graph 1", "x.gml:1: want one graph, in brackets"},
		{"no nodes", "graph [ ]", "x.gml: 0 nodes and no link"},
		{"no edges", nodes + "]", "x.gml: 2 nodes and no link between them"},
		{"edges to themselves alone", nodes + "edge [ source 0 target 0 ] ]", "2 nodes and no link"},
		{"directed", "graph [ directed 1 ]", "the graph is directed"},
		{"an open list", "graph [\n node [ id 0", "x.gml:2: the file ends inside a list: a ] is missing"},
		{"a list closed twice", nodes + "edge [ source 0 target 1 ] ] ]", "x.gml:2: a ] without its ["},
		{"an open text", "Creator \"a\nb\n", "x.gml:1: a text without its closing quote"},
		{"a value without a key", "graph [ 5 ]", `x.gml:1: want a key, found "5"`},
		{"a key without a value", "graph [ id ]", `x.gml:1: id: want a number, a text in quotes or a list in brackets, found "]"`},
		{"a key at the end", "graph", "graph: want a number, a text"},
		{"a word as a value", "graph [ id NAN ]", `id: want a number, a text in quotes or a list in brackets, found "NAN"`},
		{"another character", "graph { }", `x.gml:1: '{': want a key`},
		{"XML", "<gml>", `'<': want a key`},
		{"too deep", strings.Repeat("a [ ", 17), "x.gml:1: nested deeper than 16 levels"},
		{"a long word", strings.Repeat("a", 257), "x.gml:1: a word of more than 256 bytes"},
		{"a long text", `Creator "` + strings.Repeat("a", 1<<16+1), "x.gml:1: a text of more than 65536 bytes"},
		{"a node that is no list", "graph [ node 1 ]", "x.gml:1: want the node's values in brackets"},
		{"a node without an id", "graph [\nnode [ label \"x\" ] ]", `x.gml:2: node: id "": want a whole number`},
		{"an id that is no number", "graph [ node [ id 1.5 ] ]", `node: id "1.5": want a whole number`},
		{"an id twice", "graph [ node [ id 1 ]\nnode [ id 01 ] ]", "x.gml:2: node: id 1 is given twice, first on line 1"},
		{"two ids", "graph [ node [ id 1 id 2 ] ]", "x.gml:1: id: want one value, given once"},
		{"a list as an id", "graph [ node [ id [ ] ] ]", "id: want one value"},
		{"a latitude", "graph [ node [ id 1 Latitude 90.1 Longitude 0 ] ]", `x.gml:1: node 1: Latitude "90.1": want -90 to 90 degrees`},
		{"a longitude", "graph [ node [ id 1 Latitude 0 Longitude \"NaN\" ] ]", `Longitude "NaN": want -180 to 180 degrees`},
		{"an edge without a target", nodes + "edge [ source 0 ] ]", `x.gml:2: edge: target "": want a node's id`},
		{"an edge to nowhere", nodes + "edge [ source 0 target 2 ] ]", "x.gml:2: edge: target 2 is no node of this graph"},
		{"no speed at all", nodes + "edge [ source 0 target 1 LinkSpeedRaw 0.0 ] ]", `x.gml:2: edge: speed "0.0": want 1 to 1125899906842624 bits per second`},
		{"a negative speed", nodes + "edge [ source 0 target 1 LinkSpeedRaw -1 ] ]", `speed "-1": want`},
		{"a speed that is none", nodes + "edge [ source 0 target 1 LinkSpeedRaw \"NaN\" ] ]", `speed "NaN": want`},
		{"a speed beyond belief", nodes + "edge [ source 0 target 1 LinkSpeedRaw 1e99 ] ]", `speed "1e99": want`},
		{"a speed in words", nodes + "edge [ source 0 target 1 LinkSpeed \"<2\" LinkSpeedUnits \"G\" ] ]", `speed "<2": want`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			topo, _, err := ReadGML("x.gml", strings.NewReader(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
			if topo != nil {
				t.Error("a topology beside the error")
			}
		})
	}
	if _, _, err := ReadGML("x.gml", strings.NewReader(strings.Repeat("a [ ", 15)+strings.Repeat("] ", 15))); err == nil || !strings.Contains(err.Error(), "no graph") {
		t.Errorf("16 levels: err = %v", err)
	}
	if _, _, err := ReadGML("x.gml", io.MultiReader(strings.NewReader("graph [\n"), failing{})); err == nil || !strings.Contains(err.Error(), "x.gml:2: read: disk on fire") {
		t.Errorf("err = %v", err)
	}
}

// TestReadGMLIsBounded: a file without end is refused after what a file may have.
func TestReadGMLIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 64 MiB")
	}
	for _, tt := range []struct {
		in   *endless
		want string
		read int // bytes at most
	}{
		{&endless{line: "# no end"}, "x:1: more than 64 MiB", 65 << 20},
		{&endless{header: "graph [ ", line: "node [ ]\n"}, "x:10001: more than 10000 nodes", 1 << 20},
		{&endless{header: "graph [ ", line: "edge [ ]\n"}, "x:40001: more than 40000 edges", 1 << 20},
		{&endless{header: "graph ", line: "[ x "}, "x:1: nested deeper than 16 levels", 1 << 20},
	} {
		_, _, err := ReadGML("x", tt.in)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("err = %v, want %q", err, tt.want)
		}
		if tt.in.read > tt.read {
			t.Errorf("%q: %d bytes were read, at most %d are needed", tt.want, tt.in.read, tt.read)
		}
	}
}

// TestReadGMLListsAFewLoops: notes stay short.
func TestReadGMLListsAFewLoops(t *testing.T) {
	text := "graph [ node [ id 0 ] node [ id 1 ] edge [ source 0 target 1 ]" + strings.Repeat("edge [ source 1 target 1 ]", 25) + "]"
	_, notes, err := ReadGML("x", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if last := notes[len(notes)-1]; last != "x: and 5 more edges from a node to itself" || len(notes) > 25 {
		t.Errorf("%d notes, the last is %q", len(notes), last)
	}
}

// FuzzReadGML: no text makes reading panic; what is taken is consistent, has names fit for the bus, and traffic can be
// made for it.
func FuzzReadGML(f *testing.F) {
	f.Add("graph [ node [ id 0 label \"a\" Latitude 1.5 Longitude -2 ] node [ id 1 ] edge [ source 0 target 1 LinkSpeedRaw 1e9 ] ]")
	f.Add("# x\nCreator \"y\" graph [ directed 0 node [ id 0 hyperedge 1 ] node [ id 1 label \"None\" ] edge [ source 1 target 0 ] edge [ source 0 target 1 ] edge [ source 0 target 0 ] ]")
	f.Add("graph [ graph [ ] ] ] \"")
	f.Fuzz(func(t *testing.T, text string) {
		topo, notes, err := ReadGML("x", strings.NewReader(text))
		if err != nil {
			return
		}
		if err := topo.Validate(); err != nil {
			t.Fatalf("read, and not consistent: %v", err)
		}
		if len(notes) > 30 {
			t.Errorf("%d notes", len(notes))
		}
		for _, r := range topo.Routers {
			if events.Token(r.Name) != r.Name {
				t.Errorf("router %q", r.Name)
			}
		}
		for _, l := range topo.Links {
			if events.Token(l.Name) != l.Name || l.A.Metric < 1 || l.A.Metric != l.B.Metric {
				t.Errorf("link %+v", l)
			}
		}
		if len(topo.Routers) > 100 {
			return
		}
		m, err := Gravity(topo, topo.Capacity())
		if err == nil && (m.Total() > topo.Capacity() || m.Total() < 1) {
			t.Errorf("%d bits per second were asked for, and %d made", topo.Capacity(), m.Total())
		}
	})
}
