//go:build linux

package live

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// TestProve finds out by canaries that the agents keep their fences, and drains a link under them: by commits that the
// routers would take back by themselves, where it is drained in one step.
func TestProve(t *testing.T) {
	s := raise(t)
	var proving sync.WaitGroup
	for _, router := range []string{s.near, s.far} {
		proving.Go(func() {
			if got := s.worker.detour("routers", "prove", router); got.code != 0 {
				t.Errorf("prove %s exits with %d:\n%s%s", router, got.code, got.out, got.err)
			}
		})
	}
	proving.Wait()
	for _, router := range []string{s.near, s.far} {
		s.wait("the proof of "+router, func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			proof, ok := s.board.Proofs()[router]
			return ok && slices.Contains(proof.Bars, events.BarArbitration) && slices.Contains(proof.Bars, events.BarCommitConfirmed)
		})
	}
	s.sicken()
	s.reaches(s.sick, incident.Holding)
	s.advertises(s.sick, softDrain)
	_, i := s.phase(s.sick)
	got := s.worker.detour("incidents", i.ID)
	bars := []events.Bar{events.BarArbitration}
	if len(i.Plan.Plan.Steps) == 1 { // a step that another follows must not be taken back meanwhile
		bars = append(bars, events.BarCommitConfirmed)
	}
	for _, bar := range bars {
		if got.code != 0 || !strings.Contains(got.out, string(bar)) {
			t.Errorf("incidents exits with %d and does not name the fence %s:\n%s%s", got.code, bar, got.out, got.err)
		}
	}
	s.mend()
	s.account()
}
