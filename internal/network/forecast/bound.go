package forecast

import (
	"fmt"

	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/whatif"
)

// load is the measured traffic on one direction of a link.
type load struct {
	link     int // in the topology
	name     string
	bps      int64
	capacity int64
}

// measured is the traffic on a network as its routers count it.
type measured struct {
	loads   []load  // of links that are up
	carried []int64 // by link in the topology: both directions together, 0 when it is down
}

// bound answers from the loads of links alone: what a link carries may all go to any other one, once.
func (q *question) bound() error {
	seen, err := q.measured()
	if err != nil {
		return err
	}
	for i := range q.about {
		q.out.Moved = min(q.out.Moved+seen.carried[i], beyond)
	}
	drained, gone, err := q.held.without(q)
	if err != nil {
		return err
	}
	if err := q.held.plan(q, network.MetricLastResort, &q.out); err != nil {
		return err
	}
	q.held.cutOff(gone, &q.out)
	q.out.InService.CutOff, q.out.Drained.CutOff = 0, 0 // how much it is cannot be told
	if gone.undelivered(0).Count > q.held.reach.undelivered(0).Count {
		q.out.Drained.CutOff = max(1, q.out.Moved)
	}
	q.out.InService.WorstPermil, q.out.InService.WorstLink = seen.fullest(0, nil)
	q.out.Drained.WorstPermil, q.out.Drained.WorstLink = q.besides(seen, 0, q.unused(drained))
	q.boundFailures(seen)
	return nil
}

// measured are the loads of every link that is up.
func (q *question) measured() (measured, error) {
	m := measured{carried: make([]int64, len(q.topology.Links))}
	for i, l := range q.topology.Links {
		live, seen := q.live.Links[i], q.seen.Links[l.Name]
		if live.Down {
			continue
		}
		if seen.A.Load.At.IsZero() || seen.B.Load.At.IsZero() {
			return m, fmt.Errorf("the load of link %s is not known, and there is no traffic matrix", l.Name)
		}
		q.older(seen.A.Load.At)
		q.older(seen.B.Load.At)
		m.carried[i] = min(seen.A.Load.BPS, beyond) + min(seen.B.Load.BPS, beyond)
		m.loads = append(m.loads,
			load{i, l.Name + ", " + l.A.Device + " to " + l.B.Device, seen.A.Load.BPS, live.Capacity},
			load{i, l.Name + ", " + l.B.Device + " to " + l.A.Device, seen.B.Load.BPS, live.Capacity})
	}
	return m, nil
}

// fullest is the direction that is filled most when more is added to each, without the links that are left out.
func (m measured) fullest(more int64, without map[int]bool) (worst int, name string) {
	for _, l := range m.loads {
		if full := permil(min(l.bps, beyond)+more, l.capacity); !without[l.link] && full > worst {
			worst, name = full, l.name
		}
	}
	return worst, name
}

// besides is the direction that is filled most with the links drained and shed more to carry. What a drained link carries
// goes anywhere else; on the link itself it only stays, as the last resort, with what the other drained ones carry.
func (q *question) besides(m measured, shed int64, without map[int]bool) (worst int, name string) {
	for _, l := range m.loads {
		more := shed + q.out.Moved
		if q.about[l.link] {
			more -= m.carried[l.link]
		}
		if full := permil(min(l.bps, beyond)+more, l.capacity); !without[l.link] && full > worst {
			worst, name = full, l.name
		}
	}
	return worst, name
}

// unused are the drained links that carry nothing at all.
func (q *question) unused(drained layers) map[int]bool {
	unused := map[int]bool{}
	for i := range q.about {
		ab, ba := drained.load(q.topology.Links[i].Name)
		unused[i] = ab.BPS == 0 && ba.BPS == 0
	}
	return unused
}

// boundFailures bounds what every single failure more would do, in service and drained.
func (q *question) boundFailures(m measured) {
	in, out := &q.out.InService, &q.out.Drained
	in.SurvivePermil, in.Link = in.WorstPermil, in.WorstLink
	out.SurvivePermil, out.Link = out.WorstPermil, out.WorstLink
	gravest := 0
	for _, s := range q.held.scenarios {
		failed, alone, shed := q.fails(s), int64(0), int64(0)
		for i := range failed {
			alone += m.carried[i]
			if !q.about[i] { // else it is moved already
				shed += m.carried[i]
			}
		}
		alone, shed = min(alone, beyond), min(shed, beyond)
		before, at := m.fullest(alone, failed)
		if before > in.SurvivePermil {
			in.SurvivePermil, in.Failure, in.Link = before, s.Name, at
		}
		after, at := q.besides(m, shed, failed)
		if after > out.SurvivePermil {
			out.SurvivePermil, out.Failure, out.Link = after, s.Name, at
		}
		if after > int(q.limits.Permil) && after > before+int(q.limits.Worse) {
			q.out.NewViolations++
			if after > gravest {
				gravest = after
				q.out.Worst = fmt.Sprintf("if %s fails, %s is filled to at most %d per mille, %d without the drain", s.Name, at, after, before)
			}
		}
	}
	in.Failures, out.Failures = len(q.held.scenarios), len(q.held.scenarios)
	in.Settled, out.Settled = in.Failures, out.Failures
}

// fails are the links that a scenario takes away.
func (q *question) fails(s whatif.Scenario) map[int]bool {
	failed := map[int]bool{}
	for _, name := range s.Links {
		failed[q.links[name]] = true
	}
	for _, node := range s.Nodes {
		for i, l := range q.topology.Links {
			if l.A.Device == node || l.B.Device == node {
				failed[i] = true
			}
		}
	}
	return failed
}
