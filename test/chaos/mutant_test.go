package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mutant is the service with one defect: a piece of its source is another one while it is built, by go build's overlay, so
// that nothing of it is in the product.
type mutant struct {
	file string // from the module's root
	old  string // stands there exactly once
	new  string
}

// The defects that the harness must find.
var (
	ackFirst = mutant{
		file: "internal/worker/loop.go",
		old:  "\t\tselect {\n\t\tcase w.arrived <- batch:\n",
		new:  "\t\tfor _, d := range batch {\n\t\t\td.Ack()\n\t\t}\n\t\tselect {\n\t\tcase w.arrived <- batch:\n",
	}
	unfenced = mutant{
		file: "internal/device/look.go",
		old:  "\textensions := s.fenceOf(fence)\n\tif extensions == nil {\n",
		new:  "\textensions := s.fenceOf(fence)\n\tif extensions != nil {\n\t\treturn fence, nil\n\t}\n\tif extensions == nil {\n",
	}
)

// build makes the binary with the defect.
func (m mutant) build(ctx context.Context, dir string) (binary string, err error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	source := filepath.Join(strings.TrimSpace(string(root)), filepath.FromSlash(m.file))
	raw, err := os.ReadFile(source)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(raw), m.old); n != 1 {
		return "", fmt.Errorf("%s holds %q %d times, want once: the defect has to follow the source", m.file, m.old, n)
	}
	altered, overlay := filepath.Join(dir, "altered.go"), filepath.Join(dir, "overlay.json")
	said, err := json.Marshal(map[string]any{"Replace": map[string]string{source: altered}})
	if err != nil {
		return "", err
	}
	for path, text := range map[string]string{altered: strings.Replace(string(raw), m.old, m.new, 1), overlay: string(said)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	binary = filepath.Join(dir, "detour")
	return binary, build(ctx, binary, "-overlay", overlay)
}

// must builds the mutant for a test.
func (m mutant) must(t *testing.T) string {
	t.Helper()
	long(t)
	binary, err := m.build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return binary
}
