//go:build linux

package live

import (
	"context"
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

// mark is where all flows stand, and what has been counted a moment before and a moment after.
type mark struct {
	at            []uint64
	before, after counts
}

// counts are packets that were lost for a reason that is known.
type counts struct {
	dropped uint64            // by the link's fault
	kernel  map[string]uint64 // by the routers' kernels, all together
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
	c := counts{kernel: map[string]uint64{}}
	for i, kernel := range f.drops {
		ports, err := kernel.Ports()
		if err != nil {
			f.s.t.Fatal(err)
		}
		c.dropped += ports[f.ports[i]].Counters.InErrors
	}
	for i := range f.s.bed.Routers {
		err := netns.Within(f.s.bed.Routers[i].Namespace, func() error { return kernelCounts(c.kernel) })
		if err != nil {
			f.s.t.Fatal(err)
		}
	}
	return c
}

// kernelCounts adds what the kernel has counted in the namespace that the thread is in. A process's own folder would be
// that of its first thread, wherever this one is.
func kernelCounts(sum map[string]uint64) error {
	const folder = "/proc/thread-self/net/"
	six, err := os.ReadFile(folder + "snmp6")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(six)) {
		if words := strings.Fields(line); len(words) == 2 {
			n, _ := strconv.ParseUint(words[1], 10, 64) // the kernel writes numbers
			sum[words[0]] += n
		}
	}
	for _, name := range []string{"snmp", "netstat"} {
		raw, err := os.ReadFile(folder + name)
		if err != nil {
			return err
		}
		lines := strings.Split(string(raw), "\n")
		for i := 0; i+1 < len(lines); i += 2 { // names, and below them values
			names, values := strings.Fields(lines[i]), strings.Fields(lines[i+1])
			for n := 1; n < min(len(names), len(values)); n++ {
				value, _ := strconv.ParseUint(values[n], 10, 64) // a negative one is a limit, and no count
				sum[strings.TrimSuffix(names[0], ":")+names[n]] += value
			}
		}
	}
	return nil
}

// settled waits until packets arrive: routers go by what they have heard.
func (f *flows) settled() {
	f.s.t.Helper()
	f.s.wait("no packet to be lost for a while", func() bool {
		lost := uint64(0)
		from := make([]uint64, len(f.all))
		for i, flow := range f.all {
			from[i] = flow.Mark()
		}
		f.run(500)
		for i, flow := range f.all {
			lost += flow.Lost(f.s.within(), from[i], flow.Mark()).Lost
		}
		return lost == 0
	})
}

// run lets flows go on for a number of packets each.
func (f *flows) run(packets uint64) {
	f.s.t.Helper()
	until := f.all[0].Mark() + packets
	f.s.wait("packets to be sent", func() bool { return f.all[0].Mark() >= until })
}
