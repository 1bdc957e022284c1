package house_test

import (
	"strings"
	"testing"

	"github.com/detour-net/detour/test/house"
)

func TestLoadRefuses(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"no module", one("go.mod", "go 1.26"), "no go.mod with a module line"},
		{"no Go", one("events/x.go", "packag events"), "events/x.go:1:1: expected 'package'"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := house.Load(inMemory(tt.files))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Load: %v, want an error that says %q", err, tt.want)
			}
		})
	}
}

func TestLoadLeavesOut(t *testing.T) {
	tree := load(t, map[string]string{
		".gitignore":           "/bin/\n*.out\ncmd/left\n",
		".git/config.go":       "no Go",
		"bin/x.go":             "no Go",
		"cmd/left/x.go":        "no Go",
		"events/testdata/a.go": "no Go",
		"events/x.go":          "package events",
		"events/cover.out":     "x",
		"events/x_test.go":     "package events_test",
	})
	var got []string
	for _, p := range tree.Packages {
		got = append(got, p.Path+" "+p.Name)
	}
	if want := "events events, events events_test"; strings.Join(got, ", ") != want {
		t.Errorf("packages %q, want %s", got, want)
	}
	if want := ".gitignore cmd events go.mod"; strings.Join(tree.Top, " ") != want {
		t.Errorf("top %q, want %s", tree.Top, want)
	}
}
