package house_test

import (
	"strings"
	"testing"

	"github.com/detour-net/detour/test/house"
)

func TestWithStates(t *testing.T) {
	const (
		begin, end = "<!-- begin:states -->", "<!-- end:states -->"
		diagram    = "a --> b: why\n"
		drawn      = "# Title\n" + begin + "\n```mermaid\na --> b: why\n```\n" + end + "\nmore\n"
	)
	tests := []struct {
		name, readme, diagram, want string // want is empty for an error
	}{
		{"empty", "# Title\n" + begin + "\n" + end + "\nmore\n", diagram, drawn},
		{"stale", strings.Replace(drawn, "why", "when", 1), diagram, drawn},
		{"as it should be", drawn, diagram, drawn},
		{"no begin", "# Title\n" + end, diagram, ""},
		{"no end", begin, diagram, ""},
		{"wrong order", end + begin, diagram, ""},
		{"twice", drawn + drawn, diagram, ""},
		{"a colon in a label", drawn, "a --> b: why: because\n", ""},
		{"a semicolon in a label", drawn, "a --> b: why; because\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := house.WithStates(tt.readme, tt.diagram)
			if got != tt.want || (err != nil) != (tt.want == "") {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}
