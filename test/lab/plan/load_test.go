package plan

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLoadRing lays out the network that stands among the deployments.
func TestLoadRing(t *testing.T) {
	topology, err := Load("../../../deployments/lab/ring.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range topology.Routers {
		names = append(names, r.Name)
	}
	if diff := cmp.Diff([]string{"r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8"}, names); diff != "" {
		t.Errorf("routers (-want +got):\n%s", diff)
	}
	lab, err := New(topology, options(topology))
	if err != nil {
		t.Fatal(err)
	}
	if r := lab.Routers[1]; len(lab.Links) != 11 || r.At("eth3").Peer != "r6" || r.At("eth3").Metric != 400 || r.At("eth9").Name != "" {
		t.Errorf("%d links, r2 %+v", len(lab.Links), r.Interfaces)
	}
}

func TestLoadRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"no links":       {"links: []\n", "links: is missing or empty"},
		"no YAML":        {"links: [\n", "topology.yaml:"},
		"an unknown key": {"links:\n  - {name: a-b, colour: red}\n", "colour"},
		"one end":        {"links:\n  - {name: a-b, a: {device: a, interface: eth1}, capacity_bps: 1}\n", "topology.yaml:2:"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "topology.yaml")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Load(path); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := Load("nowhere.yaml"); err == nil || !strings.Contains(err.Error(), "read topology") {
		t.Errorf("got %v", err)
	}
}
