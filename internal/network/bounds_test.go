package network

import (
	"fmt"
	"strings"
	"testing"
)

// ringOf is a ring of so many routers with so many links between each and the next.
func ringOf(routers, parallel int) *Topology {
	t := &Topology{}
	for i := range routers {
		t.Routers = append(t.Routers, Router{Name: fmt.Sprintf("r%d", i)})
	}
	for i := range routers {
		next := (i + 1) % routers
		for p := range parallel {
			t.Links = append(t.Links, Link{
				Name: fmt.Sprintf("r%d-r%d-%d", i, next, p), Capacity: 1,
				A: End{Device: fmt.Sprintf("r%d", i), Interface: fmt.Sprintf("out%d", p)}, B: End{Device: fmt.Sprintf("r%d", next), Interface: fmt.Sprintf("in%d", p)},
			})
		}
	}
	return t
}

// TestBounds holds networks as large as may be, and larger by one, against what is taken.
func TestBounds(t *testing.T) {
	for name, tt := range map[string]struct {
		t    *Topology
		want string
	}{
		"all routers and links":  {ringOf(maxRouters, maxLinks/maxRouters), ""},
		"a router more":          {ringOf(maxRouters+1, 1), "routers[10000]: 10001 routers: at most 10000 are taken"},
		"links beyond":           {ringOf(maxRouters, maxLinks/maxRouters+1), "links[40000]: 50000 links: at most 40000 are taken"},
		"all parallel links":     {ringOf(3, maxParallel), ""},
		"a parallel link more":   {ringOf(3, maxParallel+1), "links[256]: link \"r0-r1-256\": more than 256 links between r0 and r1"},
		"counted from both ends": {ringOf(2, maxParallel/2+1), "links[256]: link \"r1-r0-127\": more than 256 links between r0 and r1"},
	} {
		t.Run(name, func(t *testing.T) {
			err := tt.t.Validate()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("err = %.300v, want %q", err, tt.want)
			}
			if err != nil && strings.Count(err.Error(), "\n") > 2 {
				t.Errorf("it complains of more than is wrong: %.1000v", err)
			}
		})
	}
}

// TestBoundsHaveAPlace names the line of what is too much, in either format.
func TestBoundsHaveAPlace(t *testing.T) {
	var links, edges strings.Builder
	links.WriteString("links:\n")
	edges.WriteString("graph [ node [ id 0 label \"a\" ] node [ id 1 label \"b\" ]\n")
	for i := range maxParallel + 1 {
		fmt.Fprintf(&links, "  - {name: l%d, a: {device: a, interface: e%d}, b: {device: b, interface: e%d}, capacity_bps: 1}\n", i, i, i)
		fmt.Fprintf(&edges, "edge [ source %d target %d ]\n", i%2, 1-i%2)
	}
	_, err := ParseTopology("t.yaml", []byte(links.String()), []Router{{Name: "a"}, {Name: "b"}})
	if want := `t.yaml:258:5: links[256]: link "l256": more than 256 links between a and b`; err == nil || !strings.HasPrefix(err.Error(), want+"\n") {
		t.Errorf("err = %v, want %s", err, want)
	}
	for name, tt := range map[string]struct {
		parse func(raw []byte) error
		list  string
		most  int
		want  string
	}{
		"routers": {func(raw []byte) error { _, err := ParseInventory("i.yaml", raw); return err }, "routers", maxRouters, "i.yaml:10002:5: routers[10000]: 10001 routers: at most 10000 are taken"},
		"links":   {func(raw []byte) error { _, err := ParseTopology("t.yaml", raw, nil); return err }, "links", maxLinks, "t.yaml:40002:5: links[40000]: 40001 links: at most 40000 are taken"},
	} {
		list := tt.list + ":\n" + strings.Repeat("  - {name: x, address: \"x:1\"}\n", tt.most+1)
		if tt.list == "links" {
			list = tt.list + ":\n" + strings.Repeat("  - {name: x}\n", tt.most+1)
		}
		if err := tt.parse([]byte(list)); err == nil || !strings.HasPrefix(err.Error(), tt.want) || strings.Count(err.Error(), "\n") > 2 {
			t.Errorf("%s: err = %.300v, want %s", name, err, tt.want)
		}
	}
	_, _, err = ReadGML("x.gml", strings.NewReader(edges.String()+"]"))
	if want := "x.gml:258: edge: more than 256 between a and b"; err == nil || err.Error() != want {
		t.Errorf("err = %v, want %s", err, want)
	}
}

// TestManyOfOneName reads as many nodes as may be, all with one label.
func TestManyOfOneName(t *testing.T) {
	var text strings.Builder
	text.WriteString("graph [\n")
	for i := range maxRouters {
		fmt.Fprintf(&text, "node [ id %d label \"a\" ]\n", i)
	}
	topo, _, err := ReadGML("x.gml", strings.NewReader(text.String()+"edge [ source 0 target 9999 ] ]"))
	if err != nil {
		t.Fatal(err)
	}
	if first, last := topo.Routers[1].Name, topo.Routers[maxRouters-1].Name; first != "a-2" || last != "a-10000" || topo.Links[0].Name != "a--a-10000" {
		t.Errorf("the second is named %q, the last %q, their link %q", first, last, topo.Links[0].Name)
	}
}
