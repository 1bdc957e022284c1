//go:build linux

package live

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/test/lab/testbed"
)

// TestDiscovered makes the topology of what the agents tell alone, how fast the links are included: it has the links that
// the lab was made with, but for parallel ones, which FRR does not tell apart, and differs from it in nothing.
func TestDiscovered(t *testing.T) {
	needLab(t)
	bed := ground.take(t)
	inventory, configured := filepath.Join(bed.Dir, testbed.FileInventory), filepath.Join(bed.Dir, testbed.FileTopology)
	got := run(t, binary(t, "detour"), "topology", "discover", "--inventory", inventory)
	if got.code != 0 {
		t.Fatalf("discover exits with %d:\n%s%s", got.code, got.out, got.err)
	}
	made := filepath.Join(t.TempDir(), "topology.yaml")
	if err := os.WriteFile(made, []byte(got.out), 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := network.Load(inventory, made)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ends(bed.Topology), ends(found)); diff != "" {
		t.Errorf("links (-made +found):\n%s", diff)
	}
	if got := run(t, binary(t, "detour"), "topology", "discover", "--inventory", inventory, "--topology", configured); got.code != 0 {
		t.Errorf("discover exits with %d:\n%s%s", got.code, got.out, got.err)
	}
}

// ends are the links of a topology that have no parallel one, by their ends, each with its capacity in bits per second.
func ends(t *network.Topology) map[[2]string]int64 {
	links, between := map[[2]string]int64{}, map[[2]string]int{}
	pair := func(l network.Link) [2]string {
		return [2]string{min(l.A.Device, l.B.Device), max(l.A.Device, l.B.Device)}
	}
	for _, l := range t.Links {
		between[pair(l)]++
	}
	for _, l := range t.Links {
		if between[pair(l)] > 1 {
			continue
		}
		a, b := l.A.Device+" "+l.A.Interface, l.B.Device+" "+l.B.Interface
		links[[2]string{min(a, b), max(a, b)}] = l.Capacity
	}
	return links
}
