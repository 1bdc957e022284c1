package app

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/device"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/forecast"
	"github.com/detour-net/detour/internal/network/whatif"
	"github.com/detour-net/detour/policy"
)

// foresight is the routers with a forecast: to what is seen of a link it adds what a drain of it would do.
type foresight struct {
	*device.Fleet
	forecaster *forecast.Forecaster
	bearable   *bearable
	took       forecasting
}

// newForesight forecasts by the limits that prospects gives.
func newForesight(fleet *device.Fleet, t *network.Topology, prospects func() policy.ProspectLimits) foresight {
	f := foresight{Fleet: fleet, forecaster: forecast.New(t)}
	f.bearable = &bearable{now: prospects, use: f.forecaster.Limit}
	return f
}

// Observe sees a target. The forecast is made while the routers answer; it counts the links of Besides as drained.
func (f foresight) Observe(ctx context.Context, o incident.Observe) events.Facts {
	defer f.took.observed(time.Now())
	if o.Target.Kind != events.TargetLink {
		return f.Fleet.Observe(ctx, o.Target)
	}
	seen := f.See()
	var prospect events.Prospect
	var made sync.WaitGroup
	made.Go(func() { prospect = f.forecast(o, seen.State()) })
	facts := seen.Observe(ctx, o.Target)
	made.Wait()
	f.weigh(&prospect, facts)
	facts.Prospect = &prospect
	return facts
}

// Told sees a link as its routers have told of it, with a forecast that is ready, and reports whether all of that is known. It
// waits for nobody: neither a router nor a computation.
func (f foresight) Told(o incident.Observe) (events.Facts, bool) {
	if o.Target.Kind != events.TargetLink || o.Hard || len(o.Besides) > 0 || !f.bearable.current() {
		return events.Facts{}, false
	}
	seen := f.See()
	facts, known := seen.Told(o.Target)
	if !known {
		return events.Facts{}, false
	}
	prospect, ready := f.forecaster.Ready(o.Target.Name, seen.State())
	if !ready {
		return events.Facts{}, false
	}
	f.weigh(&prospect, facts)
	facts.Prospect = &prospect
	return facts, true
}

// Shares of time in which verdicts are prepared.
const (
	prepareRest  = 9           // times as long as the one before took, until the next: a tenth of one core
	prepareEvery = time.Second // when nothing is to be done
)

// prepare has the verdict of each link ready before anything is wrong with it, until ctx ends. Whoever asks for another one
// meanwhile waits for at most the one that is being computed.
func (f foresight) prepare(ctx context.Context) error {
	for next := time.Now(); ; {
		f.bearable.refresh()
		if began := time.Now(); !began.Before(next) {
			if next = began.Add(prepareEvery); f.forecaster.Prepare(f.See().State()) {
				took := time.Since(began)
				f.took.forecasted(inAdvance, took)
				next = began.Add((1 + prepareRest) * took)
			}
		}
		select {
		case <-time.After(min(time.Until(next), prepareEvery)):
		case <-ctx.Done():
			return nil
		}
	}
}

// forecast is ahead by the limits of now.
func (f foresight) forecast(o incident.Observe, seen network.State) events.Prospect {
	f.bearable.refresh()
	began := time.Now()
	p := f.ahead(o, seen)
	f.took.forecasted(forDecision, time.Since(began))
	return p
}

// weigh adds what a drain would be good for.
func (f foresight) weigh(p *events.Prospect, facts events.Facts) {
	if p.Missing == "" {
		p.Benefit = lostNow(facts)
	}
}

// ahead forecasts what a drain of a link would do beside other drains, which may not be seen yet. Paths follow metrics, so to
// compute them it is enough to let those links have the metric of a drain; how well the model fits is told by the network
// as it is. A bound rests on what links are measured to carry, so what a drain moves is added to what the others may.
func (f foresight) ahead(o incident.Observe, seen network.State) events.Prospect {
	ask := func(s network.State, names ...string) events.Prospect {
		if o.Hard {
			return f.forecaster.Hard(names, s)
		}
		return f.forecaster.Links(names, s)
	}
	meant, changed := drained(seen, o.Besides)
	p := ask(meant, o.Target.Name)
	switch {
	case p.Method == events.MethodBound && len(o.Besides) > 0:
		joint := ask(seen, append([]string{o.Target.Name}, o.Besides...)...)
		joint.Way, joint.Loops = p.Way, p.Loops // the way is this link's alone
		p = joint
	case p.Method == events.MethodExact && changed:
		p.Fit = f.forecaster.Link(o.Target.Name, seen).Fit
	}
	p.Besides = o.Besides
	return p
}

// drained is a network in which links have the metric of a drain, as far as they are seen; changed is false when they have it
// anyway.
func drained(seen network.State, links []string) (meant network.State, changed bool) {
	if meant = seen; len(links) == 0 {
		return meant, false
	}
	meant.Links = maps.Clone(seen.Links)
	for _, name := range links {
		l, ok := meant.Links[name]
		if !ok {
			continue
		}
		for _, end := range []*network.EndState{&l.A, &l.B} {
			end.Metrics = slices.Clone(end.Metrics)
			for i := range end.Metrics {
				if m := &end.Metrics[i]; m.Value < network.MetricLastResort {
					m.Value, changed = network.MetricLastResort, true
				}
			}
		}
		meant.Links[name] = l
	}
	return meant, changed
}

// lostNow is the traffic that is lost on the link itself, in bits per second: what arrives in error at each end.
func lostNow(facts events.Facts) (bps int64) {
	for _, end := range facts.Ends {
		if end.Traffic != nil {
			bps += end.Traffic.Lost()
		}
	}
	return bps
}

// bearable is which failures count as new violations: the policy in force says so.
type bearable struct {
	now func() policy.ProspectLimits
	use func(whatif.Limits)

	mu   sync.Mutex
	used whatif.Limits // zero: none yet
}

// current reports whether forecasts are made by the limits that are in force now; it does not wait until they are.
func (b *bearable) current() bool {
	if !b.mu.TryLock() {
		return false
	}
	defer b.mu.Unlock()
	return b.limits() == b.used
}

// limits are those that are in force now.
func (b *bearable) limits() whatif.Limits {
	limits, prospects := whatif.DefaultLimits(), b.now()
	limits.Permil, limits.Worse = int64(prospects.SurvivePermil), int64(prospects.WorseByPermil)
	return limits
}

// refresh has the limits that are in force now used from now on. They are asked for under the lock, so that nobody puts back
// older ones.
func (b *bearable) refresh() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if limits := b.limits(); limits != b.used {
		b.used = limits
		b.use(limits)
	}
}
