//go:build linux

package live

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/test/lab/frr"
	"github.com/detour-net/detour/test/lab/plan"
	"github.com/detour-net/detour/test/lab/testbed"
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

// TestTryReboot marks a router, starts its isisd anew, which is its reboot, and finds that it has forgotten the mark.
func TestTryReboot(t *testing.T) {
	s := raise(t)
	r, err := s.bed.Router(s.near)
	s.must(err)
	metric := func() uint32 {
		t.Helper()
		config, err := frr.ISISD{Dir: r.Dir}.Running(s.within())
		s.must(err)
		return config.Interfaces[plan.Loopback].Metric
	}
	before := metric()
	if got := s.worker.detour("routers", "prove", s.near, "--reboot"); got.code != 0 {
		t.Fatalf("prove --reboot exits with %d:\n%s%s", got.code, got.out, got.err)
	}
	if got := metric(); got == before {
		t.Fatalf("the loopback's metric is %d still", got)
	}
	if got := s.worker.detour("routers", "prove", s.near, "--reboot"); got.code != 3 || !strings.Contains(got.err, "was not rebooted") {
		t.Errorf("before the reboot it exits with %d:\n%s%s", got.code, got.out, got.err)
	}
	s.must(s.bed.Kill(s.near, testbed.ISISD))
	s.must(s.bed.Start(s.within(), s.near, testbed.ISISD))
	s.wait("the mark to be read back", func() bool { return s.worker.detour("routers", "prove", s.near, "--reboot").code == 0 })
	s.wait("the trial to be over", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		trial, ok := s.board.Trial(s.near)
		return ok && trial.Over && trial.Kept == events.KeptNo
	})
	if got := metric(); got != before {
		t.Errorf("the loopback's metric was %d and is %d", before, got)
	}
	s.account()
}
