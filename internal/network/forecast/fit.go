package forecast

import (
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/whatif"
)

// How far two accounts of a load may differ to agree, in thousandths.
const (
	closeBy   = 50 // prediction and measurement: of capacity
	countedBy = 20 // what is sent and what arrives: of the larger one. The two ends' intervals are never quite the same
	noise     = 10 // or of capacity, for a link that is nearly empty
)

// freshLoad is how old a measured load may be to be compared.
const freshLoad = time.Minute

func (q *question) fresh(r network.Reading) bool {
	return !r.At.IsZero() && q.seen.At.Sub(r.At) <= freshLoad
}

// fit compares what is computed with what is measured.
func (q *question) fit(stands layers) (fit events.Fit) {
	for i, l := range q.topology.Links {
		if q.live.Links[i].Down {
			continue
		}
		ab, ba := stands.load(l.Name)
		seen := q.seen.Links[l.Name]
		for _, d := range []struct {
			computed whatif.Load
			measured network.Reading
		}{{ab, seen.A.Load}, {ba, seen.B.Load}} {
			if q.fresh(d.measured) {
				off := permil(apart(d.computed.BPS, d.measured.BPS), d.computed.Capacity)
				compare(&fit, off <= closeBy, off, d.computed)
			}
		}
	}
	return fit
}

// counters compares what ends send with what arrives at the others. A link in order loses next to nothing; those that the
// question is about may be sick, and are left out.
func (q *question) counters() (fit events.Fit) {
	for i, l := range q.topology.Links {
		if q.live.Links[i].Down || q.about[i] {
			continue
		}
		seen := q.seen.Links[l.Name]
		for _, d := range []struct {
			sent, arrived network.Reading
			from, to      string
		}{{seen.A.Load, seen.B.Arrived, l.A.Device, l.B.Device}, {seen.B.Load, seen.A.Arrived, l.B.Device, l.A.Device}} {
			if q.fresh(d.sent) && q.fresh(d.arrived) {
				by := apart(d.sent.BPS, d.arrived.BPS)
				off := permil(by, q.live.Links[i].Capacity)
				agree := off <= noise || permil(by, max(d.sent.BPS, d.arrived.BPS)) <= countedBy
				compare(&fit, agree, off, whatif.Load{Link: l.Name, From: d.from, To: d.to})
			}
		}
	}
	return fit
}

func apart(a, b int64) int64 { return max(a-b, b-a) }

// compare adds one direction to a comparison.
func compare(fit *events.Fit, agree bool, off int, of whatif.Load) {
	fit.Links++
	if agree {
		fit.Close++
	}
	if off > fit.Worst {
		fit.Worst, fit.OnLink = off, direction(of)
	}
}
