package forecast

import (
	"fmt"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
)

// conservedBy is how far what goes out of a router may be from what comes in, in thousandths of the larger one: the counters of
// its ports are read one after the other, while traffic goes up and down.
const conservedBy = 50

// conserved holds what comes into each router, less what it says that it drops, against what goes out of it.
func (q *question) conserved() (c events.Conservation) {
	carries := q.carries()
	for i, r := range q.topology.Routers {
		b := q.seen.Routers[r.Name].Balance
		if why := q.unbalanced(b); why != "" {
			if c.Unchecked++; c.Unchecked == 1 {
				c.Why = r.Name + ": " + why
			}
			continue
		}
		c.Routers++
		in := max(b.In-b.Dropped, 0)
		by := max(in-b.Broken-b.Out, b.Out-in, 0) // what arrived in error may be among what came in, or not
		off := permil(by, max(in, b.Out, 1))
		if off <= conservedBy || permil(by, max(carries[i], 1)) <= noise {
			c.Balanced++
		} else if off > c.Worst {
			c.Worst, c.Router, c.In, c.Out = off, r.Name, in, b.Out
		}
	}
	return c
}

// unbalanced says why a balance is none that can be judged; "" when it is one.
func (q *question) unbalanced(b network.Balance) string {
	switch {
	case b.Missing != "":
		return b.Missing
	case b.At.IsZero():
		return "it is not heard"
	case !q.fresh(network.Reading{At: b.At}):
		return fmt.Sprintf("it was counted more than %s ago", freshLoad)
	}
	return ""
}

// carries is what the links of each router can carry together in one direction, in bits per second.
func (q *question) carries() []int64 {
	sum := make([]int64, len(q.topology.Routers))
	for i, l := range q.topology.Links {
		for _, end := range []network.End{l.A, l.B} {
			sum[q.routers[end.Device]] += q.live.Links[i].Capacity
		}
	}
	return sum
}
