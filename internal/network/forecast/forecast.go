package forecast

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/whatif"
)

const (
	kept         = 4        // networks: with a link in service, and without, and two drains at once
	surveyMemory = 64 << 20 // bytes that are kept of what failures do, in each
	named        = 8        // demands or routers that are named as cut off
)

// Forecaster answers for one topology. It may be used by several goroutines at once; they wait for each other.
type Forecaster struct {
	topology *network.Topology
	links    map[string]int // name -> index in the topology

	mu      sync.Mutex
	matrix  network.Matrix
	traffic events.Digest // of matrix
	recent  []*held       // the networks that were asked about lately, the newest first
}

// held is a network with what was found out about it.
type held struct {
	key       events.Digest
	base      *whatif.State
	scenarios []whatif.Scenario          // every link, risk group and router
	survey    *whatif.Survey             // nil without a matrix
	answers   map[string]events.Prospect // by link, as far as they do not depend on measured loads
}

// New returns a Forecaster for a valid topology, without a traffic matrix.
func New(t *network.Topology) *Forecaster {
	f := &Forecaster{topology: t, links: map[string]int{}}
	for i, l := range t.Links {
		f.links[l.Name] = i
	}
	return f
}

// Use takes a traffic matrix of the topology from now on; one without demands is none.
func (f *Forecaster) Use(m network.Matrix) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.matrix, f.traffic, f.recent = m, m.Digest(), nil
}

// Link forecasts what draining a link would do, with everything else as it is in s. What keeps it from knowing is said in
// Missing.
func (f *Forecaster) Link(name string, s network.State) events.Prospect {
	f.mu.Lock()
	defer f.mu.Unlock()
	q := &question{Forecaster: f, seen: s, out: events.Prospect{At: s.At}}
	if err := q.ask(name); err != nil {
		return events.Prospect{At: q.out.At, Inputs: q.out.Inputs, Missing: err.Error()}
	}
	return q.out
}

// question is one forecast under way.
type question struct {
	*Forecaster
	seen network.State
	live network.Live
	link int // index of the link that it is about
	held *held
	out  events.Prospect
}

func (q *question) ask(name string) (err error) {
	var known bool
	if q.link, known = q.links[name]; !known {
		return fmt.Errorf("link %q is not in the topology", name)
	}
	if q.live, err = network.Effective(q.topology, q.seen); err != nil {
		return err
	}
	spec, now, err := q.spec()
	if err != nil {
		return err
	}
	exact := len(q.matrix.Demands) > 0
	q.out.Method = events.MethodBound
	if exact {
		q.out.Method, q.out.Matrix, q.out.MatrixAt = events.MethodExact, q.matrix.Source, q.matrix.At
	}
	key := events.DigestOf(struct {
		Nodes   []whatif.Node
		Links   []whatif.Link
		Traffic events.Digest
	}{spec.Nodes, spec.Links, q.traffic})
	q.out.Inputs = events.DigestOf(struct {
		Network events.Digest
		Link    string
		Now     whatif.Metrics
		Loads   map[string]network.LinkState
	}{key, name, now, q.seen.Links})
	if err := q.hold(key, spec); err != nil {
		return err
	}
	if err := q.age(); err != nil {
		return err
	}
	if exact {
		return q.exact(name, now)
	}
	return q.bound(name)
}

// hold finds the network that the question is about, or makes it.
func (q *question) hold(key events.Digest, spec whatif.Spec) error {
	if i := slices.IndexFunc(q.recent, func(h *held) bool { return h.key == key }); i >= 0 {
		q.held = q.recent[i]
		q.recent = slices.Insert(slices.Delete(q.recent, i, i+1), 0, q.held)
		return nil
	}
	net, err := whatif.New(spec)
	if err != nil {
		return fmt.Errorf("model the network: %w", err)
	}
	h := &held{key: key, answers: map[string]events.Prospect{}, base: net.Solve(), scenarios: slices.Concat(net.Links(), net.Groups(), net.Nodes())}
	if len(q.matrix.Demands) > 0 {
		if h.survey, err = whatif.NewSurvey(h.base, h.scenarios, surveyMemory); err != nil {
			return fmt.Errorf("survey failures: %w", err)
		}
	}
	q.held = h
	q.recent = slices.Insert(q.recent[:min(len(q.recent), kept-1)], 0, h)
	return nil
}

// age sets At to the oldest observation that counts, and refuses a network of which not every link is seen.
func (q *question) age() error {
	for _, l := range q.topology.Links {
		seen := q.seen.Links[l.Name]
		for _, end := range []network.EndState{seen.A, seen.B} {
			if end.At.IsZero() {
				return fmt.Errorf("link %s is not seen from both of its ends", l.Name)
			}
			q.older(end.At)
		}
	}
	return nil
}

func (q *question) older(at time.Time) {
	if at.Before(q.out.At) {
		q.out.At = at
	}
}
