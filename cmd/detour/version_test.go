package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestBillOfMaterials builds the binary and holds its bill against go.sum: every module in it is one that go.sum vouches for, and
// what is known to be in it is there.
func TestBillOfMaterials(t *testing.T) {
	if testing.Short() {
		t.Skip("links the binary")
	}
	binary := filepath.Join(t.TempDir(), "detour")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	raw, err := exec.CommandContext(t.Context(), binary, "version", "--sbom").Output()
	if err != nil {
		t.Fatal(err)
	}
	reader := json.NewDecoder(bytes.NewReader(raw))
	reader.DisallowUnknownFields()
	var m materials
	if err := reader.Decode(&m); err != nil {
		t.Fatal(err)
	}
	if m.Format != "CycloneDX" || m.Spec != "1.6" || m.Metadata.Component.Name != "github.com/detour-net/detour" {
		t.Errorf("it is headed %+v", m)
	}
	sums, err := os.ReadFile("../../go.sum")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, c := range m.Components {
		names[c.Name] = true
		if c.Name == "std" {
			continue
		}
		if len(c.Properties) != 1 || !strings.Contains(string(sums), c.Name+" "+c.Version+" "+c.Properties[0].Value+"\n") {
			t.Errorf("go.sum does not vouch for %+v", c)
		}
	}
	for _, name := range []string{"std", "github.com/nats-io/nats.go", "github.com/openconfig/gnmi", "google.golang.org/grpc"} {
		if !names[name] {
			t.Errorf("%s is not on the bill", name)
		}
	}
	if names["github.com/chromedp/chromedp"] {
		t.Error("what only tests use is on the bill")
	}
}
