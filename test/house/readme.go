package house

import (
	"fmt"
	"strings"
)

// The markers in the README between which the drawing of the states stands.
const (
	beginStates = "<!-- begin:states -->"
	endStates   = "<!-- end:states -->"
)

// WithStates returns the README with the Mermaid diagram between its markers. The markers must be there once, in order.
// A diagram whose labels Mermaid would cut off is refused: a semicolon ends a statement, and a second colon in a line is a
// syntax error, which is to say no picture at all, for renderers older than mermaid-js/mermaid#7430 (March 2026).
func WithStates(readme, diagram string) (string, error) {
	for line := range strings.Lines(diagram) {
		if strings.Count(line, ":") > 1 || strings.Contains(line, ";") {
			return "", fmt.Errorf("mermaid takes no colon and no semicolon in a label: %q", strings.TrimSpace(line))
		}
	}
	before, rest, begun := strings.Cut(readme, beginStates)
	_, after, ended := strings.Cut(rest, endStates)
	if !begun || !ended || strings.Contains(after, beginStates) || strings.Contains(after, endStates) {
		return "", fmt.Errorf("want %s and %s once each, in this order", beginStates, endStates)
	}
	return before + beginStates + "\n```mermaid\n" + strings.TrimSpace(diagram) + "\n```\n" + endStates + after, nil
}
