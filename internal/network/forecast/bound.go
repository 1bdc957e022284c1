package forecast

import (
	"fmt"

	"github.com/detour-net/detour/internal/network/whatif"
)

// load is the measured traffic on one direction of a link.
type load struct {
	link     int // in the topology
	name     string
	bps      int64
	capacity int64
}

// bound answers from the loads of links alone: what a link carries may all go to any other one.
func (q *question) bound(name string) error {
	loads, carried, err := q.measured()
	if err != nil {
		return err
	}
	moved := carried[q.link]
	q.out.Moved = moved
	gone, err := q.held.base.Apply(whatif.HardDrain(name))
	if err != nil {
		return fmt.Errorf("take %s away: %w", name, err)
	}
	if cut := gone.Undelivered(named); cut.Count > q.held.base.Undelivered(0).Count {
		q.out.Drained.CutOff = moved // which of it cannot be told
		for _, l := range cut.Named {
			q.out.Drained.CutOffNames = append(q.out.Drained.CutOffNames, l.From+" > "+l.To)
		}
	}
	q.out.InService.WorstPermil, q.out.InService.WorstLink = fullest(loads, 0, nil)
	q.out.Drained.WorstPermil, q.out.Drained.WorstLink = fullest(loads, moved, map[int]bool{q.link: true})
	q.boundFailures(loads, carried, moved)
	return nil
}

// measured are the loads of every link that is up, and what each carries in both directions together.
func (q *question) measured() (loads []load, carried []int64, err error) {
	carried = make([]int64, len(q.topology.Links))
	for i, l := range q.topology.Links {
		live, seen := q.live.Links[i], q.seen.Links[l.Name]
		if live.Down {
			continue
		}
		if seen.A.Load.At.IsZero() || seen.B.Load.At.IsZero() {
			return nil, nil, fmt.Errorf("the load of link %s is not known, and there is no traffic matrix", l.Name)
		}
		q.older(seen.A.Load.At)
		q.older(seen.B.Load.At)
		carried[i] = min(seen.A.Load.BPS, beyond) + min(seen.B.Load.BPS, beyond)
		loads = append(loads,
			load{i, l.Name + ", " + l.A.Device + " to " + l.B.Device, seen.A.Load.BPS, live.Capacity},
			load{i, l.Name + ", " + l.B.Device + " to " + l.A.Device, seen.B.Load.BPS, live.Capacity})
	}
	return loads, carried, nil
}

// fullest is the direction that is filled most when more is added to each, without the links that are left out.
func fullest(loads []load, more int64, without map[int]bool) (worst int, name string) {
	for _, l := range loads {
		if full := permil(l.bps+more, l.capacity); !without[l.link] && full > worst {
			worst, name = full, l.name
		}
	}
	return worst, name
}

// boundFailures bounds what every single failure more would do, in service and drained.
func (q *question) boundFailures(loads []load, carried []int64, moved int64) {
	in, out := &q.out.InService, &q.out.Drained
	in.SurvivePermil, in.Link = in.WorstPermil, in.WorstLink
	out.SurvivePermil, out.Link = out.WorstPermil, out.WorstLink
	limits := whatif.DefaultLimits()
	gravest := 0
	for _, s := range q.held.scenarios {
		failed, shed := q.fails(s), int64(0)
		for i := range failed {
			if i != q.link {
				shed += carried[i]
			}
		}
		alone := shed
		if failed[q.link] {
			alone += moved
		}
		before, at := fullest(loads, alone, failed)
		if before > in.SurvivePermil {
			in.SurvivePermil, in.Failure, in.Link = before, s.Name, at
		}
		failed[q.link] = true
		after, at := fullest(loads, shed+moved, failed)
		if after > out.SurvivePermil {
			out.SurvivePermil, out.Failure, out.Link = after, s.Name, at
		}
		if after > int(limits.Permil) && after > before+int(limits.Worse) {
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
