//go:build linux

package live

import (
	"testing"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/test/lab/frr"
	"github.com/detour-net/detour/test/lab/reroute"
)

// overload sets a router's overload bit at its own command line, as a person would, or takes it away, and waits until others
// have heard.
func (s *stage) overload(router string, set bool) {
	s.t.Helper()
	r, err := s.bed.Router(router)
	s.must(err)
	s.must(frr.ISISD{Dir: r.Dir}.Commit(s.within(), frr.Change{Overload: &set}))
	witness, err := s.bed.Router(s.near)
	s.must(err)
	s.wait("others to hear of the overload bit", func() bool {
		status, err := frr.ISISD{Dir: witness.Dir}.Status(s.within())
		for _, lsp := range status.Database {
			if lsp.SystemID == r.SystemID && lsp.Suffix == "00-00" {
				return err == nil && lsp.Overload == set
			}
		}
		return false
	})
}

// bystander is a router at neither end of the sick link that the network can do without; if there is one, one that packets
// around that link would take.
func (s *stage) bystander() string {
	s.t.Helper()
	graph := reroute.Of(s.bed.Topology)
	found := ""
	for _, r := range s.bed.Topology.Routers {
		switch {
		case r.Name == s.near || r.Name == s.far || !graph.Around(r.Name, s.sick):
		case !graph.Avoids(s.near, s.far, r.Name, s.sick):
			return r.Name
		case found == "":
			found = r.Name
		}
	}
	if found == "" {
		s.t.Fatalf("every other router is needed around %s", s.sick)
	}
	return found
}

// TestOverloadedRouter gives a router the overload bit, by somebody else's hand. It is noticed, nothing answers it but a
// person, and a sick link is drained around that router, through which no packet goes meanwhile.
func TestOverloadedRouter(t *testing.T) {
	s := raise(t)
	f := s.flow(s.sick)
	third := s.bystander()
	f.run(200)
	began := f.mark()
	s.overload(third, true)
	device := string(events.TargetDevice) + "/" + third
	s.wait("the overload to be ruled on", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		i, ok := s.board.Latest(device)
		return ok && i.Phase == incident.Closed
	})
	s.sicken()
	s.reaches(s.sick, incident.Holding)
	s.advertises(s.sick, softDrain)
	f.run(500) // routers go by what they have heard
	drained := f.mark()
	f.expect("draining around "+third, began, drained)
	before := s.forwarded(third)
	f.run(1000)
	if n := s.forwarded(third) - before; n > 100 {
		t.Errorf("%d packets went through %s, which is overloaded", n, third)
	}
	s.mend()
	s.overload(third, false)
	s.account()
}

// forwarded is how many packets a router has passed on for others, of both families.
func (s *stage) forwarded(router string) uint64 {
	s.t.Helper()
	r, err := s.bed.Router(router)
	s.must(err)
	counts := map[string]uint64{}
	s.must(kernelCountsOf(r.Namespace, counts))
	return counts["IpForwDatagrams"] + counts["Ip6OutForwDatagrams"]
}
