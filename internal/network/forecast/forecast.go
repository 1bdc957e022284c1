package forecast

import (
	"errors"
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
	remembered   = 4096     // answers, in each
	named        = 8        // demands or routers that are named as cut off
)

// Forecaster answers for one topology. It may be used by several goroutines at once; they wait for each other.
type Forecaster struct {
	topology *network.Topology
	links    map[string]int // name -> index in the topology
	routers  map[string]int // likewise
	level    int            // whose paths packets take, 0 if that is not modelled

	mu      sync.Mutex
	limits  whatif.Limits
	matrix  network.Matrix
	traffic events.Digest // of matrix
	room    shape         // for the shape that is asked about
	recent  []*held       // the networks that were asked about lately, the newest first
	ready   prepared
}

// held is a network with what was found out about it.
type held struct {
	shape     shape
	digest    events.Digest
	base      layers
	reach     layers                     // base without the links that are drained beside those that are asked about
	scenarios []whatif.Scenario          // every link, risk group and router
	survey    *whatif.Survey             // of all layers; nil until a drain is asked about
	answers   map[string]events.Prospect // by the links' names, as far as they do not depend on measured loads
}

// New returns a Forecaster for a valid topology, without a traffic matrix and with whatif's default limits.
func New(t *network.Topology) *Forecaster {
	f := &Forecaster{topology: t, links: map[string]int{}, routers: map[string]int{}, level: levelOf(t), limits: whatif.DefaultLimits()}
	for i, r := range t.Routers {
		f.routers[r.Name] = i
	}
	for i, l := range t.Links {
		f.links[l.Name] = i
	}
	f.room = f.configured()
	return f
}

// Use takes a traffic matrix of the topology from now on; one without demands is none.
func (f *Forecaster) Use(m network.Matrix) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.matrix, f.traffic, f.recent = m, m.Digest(), nil
	f.ready = prepared{}
}

// Limit says from now on which failures count as new violations.
func (f *Forecaster) Limit(l whatif.Limits) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.limits, f.recent, f.ready = l, nil, prepared{}
}

// Link forecasts what draining a link would do, with everything else as it is in s. What keeps it from knowing is said in
// Missing.
func (f *Forecaster) Link(name string, s network.State) events.Prospect {
	return f.Links([]string{name}, s)
}

// Links forecasts what draining links all together would do, as Link does for one: with all of them in service on one side and
// all drained on the other, and a way for all. Their order does not matter, nor that a name is given twice.
func (f *Forecaster) Links(names []string, s network.State) events.Prospect {
	f.mu.Lock()
	defer f.mu.Unlock()
	q := &question{Forecaster: f, seen: s, names: slices.Compact(slices.Sorted(slices.Values(names)))}
	q.out.At = s.At
	if err := q.ask(); err != nil {
		return events.Prospect{At: q.out.At, Inputs: q.out.Inputs, Missing: err.Error()}
	}
	return q.out
}

// question is one forecast under way.
type question struct {
	*Forecaster
	seen  network.State
	live  network.Live
	names []string     // of the links that it is about, sorted
	about map[int]bool // their indices in the topology
	asked shape
	held  *held
	out   events.Prospect
}

func (q *question) ask() error {
	if len(q.names) == 0 {
		return errors.New("no link is named")
	}
	now, err := q.look()
	if err != nil {
		return err
	}
	return q.answerFor(now)
}

// answerFor answers in the network that was looked at.
func (q *question) answerFor(now [][]whatif.Metrics) error {
	q.out.Inputs = q.inputs(now)
	if err := q.age(); err != nil {
		return err
	}
	q.out.Counters, q.out.Conserved = q.counters(), q.conserved()
	if q.out.Method == events.MethodExact {
		return q.exact(now)
	}
	return q.bound()
}

// look finds the network that the question is about, or makes it; now are the metrics that its links have, by layer.
func (q *question) look() (now [][]whatif.Metrics, err error) {
	if now, err = q.see(); err != nil || q.found() {
		return now, err
	}
	return now, q.hold()
}

// see says what network the question is about.
func (q *question) see() (now [][]whatif.Metrics, err error) {
	q.about = map[int]bool{}
	for _, name := range q.names {
		i, known := q.links[name]
		if !known {
			return nil, fmt.Errorf("link %q is not in the topology", name)
		}
		q.about[i] = true
	}
	if q.live, err = network.Effective(q.topology, q.seen); err != nil {
		return nil, err
	}
	if now, err = q.shape(); err != nil {
		return nil, err
	}
	q.out.Method = events.MethodBound
	if len(q.matrix.Demands) > 0 {
		q.out.Method, q.out.Matrix, q.out.MatrixAt = events.MethodExact, q.matrix.Source, q.matrix.At
	}
	return now, nil
}

// found reports whether the network was asked about lately, and takes it.
func (q *question) found() bool {
	i := slices.IndexFunc(q.recent, func(h *held) bool { return h.shape.same(q.asked) })
	if i >= 0 {
		q.held = q.recent[i]
		q.recent = slices.Insert(slices.Delete(q.recent, i, i+1), 0, q.held)
	}
	return i >= 0
}

// hold makes the network that the question is about.
func (q *question) hold() error {
	h := &held{shape: q.asked.clone(), answers: map[string]events.Prospect{}}
	for _, l := range h.shape.layers {
		demands, err := q.demands(l.family)
		if err != nil {
			return err
		}
		net, err := whatif.New(whatif.Spec{Nodes: h.shape.nodes, Links: l.links, Demands: demands})
		if err != nil {
			return fmt.Errorf("model the network: %w", err)
		}
		h.base = append(h.base, net.Solve())
	}
	net := h.base[0].Net()
	h.digest, h.scenarios = h.shape.digest(q.traffic), slices.Concat(net.Links(), net.Groups(), net.Nodes())
	var err error
	if h.reach, err = h.base.apply(func(n int) whatif.Change { return whatif.HardDrain(q.spared(h.shape.layers[n])...) }); err != nil {
		return fmt.Errorf("spare the drained links: %w", err)
	}
	q.held = h
	q.recent = slices.Insert(q.recent[:min(len(q.recent), kept-1)], 0, h)
	return nil
}

// spared are the links that are drained in a layer: the last resort, and not configured to be.
func (q *question) spared(in layer) (names []string) {
	for i, l := range q.topology.Links {
		drained := func(e network.End, is uint32) bool {
			return is >= network.MetricLastResort && configured(e, q.level, in.family) < network.MetricLastResort
		}
		if drained(l.A, in.links[i].MetricAB) || drained(l.B, in.links[i].MetricBA) {
			names = append(names, l.Name)
		}
	}
	return names
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
