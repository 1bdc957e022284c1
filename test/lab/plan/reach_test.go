package plan

import (
	"strings"
	"testing"

	"github.com/detour-net/detour/internal/network"
)

// TestApart refuses networks that would never be converged, and takes those that come to be.
func TestApart(t *testing.T) {
	line := [][2]string{{"a", "b"}, {"b", "c"}}
	for name, tt := range map[string]struct {
		routers, overloaded string
		links               [][2]string
		want                string
	}{
		"a router by itself":                {"a", "", nil, ""},
		"a line":                            {"abc", "", line, ""},
		"an overloaded router at the end":   {"abc", "c", line, ""},
		"an overloaded router between":      {"abc", "b", line, "no packets from a to c"},
		"one that can be gone around":       {"abc", "b", append(line, [2]string{"c", "a"}), ""},
		"neighbours that are overloaded":    {"ab", "ab", line[:1], ""},
		"a router without a link":           {"abcd", "", line, "no packets from a to d"},
		"two networks":                      {"abcd", "", [][2]string{{"a", "b"}, {"c", "d"}}, "no packets from a to c"},
		"overloaded ones on the only way":   {"abcd", "bc", append(line, [2]string{"c", "d"}), "no packets from a to c"},
		"parallel links to one who is both": {"ab", "b", [][2]string{{"a", "b"}, {"a", "b"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			topology := &network.Topology{}
			for _, r := range tt.routers {
				topology.Routers = append(topology.Routers, network.Router{Name: string(r), Overload: strings.ContainsRune(tt.overloaded, r)})
			}
			for i, l := range tt.links {
				topology.Links = append(topology.Links, network.Link{
					Name: strings.Join(l[:], "-") + string(rune('0'+i)), A: network.End{Device: l[0], Metric: 10}, B: network.End{Device: l[1], Metric: 10},
				})
			}
			_, err := New(topology, options(topology))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
