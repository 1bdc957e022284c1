package network

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/detour-net/detour/internal/config/bounded"
	"github.com/detour-net/detour/internal/config/strict"
)

// Load reads the inventory and the topology file and returns the network that they describe. Paths in the inventory are
// relative to it; in the result they are absolute.
func Load(inventory, topology string) (*Topology, error) {
	routers, err := LoadInventory(inventory)
	if err != nil {
		return nil, err
	}
	return LoadTopology(topology, routers)
}

// LoadInventory reads the routers of an inventory file.
func LoadInventory(path string) ([]Router, error) {
	raw, err := bounded.ReadFile(path, strict.MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("read inventory: %w", err)
	}
	routers, err := ParseInventory(path, raw)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("read inventory: %w", err)
	}
	for i := range routers {
		routers[i].resolve(dir)
	}
	return routers, nil
}

// LoadTopology reads the links of a topology file between the given routers.
func LoadTopology(path string, routers []Router) (*Topology, error) {
	raw, err := bounded.ReadFile(path, strict.MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("read topology: %w", err)
	}
	return ParseTopology(path, raw, routers)
}

// ParseInventory reads an inventory: "routers", a list of Router. Every router needs an address. name stands in messages,
// which give line and column.
func ParseInventory(name string, raw []byte) ([]Router, error) {
	var f struct {
		Routers []Router `yaml:"routers"`
	}
	doc, err := strict.Read(name, raw, &f)
	if err != nil {
		return nil, err
	}
	if len(f.Routers) == 0 {
		doc.Bad("routers", "is missing or empty: list the routers with name and address")
	}
	t := Topology{Routers: f.Routers}
	for _, c := range t.complaints() {
		doc.Bad(c.path, "%s", c.text)
	}
	for i, r := range f.Routers {
		if r.Address == "" {
			doc.Bad(fmt.Sprintf("routers[%d]", i), "router %q: address is missing; want host:port of its gNMI server", r.Name)
		}
	}
	return f.Routers, doc.Err()
}

// ParseTopology reads a topology: "links", a list of Link, between the given routers, and optionally "srlgs", a list of
// SRLG, and "ipv6_permil". Once there is a list of groups, every group that a link names must be on it. name stands in
// messages, which give line and column.
func ParseTopology(name string, raw []byte, routers []Router) (*Topology, error) {
	var f struct {
		Links []Link `yaml:"links"`
		SRLGs []SRLG `yaml:"srlgs"`
		IPv6  *int   `yaml:"ipv6_permil"`
	}
	doc, err := strict.Read(name, raw, &f)
	if err != nil {
		return nil, err
	}
	if len(f.Links) == 0 {
		doc.Bad("links", "is missing or empty: list the links with name, a, b and capacity_bps")
	}
	t := &Topology{Routers: routers, Links: f.Links, SRLGs: f.SRLGs, IPv6Permil: f.IPv6}
	for _, c := range t.complaints() {
		doc.Bad(c.path, "%s", c.text)
	}
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return t, nil
}

// Describe returns an inventory and a topology as ParseInventory and ParseTopology read them. Of a router without edge ports it
// says nothing about them, as of one whose edge ports are not known.
func Describe(routers []Router, links []Link) (inventory, topology []byte, err error) {
	inventory, err = strict.Write(map[string][]Router{"routers": routers})
	if err != nil {
		return nil, nil, err
	}
	topology, err = strict.Write(map[string][]Link{"links": links})
	return inventory, topology, err
}

// resolve makes the router's file paths independent of where the inventory lies.
func (r *Router) resolve(dir string) {
	for _, p := range []*string{&r.TLS.CA, &r.TLS.Cert, &r.TLS.Key} {
		*p = from(dir, *p)
	}
	if path, ok := strings.CutPrefix(r.Credentials.Password, "file:"); ok {
		r.Credentials.Password = "file:" + from(dir, path)
	}
}

func from(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
