package fabric

import "time"

// count is what an arc has seen up to the last change, in bits.
type count struct {
	sent, lost, discarded, dead int64
}

// edge is what has begun and ended at a node up to the last change, in bits.
type edge struct {
	entered, delivered, dropped int64
}

func (e edge) plus(r *edgeRates, d time.Duration) edge {
	return edge{entered: e.entered + amount(r.entered, d), delivered: e.delivered + amount(r.delivered, d), dropped: e.dropped + amount(r.dropped, d)}
}

type total struct {
	delivered, lost, discarded, unroutable, looped, undrained int64
}

// integrate brings every counter up to now with the rates valid since the last change. It must precede every change.
func (f *Fabric) integrate(now time.Time) {
	elapsed := now.Sub(f.since)
	if elapsed <= 0 {
		return
	}
	r := f.current()
	for i := range f.arcs {
		f.arcs[i] = f.arcs[i].plus(&r.arcs[i], elapsed)
	}
	for n := range f.edges {
		f.edges[n] = f.edges[n].plus(&r.edges[n], elapsed)
	}
	f.total = f.total.plus(&r.total, elapsed)
	f.since = now
}

func (c count) plus(r *arcRates, d time.Duration) count {
	return count{
		sent: c.sent + amount(r.sent, d), lost: c.lost + amount(r.lost, d),
		discarded: c.discarded + amount(r.discarded, d), dead: c.dead + amount(r.dead, d),
	}
}

func (t total) plus(r *totalRates, d time.Duration) total {
	return total{
		delivered: t.delivered + amount(r.delivered, d), lost: t.lost + amount(r.lost, d),
		discarded: t.discarded + amount(r.discarded, d), unroutable: t.unroutable + amount(r.unroutable, d),
		looped: t.looped + amount(r.looped, d), undrained: t.undrained + amount(r.undrained, d),
	}
}

// amount is rate times duration, in bits, rounded down.
func amount(rate int64, d time.Duration) int64 {
	whole, rest := int64(d/time.Second), int64(d%time.Second)
	return rate*whole + mulDiv(rate, rest, int64(time.Second))
}

// elapsed is the time since the last change.
func (f *Fabric) elapsed(now time.Time) time.Duration { return max(0, now.Sub(f.since)) }

// Counters are an interface's, since the start.
type Counters struct {
	InOctets, InPackets, InErrors int64 // InErrors are frames with a bad checksum; they are not among InPackets
	InDiscards                    int64 // with no way on
	OutOctets, OutPackets         int64
	OutDiscards                   int64 // no room on the link, or no light on it
}

// Counters are those of the interface at one end of a link, 2*i for A's and 2*i+1 for B's.
func (f *Fabric) Counters(end int, now time.Time) Counters {
	r, d := f.current(), f.elapsed(now)
	out, in := f.arcs[end].plus(&r.arcs[end], d), f.arcs[end^1].plus(&r.arcs[end^1], d)
	return Counters{
		InOctets: (in.sent - in.lost) / 8, InPackets: (in.sent - in.lost) / packetBits, InErrors: in.lost / packetBits,
		OutOctets: out.sent / 8, OutPackets: out.sent / packetBits, OutDiscards: (out.discarded + out.dead) / packetBits,
	}
}

// EdgeCounters are those of the interface at which a node's own traffic enters the network and leaves it. What has no way on
// at a node is counted as discarded there, whichever way it came.
func (f *Fabric) EdgeCounters(node int, now time.Time) Counters {
	c := f.edges[node].plus(&f.current().edges[node], f.elapsed(now))
	return Counters{
		InOctets: c.entered / 8, InPackets: c.entered / packetBits, InDiscards: c.dropped / packetBits,
		OutOctets: c.delivered / 8, OutPackets: c.delivered / packetBits,
	}
}

// Load is the rate sent on an arc right now, in bits per second. It leaves out what goes round in loops.
func (f *Fabric) Load(arc int) int64 { return f.current().arcs[arc].sent }

// Offered is the rate that an arc would carry right now if nothing were lost or discarded anywhere.
func (f *Fabric) Offered(arc int) int64 { return f.current().arcs[arc].offered }

// Looping is the rate that ends in loops right now, in bits per second.
func (f *Fabric) Looping() int64 { return f.current().total.looped }

// Totals are packets since the start.
type Totals struct {
	Sent        int64 // the sum of the next five
	Delivered   int64
	Lost        int64 // by faults of links
	Discarded   int64 // by congestion
	Unroutable  int64 // no path to the destination
	Looped      int64 // went round until their time to live was over, while routers had yet to learn of a change
	WouldBeLost int64 // by faults of links or in loops, had every metric stayed as at the start
}

// Saved is how many packets fewer were lost by faults and in loops than without any change of metrics. It is negative
// when changes did harm.
func (t Totals) Saved() int64 { return t.WouldBeLost - t.Lost - t.Looped }

// Totals are the packets of the whole network.
func (f *Fabric) Totals(now time.Time) Totals {
	sum := f.total.plus(&f.current().total, f.elapsed(now))
	t := Totals{
		Delivered: sum.delivered / packetBits, Lost: sum.lost / packetBits, Discarded: sum.discarded / packetBits,
		Unroutable: sum.unroutable / packetBits, Looped: sum.looped / packetBits, WouldBeLost: sum.undrained / packetBits,
	}
	t.Sent = t.Delivered + t.Lost + t.Discarded + t.Unroutable + t.Looped
	return t
}
