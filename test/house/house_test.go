package house_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/test/house"
)

// root is the module's root, seen from this folder, where tests run.
const root = "../.."

var update = flag.Bool("update", false, "draw the states in README.md anew")

func TestHouse(t *testing.T) {
	tree, err := house.Load(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Packages) < 10 {
		t.Fatalf("found %d packages below %s: the rules would hold of nothing", len(tree.Packages), root)
	}
	for _, rule := range house.Rules() {
		t.Run(rule.Name, func(t *testing.T) {
			for _, f := range rule.Check(tree) {
				t.Errorf("%s\n\t(%s)", f, rule.Reason)
			}
		})
	}
}

// TestStatesInReadme keeps the picture that people read equal to the table that the service runs.
func TestStatesInReadme(t *testing.T) {
	name := filepath.Join(root, "README.md")
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	want, err := house.WithStates(string(raw), incident.Diagram())
	switch {
	case err != nil:
		t.Fatalf("README.md: %v", err)
	case want == string(raw):
	case *update:
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Error("README.md: the states differ from the transition table; to draw them anew: go test ./test/house -run States -update")
	}
}
