//go:build linux

package live

import (
	"flag"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/detour-net/detour/test/lab/frr"
	"github.com/detour-net/detour/test/lab/testbed"
)

var flagFigures = flag.Int("figures", 0, "runs of TestFigures; 0: it is left out")

// observed is how long packets are looked at after each act: IS-IS has gone by it long before.
const observed = 4 * time.Second

// metric commits a metric of the sick link at both ends at once, without Detour.
func (s *stage) metric(value uint32) {
	s.t.Helper()
	l := s.link(sick)
	var errs [2]error
	var both sync.WaitGroup
	for i, end := range [][2]string{{l.A.Device, l.A.Interface}, {l.B.Device, l.B.Interface}} {
		r, err := s.bed.Router(end[0])
		s.must(err)
		both.Go(func() {
			errs[i] = frr.ISISD{Dir: r.Dir}.Commit(s.within(), frr.Change{Metrics: map[string]uint32{end[1]: value}})
		})
	}
	both.Wait()
	s.must(errs[0])
	s.must(errs[1])
}

// TestFigures measures what it costs to take a link out of use in several ways, in packets per flow, with nothing else
// wrong: the median of all flows and runs, and the worst.
//
//	DETOUR_LAB=1 go test ./test/lab/live -run TestFigures -figures 5 -v
func TestFigures(t *testing.T) {
	if *flagFigures == 0 {
		t.Skip("figures are not asked for: -figures 5")
	}
	needLab(t)
	s := &stage{t: t, dir: t.TempDir(), bed: ground.take(t), moved: make(chan struct{})}
	f := s.flow(sick)
	acts := []struct {
		name string
		do   func()
	}{
		{"nothing", func() {}},
		{"soft drain, both ends at once", func() { s.metric(softDrain) }},
		{"taken back", func() { s.metric(10) }},
		{"interfaces down", func() { s.inflict(sick, testbed.Fault{Cut: true}) }},
		{"up again", func() { s.inflict(sick, testbed.Fault{}) }},
		{"dark, hellos alive", func() { s.inflict(sick, testbed.Fault{Loss: 1}) }},
		{"light again", func() { s.inflict(sick, testbed.Fault{}) }},
	}
	lost := make([][]uint64, len(acts))
	packets := uint64(observed / pace)
	f.run(packets)
	for range *flagFigures {
		for i, act := range acts {
			from := f.mark()
			act.do()
			f.run(packets)
			to := f.mark()
			for n, flow := range f.all {
				lost[i] = append(lost[i], flow.Lost(s.within(), from.at[n], to.at[n]).Lost)
			}
		}
	}
	for i, act := range acts {
		slices.Sort(lost[i])
		median, worst := lost[i][len(lost[i])/2], lost[i][len(lost[i])-1]
		t.Logf("%-30s median %4d packets (%s), worst %4d (%s), of %d flows", act.name, median, inTime(median), worst, inTime(worst), len(lost[i]))
	}
}

// inTime is how long a flow sends that many packets.
func inTime(packets uint64) string {
	return fmt.Sprintf("%.0f ms", math.Round(float64(packets)*float64(pace)/float64(time.Millisecond)))
}
