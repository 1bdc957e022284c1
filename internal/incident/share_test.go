package incident

import (
	"fmt"
	"strings"
	"testing"

	"github.com/detour-net/detour/events"
)

// sized is groups of links of 10 Gbit/s each.
type sized struct{ grouped }

func (s sized) Capacity(scope events.Scope) (bps int64, known bool) {
	links, known := s.grouped[scope]
	return int64(len(links)) * 10_000_000_000, known
}

// TestShareOfBundle drains one link of a bundle, and then hears of a second: whether that is drained too rests on how much of
// the bundle both are, as the inventory tells.
func TestShareOfBundle(t *testing.T) {
	for _, c := range []struct {
		of    int // links of the bundle
		knows bool
		want  Phase
	}{{8, true, Holding}, {7, true, Waiting}, {8, false, Waiting}} {
		t.Run(fmt.Sprintf("two of %d, known %t", c.of, c.knows), func(t *testing.T) {
			s := newStage(t, strings.Replace(usualPolicy(t), "in_flight: {network: 2}", "in_flight: {network: 2, device: 2, bundle: 2}", 1)+"cause: {wait: 0s}\n")
			g := grouped{}
			for n := range c.of {
				g["bundle:q"] = append(g["bundle:q"], fmt.Sprintf("%c-z", 'a'+n))
			}
			if s.world.Inventory = g; c.knows {
				s.world.Inventory = sized{g}
			}
			for n, link := range g["bundle:q"][:2] {
				s.say("link " + link + " sick")
				s.say(fmt.Sprintf("event e%d firing major %s", n, link))
			}
			first, _ := s.active.board.Incident("a-z-1")
			second, ok := s.active.board.Incident("b-z-1")
			if !ok || first.Phase != Holding || second.Phase != c.want {
				t.Fatalf("want the first holding, the second %s:\n%s", c.want, s.out.String())
			}
			held := 0
			for _, check := range second.Ruling.Checks {
				if !check.OK {
					held++
					if check.Name != "capacity-share" {
						t.Errorf("%s: %s", check.Name, check.Detail)
					}
				}
			}
			if held > 0 != (c.want == Waiting) {
				t.Errorf("%d checks hold it", held)
			}
		})
	}
}
