//go:build linux

package live

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/detour-net/detour/test/lab/agent"
	"github.com/detour-net/detour/test/lab/netns"
	"github.com/detour-net/detour/test/lab/traffic"
)

// pace is the time between two packets of a flow.
const pace = 2 * time.Millisecond

// flows are packets in both directions between two routers, of both families.
type flows struct {
	s     *stage
	all   []*traffic.Flow
	drops []*agent.Linux // where a link's fault drops packets
	ports [2]string
}

// flow begins flows between the ends of a link.
func (s *stage) flow(link string) *flows {
	s.t.Helper()
	l := s.link(link)
	f := &flows{s: s, ports: [2]string{l.A.Interface, l.B.Interface}}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	s.t.Cleanup(func() { stop(); running.Wait() })
	for _, way := range [][2]string{{l.A.Device, l.B.Device}, {l.B.Device, l.A.Device}} {
		from, err := s.bed.Router(way[0])
		if err != nil {
			s.t.Fatal(err)
		}
		to, err := s.bed.Router(way[1])
		if err != nil {
			s.t.Fatal(err)
		}
		for _, six := range []bool{false, true} {
			flow, err := traffic.Open(from, to, six)
			if err != nil {
				s.t.Fatal(err)
			}
			f.all = append(f.all, flow)
			running.Go(func() { flow.Run(ctx, pace) })
		}
		kernel, err := agent.OpenLinux(from.Namespace)
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { kernel.Close() })
		f.drops = append(f.drops, kernel)
	}
	return f
}

// mark is where all flows stand, and what routers have counted a moment before and a moment after.
type mark struct {
	at            []uint64
	before, after counts
}

// counts are packets that were lost for a reason that is known.
type counts struct {
	dropped   uint64 // by the link's fault
	routeless uint64 // for want of an IPv6 route
}

func (f *flows) mark() mark {
	f.s.t.Helper()
	m := mark{before: f.counts()}
	for _, flow := range f.all {
		m.at = append(m.at, flow.Mark())
	}
	f.run(25) // what was under way has arrived, or is counted
	m.after = f.counts()
	return m
}

func (f *flows) counts() counts {
	f.s.t.Helper()
	var c counts
	for i, kernel := range f.drops {
		ports, err := kernel.Ports()
		if err != nil {
			f.s.t.Fatal(err)
		}
		c.dropped += ports[f.ports[i]].Counters.InErrors
	}
	for i := range f.s.bed.Routers {
		n, err := routeless(f.s.bed.Routers[i].Namespace)
		if err != nil {
			f.s.t.Fatal(err)
		}
		c.routeless += n
	}
	return c
}

// routeless counts the packets for which a router has had no IPv6 route.
func routeless(namespace string) (sum uint64, err error) {
	err = netns.Within(namespace, func() error {
		raw, err := os.ReadFile("/proc/thread-self/net/snmp6")
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(raw)) {
			if words := strings.Fields(line); len(words) == 2 && (words[0] == "Ip6InNoRoutes" || words[0] == "Ip6OutNoRoutes") {
				n, err := strconv.ParseUint(words[1], 10, 64)
				if err != nil {
					return err
				}
				sum += n
			}
		}
		return nil
	})
	return sum, err
}

// replaced is how many packets zebra may cost when it replaces IPv6 routes: the kernel has neither the old one nor the new
// one for an instant.
const replaced = 4

// loss is what became of the packets between two marks.
type loss struct{ sent, lost, dropped, routeless uint64 }

func (l loss) String() string {
	text := fmt.Sprintf("%d of %d packets lost", l.lost, l.sent)
	if l.dropped > 0 {
		text += fmt.Sprintf(", the link dropped %d", l.dropped)
	}
	if l.routeless > 0 {
		text += fmt.Sprintf(", %d while zebra replaced their route", l.routeless)
	}
	return text
}

// unexplained are the lost packets that the link has not dropped, nor zebra's replacing of routes.
func (l loss) unexplained() uint64 {
	known := l.dropped + min(l.routeless, replaced)
	return l.lost - min(l.lost, known)
}

// between says what became of the packets sent between two marks, all flows together. What was dropped, and had no route,
// are bounds from above.
func (f *flows) between(from, to mark) loss {
	ctx := f.s.within()
	all := make([]traffic.Loss, len(f.all))
	var counting sync.WaitGroup
	for i, flow := range f.all {
		counting.Go(func() { all[i] = flow.Lost(ctx, from.at[i], to.at[i]) })
	}
	counting.Wait()
	l := loss{dropped: to.after.dropped - from.before.dropped, routeless: to.after.routeless - from.before.routeless}
	for _, a := range all {
		l.sent, l.lost = l.sent+a.Sent, l.lost+a.Lost
	}
	return l
}

// expect logs what became of the packets between two marks, and wants that only a sick link has lost any.
func (f *flows) expect(when string, from, to mark) {
	f.s.t.Helper()
	l := f.between(from, to)
	f.s.t.Logf("%s: %s", when, l)
	if n := l.unexplained(); n > 0 {
		f.s.t.Errorf("%s: %d packets are lost and nobody knows why", when, n)
	}
}

// run lets flows go on for a number of packets each.
func (f *flows) run(packets uint64) {
	f.s.t.Helper()
	until := f.all[0].Mark() + packets
	f.s.wait("packets to be sent", func() bool { return f.all[0].Mark() >= until })
}
