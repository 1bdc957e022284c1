package forecast

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/whatif"
)

// Cause is what fails.
type Cause string

// The causes.
const (
	CauseNone   Cause = ""       // nothing fails
	CauseLink   Cause = "link"   // a link
	CauseSRLG   Cause = "srlg"   // a shared risk link group, all its links at once
	CauseRouter Cause = "router" // a router with all its links
)

// Failure is the network with one thing failed.
type Failure struct {
	Cause Cause
	Name  string // of what fails

	WorstPermil int    // of the fullest link, rounded up
	WorstLink   string // as in events.Outlook

	// CutOff is the traffic, in bits per second, that has no path and has one when nothing fails; what a failed router sends
	// and takes itself is not counted. CutOffNames are some of it.
	CutOff      int64
	CutOffNames []string
}

// Failures visits what every link, risk group and router would do to the network if it failed, with nothing else changed
// in s; the network with nothing failed comes first, with all that has no path in it. It needs a traffic matrix. An error
// of visit ends it and is returned.
func (f *Forecaster) Failures(s network.State, visit func(Failure) error) error {
	base, err := f.present(s)
	if err != nil {
		return err
	}
	lost := map[whatif.Lost]bool{}
	now := failed(base, whatif.Scenario{}, lost)
	for _, l := range base.undelivered(math.MaxInt).Named {
		lost[l] = true
	}
	if err := visit(now); err != nil {
		return err
	}
	net := base[0].Net()
	for _, of := range []struct {
		cause Cause
		list  []whatif.Scenario
	}{{CauseLink, net.Links()}, {CauseSRLG, net.Groups()}, {CauseRouter, net.Nodes()}} {
		for _, scenario := range of.list {
			st, err := base.fail(scenario)
			if err != nil {
				return fmt.Errorf("fail %s: %w", scenario.Name, err)
			}
			failure := failed(st, scenario, lost)
			failure.Cause = of.cause
			if err := visit(failure); err != nil {
				return err
			}
		}
	}
	return nil
}

// present is the network as it is seen.
func (f *Forecaster) present(s network.State) (layers, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.matrix.Demands) == 0 {
		return nil, errors.New("what failures do is not known without a traffic matrix")
	}
	q := &question{Forecaster: f, seen: s}
	q.out.At = s.At
	if _, err := q.look(); err != nil {
		return nil, err
	}
	return q.held.base, q.age()
}

// failed describes a state; what is lost already counts for nothing.
func failed(st layers, s whatif.Scenario, lost map[whatif.Lost]bool) Failure {
	full := fullest(st.loads())
	f := Failure{Name: s.Name, WorstPermil: int(full.Permil), WorstLink: direction(full)}
	if st.undelivered(0).Count == len(lost) {
		return f // taking away mends nothing
	}
	for _, l := range st.undelivered(math.MaxInt).Named {
		if lost[l] || slices.Contains(s.Nodes, l.From) || slices.Contains(s.Nodes, l.To) {
			continue
		}
		f.CutOff += l.BPS
		if len(f.CutOffNames) < named {
			f.CutOffNames = append(f.CutOffNames, l.From+" > "+l.To)
		}
	}
	return f
}
