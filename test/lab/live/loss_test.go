//go:build linux

package live

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/detour-net/detour/test/lab/detector"
	"github.com/detour-net/detour/test/lab/traffic"
)

// replaced is how many packets zebra may cost when it replaces routes: the kernel has neither the old one nor the new one
// for an instant.
const replaced = 4

// stalled is how long a probe that is about to leave may wait for a processor before a link drops it, and the kernel counts.
const stalled = 300 * time.Millisecond

// loss is what became of the packets between two marks.
type loss struct {
	sent, lost uint64
	dropped    uint64
	kernel     map[string]uint64 // by reason
}

// routeless are the packets for which a router had no route.
func (l loss) routeless() uint64 {
	return l.kernel["IpOutNoRoutes"] + l.kernel["IpExtInNoRoutes"] + l.kernel["Ip6InNoRoutes"] + l.kernel["Ip6OutNoRoutes"]
}

// overrun are the packets that came to the sink, and for which it had no room.
func (l loss) overrun() uint64 { return l.kernel["UdpRcvbufErrors"] + l.kernel["Udp6RcvbufErrors"] }

func (l loss) String() string {
	text := fmt.Sprintf("%d of %d packets lost", l.lost, l.sent)
	if l.dropped > 0 {
		text += fmt.Sprintf(", the link dropped %d", l.dropped)
	}
	for _, reason := range slices.Sorted(maps.Keys(l.kernel)) {
		text += fmt.Sprintf(", %s %d", reason, l.kernel[reason])
	}
	return text
}

// blurred is how many of a sick link's drops may not be found: what it drops of flows is what it drops at all, less probes,
// and those are counted one after the other while packets go on.
const blurred = 20

// unexplained are the lost packets that the link has not dropped, nor zebra's replacing of routes, nor the sink.
func (l loss) unexplained() uint64 {
	explained := l.dropped + min(l.routeless(), replaced) + l.overrun()
	if l.dropped > 0 {
		explained += blurred
	}
	return l.lost - min(l.lost, explained)
}

// reasons are the kernel's counters of packets that go nowhere.
func reasons() []string {
	return []string{
		"IpOutNoRoutes", "IpExtInNoRoutes", "Ip6InNoRoutes", "Ip6OutNoRoutes", "IpInDiscards", "IpOutDiscards", "Ip6InDiscards", "Ip6OutDiscards",
		"IcmpOutTimeExcds", "Icmp6OutTimeExcds", "IpInAddrErrors", "Ip6InAddrErrors", "UdpRcvbufErrors", "Udp6RcvbufErrors", "UdpNoPorts", "Udp6NoPorts",
	}
}

// between says what became of the packets sent between two marks, all flows together. What was dropped, beside
// probes, and had no route, are bounds from above.
func (f *flows) between(from, to mark) loss {
	ctx := f.s.within()
	all := make([]traffic.Loss, len(f.all))
	var counting sync.WaitGroup
	for i, flow := range f.all {
		counting.Go(func() { all[i] = flow.Lost(ctx, from.at[i], to.at[i]) })
	}
	counting.Wait()
	l := loss{dropped: to.after.dropped - from.before.dropped, kernel: map[string]uint64{}}
	for _, reason := range reasons() {
		if n := to.after.kernel[reason] - from.before.kernel[reason]; n > 0 {
			l.kernel[reason] = n
		}
	}
	for _, a := range all {
		l.sent, l.lost = l.sent+a.Sent, l.lost+a.Lost
	}
	if f.s.prober != nil {
		for _, port := range f.ports {
			f.probed(port, to.after.began)
			l.dropped -= min(l.dropped, f.s.prober.Lost(port, from.before.ended, to.after.began.Add(-stalled)))
		}
	}
	return l
}

// probed waits until it is known what became of the probes that left for a port before a moment: who takes them in has to wait
// for a processor as well. Where a link lets nothing through nothing comes, and none is waited for longer than that takes.
func (f *flows) probed(at detector.Port, before time.Time) {
	for deadline := time.Now().Add(5 * time.Second); !f.s.prober.Settled(at, before) && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
}

// expect tells what became of the packets between two marks, and wants that only a sick link has lost any.
func (f *flows) expect(when string, from, to mark) loss {
	f.s.t.Helper()
	l := f.between(from, to)
	f.s.t.Logf("%s: %s", when, l)
	if n := l.unexplained(); n > 0 {
		f.s.t.Errorf("%s: %d packets are lost and nobody knows why", when, n)
	}
	return l
}
