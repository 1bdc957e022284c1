//go:build linux

package live

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/detour-net/detour/test/lab/agent"
	"github.com/detour-net/detour/test/lab/detector"
	"github.com/detour-net/detour/test/lab/netns"
	"github.com/detour-net/detour/test/lab/traffic"
)

// pace is the time between two packets of a flow.
const pace = 2 * time.Millisecond

// flows are packets between routers, of both families.
type flows struct {
	s     *stage
	all   []*traffic.Flow
	drops []*agent.Linux // where a link's fault drops packets
	ports [2]detector.Port
}

// flow begins flows between the ends of a link.
func (s *stage) flow(link string) *flows {
	s.t.Helper()
	l := s.link(link)
	return s.flowing(link, [][2]string{{l.A.Device, l.B.Device}, {l.B.Device, l.A.Device}})
}

// flowing begins flows from routers to others, and counts what a link drops.
func (s *stage) flowing(link string, ways [][2]string) *flows {
	s.t.Helper()
	l := s.link(link)
	f := &flows{s: s, ports: [2]detector.Port{{Device: l.A.Device, Interface: l.A.Interface}, {Device: l.B.Device, Interface: l.B.Interface}}}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	s.t.Cleanup(func() { stop(); running.Wait() })
	for _, way := range ways {
		from, err := s.bed.Router(way[0])
		s.must(err)
		to, err := s.bed.Router(way[1])
		s.must(err)
		for _, six := range []bool{false, true} {
			flow, err := traffic.Open(from, to, six)
			s.must(err)
			f.all = append(f.all, flow)
			running.Go(func() { flow.Run(ctx, pace) })
		}
	}
	for _, port := range f.ports {
		r, err := s.bed.Router(port.Device)
		s.must(err)
		kernel, err := agent.OpenLinux(r.Namespace)
		s.must(err)
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
	began   time.Time         // the counting,
	ended   time.Time         // and when it had counted what was dropped
	dropped uint64            // by the link's fault
	kernel  map[string]uint64 // by the routers' kernels, all together
}

func (f *flows) mark() mark {
	f.s.t.Helper()
	m := mark{before: f.counts()}
	for _, flow := range f.all {
		m.at = append(m.at, flow.Mark())
	}
	f.run(50) // what was under way has arrived, or is counted
	m.after = f.counts()
	return m
}

func (f *flows) counts() counts {
	f.s.t.Helper()
	c := counts{began: time.Now(), kernel: map[string]uint64{}}
	for i, kernel := range f.drops {
		ports, err := kernel.Ports()
		if err != nil {
			f.s.t.Fatal(err)
		}
		c.dropped += ports[f.ports[i].Interface].Counters.InErrors
	}
	c.ended = time.Now()
	for i := range f.s.bed.Routers {
		f.s.must(kernelCountsOf(f.s.bed.Routers[i].Namespace, c.kernel))
	}
	return c
}

// kernelCountsOf adds what a namespace's kernel has counted.
func kernelCountsOf(namespace string, sum map[string]uint64) error {
	return netns.Within(namespace, func() error { return kernelCounts(sum) })
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

// arrive waits until packets of every flow come through. After several changes within two seconds FRR computes no shortest
// paths for two more (RFC 8405's LONG_WAIT, as the lab's timers are), and who has lost its next hop has no route so long.
func (f *flows) arrive() {
	f.s.t.Helper()
	const underWay = 10
	f.s.wait("packets to come through", func() bool {
		return !slices.ContainsFunc(f.all, func(flow *traffic.Flow) bool {
			mark := flow.Mark()
			return mark < underWay || !flow.Arrived(mark-underWay)
		})
	})
}

// run lets flows go on for a number of packets each.
func (f *flows) run(packets uint64) {
	f.s.t.Helper()
	until := f.all[0].Mark() + packets
	f.s.wait("packets to be sent", func() bool { return f.all[0].Mark() >= until })
}
