package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
)

// factsFresh holds the age of what was seen against the policy. Facts from the future are as useless as old ones.
func factsFresh(p *Policy, q Question) answer {
	limit := p.file.Clocks.Fresh
	age := q.Now.Sub(q.Facts.At)
	a := answer{value: age.Round(time.Millisecond).String(), limit: "at most " + limit.String(), remedy: "the routers are looked at again by themselves; if that fails, restore telemetry"}
	switch {
	case q.Facts.At.IsZero():
		a.value, a.detail = "never", "the target has not been looked at"
	case age > limit.Std():
		a.detail = fmt.Sprintf("what was seen of the target is %s old", a.value)
	case age < -limit.Std():
		a.detail = fmt.Sprintf("what was seen of the target is %s ahead of this clock", (-age).Round(time.Millisecond))
		a.remedy = "synchronise the replicas' clocks"
	default:
		a.ok, a.detail = true, "the target was looked at just now"
	}
	return a
}

// preImageReadable wants every leaf that the plan sets to have been read, at the value that the plan comes back to.
func preImageReadable(_ *Policy, q Question) answer {
	a := answer{ok: true, value: "read", limit: "every leaf of both ends", detail: "every value that the plan would come back to was read from its router", remedy: "it is read again by itself; see why the router does not answer"}
	fail := func(value, format string, args ...any) {
		if a.ok {
			a.ok, a.value, a.detail = false, value, fmt.Sprintf(format, args...)
		}
	}
	for _, e := range q.Plan.Target.Ends {
		end, ok := endOf(q.Facts, e.Device, e.Interface)
		switch {
		case !ok:
			fail("not looked at", "%s %s was not looked at", e.Device, e.Interface)
		case end.Unreadable != "":
			fail("unreadable", "the pre-image of %s %s is unreadable: %s", e.Device, e.Interface, end.Unreadable)
		}
	}
	settings(q.Plan, func(device string, s events.Setting) {
		end, _ := endOf(q.Facts, device, s.Interface)
		if !slices.ContainsFunc(end.Leaves, func(l events.LeafFacts) bool { return l.LeafRef == s.LeafRef }) {
			fail("not read", "%s on %s was not read", s.LeafRef, device)
		}
	})
	return a
}

// preImageHolds wants every leaf to stand as it did when the plan was made: the undo puts exactly that back.
func preImageHolds(_ *Policy, q Question) answer {
	a := answer{ok: true, value: "unchanged", limit: "as when the plan was made", detail: "every leaf stands as it did when the plan was made"}
	first := map[routerLeaf]bool{} // a later step comes from what the one before it set
	settings(q.Plan, func(device string, s events.Setting) {
		leaf := routerLeaf{device, s.LeafRef}
		if first[leaf] {
			return
		}
		first[leaf] = true
		end, _ := endOf(q.Facts, device, s.Interface)
		for _, l := range end.Leaves {
			if l.LeafRef == s.LeafRef && l.Config != s.Before && a.ok {
				a.ok, a.value = false, fmt.Sprintf("%s on %s is %s", s.LeafRef, device, l.Config)
				a.detail = fmt.Sprintf("%s on %s is %s, and the plan was made when it was %s", s.LeafRef, device, l.Config, s.Before)
				a.remedy = "it is planned anew by itself"
			}
		}
	})
	return a
}

// platformQualified wants the action to be qualified on the platforms of both ends, or the policy to say otherwise.
func platformQualified(p *Policy, q Question) answer {
	how := p.file.Facts.Unproven
	a := answer{ok: true, value: "qualified", limit: "both routers' platforms, unproven: " + string(how), detail: "the action is qualified on the platforms of both routers"}
	for _, end := range q.Facts.Ends {
		if end.Profile.Qualified || end.Unreadable != "" {
			continue
		}
		a.value = fmt.Sprintf("%s (%s %s) is not", end.Device, end.Profile.Name, end.Profile.Software)
		switch {
		case how == TreatAllow:
			a.detail = fmt.Sprintf("%s is not qualified for this, and the policy allows it nevertheless", end.Device)
		case how == TreatAsk && q.approved:
			a.detail = fmt.Sprintf("%s is not qualified for this, and it was approved", end.Device)
		default:
			a.ok, a.detail = false, fmt.Sprintf("no proof of %s with its present software is on record", end.Device)
			a.remedy = fmt.Sprintf("an operator: detour routers prove %s, with a canary_metric in the inventory; or set facts.unproven in the policy", end.Device)
			if how == TreatAsk {
				a.no, a.remedy = events.Ask, "an approver decides"
			}
			return a
		}
	}
	return a
}

// telemetryCoverage wants most of the network to be seen: who is half blind does not know what else is broken.
func telemetryCoverage(p *Policy, q Question) answer {
	n := q.Facts.Network
	ok, a := p.covered(n)
	a.ok = ok
	return a
}

func (p *Policy) covered(n events.NetworkFacts) (bool, answer) {
	least := p.file.Facts.CoveragePermil
	a := answer{
		value: fmt.Sprintf("%d of %d routers", n.Seen, n.Routers), limit: fmt.Sprintf("at least %d per mille", least),
		detail: "enough of the network is seen", remedy: "restore telemetry from the routers that are not seen",
	}
	ok := n.Routers > 0 && n.Seen*1000 >= least*n.Routers
	if !ok {
		a.detail = fmt.Sprintf("only %d of %d routers are seen: too little is known of the rest of the network", n.Seen, n.Routers)
	}
	return ok, a
}

// networkCalm stops when more links are down than one fault explains: then the network needs a person, not a drain more.
func networkCalm(p *Policy, q Question) answer {
	down := 0
	for _, name := range q.Facts.Network.DownLinks {
		if name != q.Plan.Target.Name {
			down++
		}
	}
	a := answer{ok: down <= p.file.Facts.OthersDown, value: fmt.Sprintf("%d other links down", down), limit: fmt.Sprintf("at most %d", p.file.Facts.OthersDown)}
	a.detail = "no more of the network is down than the policy allows"
	if !a.ok {
		a.detail = fmt.Sprintf("%d other links are down: the capacity that a drain leans on may be gone", down)
		a.remedy = "it goes on by itself when links come back; until then a person decides"
	}
	return a
}

// headroom wants no link to be overloaded already, where what the drain adds was not computed; what is seen afterwards is
// verified.
func headroom(p *Policy, q Question) answer {
	n, limit := q.Facts.Network, p.file.Verify.WorstLinkPermil
	a := answer{value: fmt.Sprintf("%d per mille on %s", n.WorstPermil, n.WorstLink), limit: fmt.Sprintf("at most %d per mille", limit)}
	switch {
	case q.Facts.Prospect != nil:
		a.ok, a.detail = true, "what the drain adds was computed: see "+CheckCapacity
	case n.WorstPermil < 0:
		a.value, a.detail, a.remedy = "unknown", "the load of the other links is not known yet", "two samples of every router's counters are needed; restore telemetry if they do not come"
	case n.WorstPermil > limit:
		a.detail, a.remedy = fmt.Sprintf("%s is loaded to %d per mille before anything was moved", n.WorstLink, n.WorstPermil), "it goes on by itself when load falls; or add capacity"
	default:
		a.ok, a.detail = true, "no other link is near its limit"
	}
	return a
}
