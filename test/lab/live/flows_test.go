//go:build linux

package live

import (
	"context"
	"sync"
	"time"

	"github.com/detour-net/detour/test/lab/agent"
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

// mark is where all flows stand, and how much the link has dropped.
type mark struct {
	at      []uint64
	dropped uint64
}

func (f *flows) mark() mark {
	f.s.t.Helper()
	var m mark
	for _, flow := range f.all {
		m.at = append(m.at, flow.Mark())
	}
	for i, kernel := range f.drops {
		ports, err := kernel.Ports()
		if err != nil {
			f.s.t.Fatal(err)
		}
		m.dropped += ports[f.ports[i]].Counters.InErrors
	}
	return m
}

// between says what became of the packets sent between two marks: all flows together, and what the link dropped of
// everything that crossed it meanwhile.
func (f *flows) between(from, to mark) (sent, lost, dropped uint64) {
	ctx := f.s.within()
	all := make([]traffic.Loss, len(f.all))
	var counting sync.WaitGroup
	for i, flow := range f.all {
		counting.Go(func() { all[i] = flow.Lost(ctx, from.at[i], to.at[i]) })
	}
	counting.Wait()
	for _, l := range all {
		sent, lost = sent+l.Sent, lost+l.Lost
	}
	return sent, lost, to.dropped - from.dropped
}

// run lets flows go on for a number of packets each.
func (f *flows) run(packets uint64) {
	f.s.t.Helper()
	until := f.all[0].Mark() + packets
	f.s.wait("packets to be sent", func() bool { return f.all[0].Mark() >= until })
}
