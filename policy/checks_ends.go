package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/detour-net/detour/events"
)

// endsAgree wants both ends of the link to tell the same of it: each is adjacent to the other and to nobody else, by the same
// circuit where they tell of circuits, both are as fast, and their metrics are the same unless the topology gives them different ones. Where they do not, the link is
// not the one that people wrote down, and what a drain of it would do is not known. What an end does not tell is for the
// policy to treat. Two ends without an adjacency agree: the link flaps, or is down.
func endsAgree(p *Policy, q Question) answer {
	how := p.file.Facts.Untold
	a := answer{ok: true, value: "agree", limit: "each adjacent to the other alone, one circuit, one speed, metrics as in the topology; untold: " + string(how), detail: "both ends tell the same of the link"}
	if len(q.Facts.Ends) != 2 || q.Facts.Ends[0].Unreadable != "" || q.Facts.Ends[1].Unreadable != "" {
		a.value, a.detail = "not looked at", "the ends were not both read: see "+CheckReadable
		return a
	}
	one, other := q.Facts.Ends[0], q.Facts.Ends[1]
	for _, disagreement := range []string{
		adjacencyMissing(one, other), otherNeighbour(one, other), otherNeighbour(other, one), otherCircuit(one, other), otherSpeed(one, other), otherMetric(q),
	} {
		if disagreement != "" {
			return answer{
				value: "disagree", limit: a.limit, detail: "the ends of the link disagree: " + disagreement,
				remedy: "compare with detour topology discover; correct the router, or the topology where that is wrong. It is looked at again by itself",
			}
		}
	}
	silent := untold(one, other)
	switch {
	case len(silent) == 0:
		return a
	case how == TreatAllow:
		a.value, a.detail = "not told", strings.Join(silent, "; ")+": the policy allows it nevertheless"
	case how == TreatAsk && q.approved:
		a.value, a.detail = "not told", strings.Join(silent, "; ")+", and it was approved"
	default:
		a.ok, a.value, a.detail = false, "not told", strings.Join(silent, "; ")
		a.remedy = "restore telemetry of IS-IS adjacencies; or set facts.untold in the policy, if the router never tells"
		if how == TreatAsk {
			a.no, a.remedy = events.Ask, "an approver decides"
		}
	}
	return a
}

func place(e events.EndFacts) string { return e.Device + " " + e.Interface }

// adjacencyMissing says that one end alone has an adjacency. Where an end's state is not known, neither is that.
func adjacencyMissing(one, other events.EndFacts) string {
	for _, pair := range [][2]events.EndFacts{{one, other}, {other, one}} {
		if pair[0].Adjacencies > 0 && pair[1].Adjacencies == 0 && pair[1].Oper != "" {
			return fmt.Sprintf("%s has an adjacency, and %s has none", place(pair[0]), place(pair[1]))
		}
	}
	return ""
}

// otherNeighbour says that an end is adjacent to somebody else than the router at the other.
func otherNeighbour(e, to events.EndFacts) string {
	if to.System == "" {
		return ""
	}
	for _, system := range e.Neighbours {
		if system != to.System {
			return fmt.Sprintf("%s is adjacent to %s, and %s is %s", place(e), system, to.Device, to.System)
		}
	}
	return ""
}

// otherCircuit says that an end leads to another of the same router's interfaces than the link's other end: links between two
// routers are swapped.
func otherCircuit(one, other events.EndFacts) string {
	if one.Adjacencies == 0 || other.Adjacencies == 0 || len(one.Circuits) == 0 || len(other.Circuits) == 0 {
		return ""
	}
	same := func(told, heard uint32) bool { return told == 0 || heard == 0 || told == heard }
	for _, a := range one.Circuits {
		for _, b := range other.Circuits {
			if same(a.Local, b.Peer) && same(b.Local, a.Peer) {
				return ""
			}
		}
	}
	a, b := one.Circuits[0], other.Circuits[0]
	return fmt.Sprintf("%s is circuit %d and leads to circuit %d of %s, where %s is circuit %d and leads to circuit %d: links between the two are swapped",
		place(one), a.Local, a.Peer, other.Device, place(other), b.Local, b.Peer)
}

func otherSpeed(one, other events.EndFacts) string {
	if one.Speed > 0 && other.Speed > 0 && one.Speed != other.Speed {
		return fmt.Sprintf("%s has %s, and %s has %s", place(one), bitrate(one.Speed), place(other), bitrate(other.Speed))
	}
	return ""
}

// otherMetric compares the metrics that are configured now, or in force where none is configured. Between two steps of a
// drain they are what the drain has set, which may be another value at each end.
func otherMetric(q Question) string {
	f := q.Facts
	if f.Asymmetric || q.underWay {
		return ""
	}
	for _, leaf := range f.Ends[0].Leaves {
		n := slices.IndexFunc(f.Ends[1].Leaves, func(l events.LeafFacts) bool {
			return l.Leaf == leaf.Leaf && l.Level == leaf.Level && l.Family == leaf.Family
		})
		if n < 0 {
			continue
		}
		a, known := standing(leaf)
		b, both := standing(f.Ends[1].Leaves[n])
		if known && both && a != b {
			return fmt.Sprintf("the metric at level %d for %s is %d on %s and %d on %s, and the topology has the same for both",
				leaf.Level, leaf.Family, a, place(f.Ends[0]), b, place(f.Ends[1]))
		}
	}
	return ""
}

// standing is a leaf's configured value, and the one in force where none is configured.
func standing(l events.LeafFacts) (uint64, bool) {
	if n, ok := l.Config.Uint(); ok {
		return n, true
	}
	return l.State.Uint()
}

// untold says what the ends do not tell.
func untold(ends ...events.EndFacts) (silent []string) {
	for _, e := range ends {
		switch {
		case e.Oper == "" && e.Adjacencies == 0:
			silent = append(silent, place(e)+" does not tell of its adjacencies")
		case e.Adjacencies > 0 && len(e.Neighbours) == 0:
			silent = append(silent, place(e)+" does not tell whom it is adjacent to")
		case e.System == "":
			silent = append(silent, e.Device+" does not tell its system identifier")
		}
	}
	return silent
}

// bitrate is a number of bits per second for people.
func bitrate(bps int64) string {
	if bps%1e9 == 0 {
		return fmt.Sprintf("%d Gb/s", bps/1e9)
	}
	return fmt.Sprintf("%d Mb/s", bps/1e6)
}
