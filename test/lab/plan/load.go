package plan

import (
	"fmt"
	"os"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/detour-net/detour/internal/network"
)

// Load reads a topology file as Detour has it, whose routers are those that its links name: a lab needs no inventory of
// them, since it gives out addresses and certificates itself.
func Load(path string) (*network.Topology, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read topology: %w", err)
	}
	var named struct {
		Links []struct{ A, B struct{ Device string } }
	}
	// What else is wrong with the file is said below, with its line.
	_ = yaml.Unmarshal(raw, &named)
	var routers []network.Router
	for _, l := range named.Links {
		for _, name := range []string{l.A.Device, l.B.Device} {
			if name != "" && !slices.ContainsFunc(routers, func(r network.Router) bool { return r.Name == name }) {
				routers = append(routers, network.Router{Name: name})
			}
		}
	}
	return network.ParseTopology(path, raw, routers)
}
