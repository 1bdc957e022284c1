package forecast

import (
	"slices"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/whatif"
)

// prepared is how far Prepare has come in the network that it was asked about last.
type prepared struct {
	in    *held
	links int // of the topology, from its first on
}

// Prepare computes the answer about one more link that is in service in s, so that Link has it at once, and reports whether
// it may have more to do. Answers are good for the network that they were computed in: after a change it begins anew. Without
// a traffic matrix there is nothing to prepare, nor in a network that cannot be forecast.
func (f *Forecaster) Prepare(s network.State) (more bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	q, link := f.inService(s, f.ready.links)
	if q == nil {
		q, link = f.inService(s, 0) // all are done, unless the network is another by now
	}
	switch {
	case q == nil:
		return false
	case q.held != f.ready.in:
		f.ready = prepared{in: q.held}
		return true
	case link < f.ready.links:
		return false
	}
	f.ready.links = link + 1
	_, err := q.answer()
	return err == nil
}

// Ready is Link for who cannot wait: it reports false unless the answer was computed before, for this network, and nobody is
// computing another one.
func (f *Forecaster) Ready(name string, s network.State) (events.Prospect, bool) {
	if !f.mu.TryLock() {
		return events.Prospect{}, false
	}
	defer f.mu.Unlock()
	q := &question{Forecaster: f, seen: s, names: []string{name}}
	q.out.At = s.At
	now, err := q.see()
	if err != nil || q.out.Method != events.MethodExact || !q.found() || q.changes(now) {
		return events.Prospect{}, false
	}
	if _, known := q.held.answers[name]; !known {
		return events.Prospect{}, false
	}
	if err := q.answerFor(now); err != nil {
		return events.Prospect{}, false
	}
	return q.out, true
}

// inService asks about the first link that is in service, from one on; nil when there is none, or nothing to forecast.
func (f *Forecaster) inService(s network.State, from int) (*question, int) {
	for i := from; i < len(f.topology.Links); i++ {
		q := &question{Forecaster: f, seen: s, names: []string{f.topology.Links[i].Name}}
		now, err := q.look()
		if err != nil || q.out.Method != events.MethodExact {
			return nil, 0
		}
		if !q.changes(now) {
			return q, i
		}
	}
	return nil, 0
}

// changes reports whether the network that the question is about is another than the one that stands.
func (q *question) changes(now [][]whatif.Metrics) bool {
	for n, metrics := range now {
		if slices.ContainsFunc(metrics, func(m whatif.Metrics) bool {
			l := q.asked.layers[n].links[q.links[m.Link]]
			return m.AB != l.MetricAB || m.BA != l.MetricBA
		}) {
			return true
		}
	}
	return false
}
