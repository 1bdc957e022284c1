package device

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestLoads holds what a map shows against the simulated network, in the order of the topology.
func TestLoads(t *testing.T) {
	l := startLab(t, labSetup{options: func(o *Options) { o.StaleAfter, o.ReadTimeout = 500*time.Millisecond, 500*time.Millisecond }})
	var want []int
	for _, link := range l.net.Topology().Links {
		there, back := l.net.Load(link.Name)
		want = append(want, permil(max(there, back), link.Capacity))
	}
	eventually(t, "every link is as full as it is", func() bool {
		got := l.See().Loads()
		for n := range want {
			if len(got) != len(want) || want[n] == 0 || max(got[n]-want[n], want[n]-got[n]) > 1+want[n]/10 {
				return false
			}
		}
		return l.See().Unseen() == nil
	})
	l.a().SetHanging(true)
	l.a().CutConnections()
	eventually(t, "a is not seen, and half of its links are", func() bool {
		s := l.See()
		return cmp.Equal([]string{"a"}, s.Unseen()) && !slices.Contains(s.Loads(), -1)
	})
	for _, r := range []string{"b", "c"} {
		l.net.Router(r).SetHanging(true)
		l.net.Router(r).CutConnections()
	}
	eventually(t, "nobody knows", func() bool {
		s := l.See()
		return cmp.Equal([]string{"a", "b", "c"}, s.Unseen()) && !slices.ContainsFunc(s.Loads(), func(n int) bool { return n != -1 })
	})
}
