package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// mutant is the service with one difference: a piece of its source is another one while it is built, by go build's overlay, so
// that nothing of it is in the product.
type mutant struct {
	file string // from the module's root
	old  string // stands there exactly once
	new  string
}

// skewed is the service with a clock that is off by what the environment says.
var skewed = mutant{
	file: "internal/app/clock.go",
	old:  "\t\"go.uber.org/zap\"\n)\n\n// now is the clock that a replica decides by and puts on its records.\nfunc now() time.Time { return time.Now() }\n",
	new: "\t\"os\"\n\n\t\"go.uber.org/zap\"\n)\n\nvar astray, _ = time.ParseDuration(os.Getenv(\"" + skewName + "\"))\n\n" +
		"func now() time.Time { return time.Now().Add(astray) }\n",
}

// skewName is of the variable that says by how much.
const skewName = "DETOUR_CHAOS_SKEW"

// build makes the binary.
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
