package detector

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

var (
	here  = Port{"r1", "eth1"}
	there = Port{"r2", "eth1"}
)

// bench is a judge with counters to feed it, and a clock.
type bench struct {
	*Judge
	now              time.Time
	frames, errs     uint64
	probes, lost     uint64
	sick, dark, mute bool // what the link is
}

func newBench() *bench {
	b := &bench{Judge: NewJudge(Quick(), []Port{here, there}), now: noon}
	b.Oper(here, noon.Add(-time.Minute), true)
	return b
}

// tick lets a quarter of a second pass: 250 frames and 13 probes come in, of which a sick link spoils a fiftieth, and a
// dark one all without a word.
func (b *bench) tick(times int) *bench {
	for range times {
		b.now = b.now.Add(250 * time.Millisecond)
		switch {
		case b.dark:
			b.lost += 13
		case b.sick:
			b.errs += 5
			fallthrough
		default:
			b.frames += 250
		}
		b.probes += 13
		if !b.mute {
			b.Frames(here, b.now, b.frames, b.errs)
			b.Probes(here, b.now, b.probes, b.lost)
		}
	}
	return b
}

// said is what is due, in words; it is told at once.
func (b *bench) said() []string {
	var list []string
	for _, a := range b.Due(b.now) {
		list = append(list, fmt.Sprintf("%s %s %s", a.Resource, a.Kind, a.State))
		b.Told(b.now, a)
	}
	return list
}

func (b *bench) expect(t *testing.T, when string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, b.said()); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", when, diff)
	}
}

func TestSickLink(t *testing.T) {
	b := newBench()
	b.tick(8).expect(t, "well")
	b.sick = true
	b.tick(2).expect(t, "sick", "r1/eth1 link-errors firing")
	b.tick(3).expect(t, "not repeated yet")
	b.tick(2).expect(t, "repeated", "r1/eth1 link-errors firing")
	if !b.Suspects(here) || b.Suspects(there) {
		t.Error("the wrong end is suspected")
	}
	b.sick = false
	b.tick(2).expect(t, "not long enough without an error")
	b.tick(1).expect(t, "600 without an error", "r1/eth1 link-errors resolved")
	b.tick(40).expect(t, "well again")
	if b.Suspects(here) {
		t.Error("a link that is well is suspected")
	}
}

// TestBegunAgain wants that what made an anomaly does not, after its end, make it once more.
func TestBegunAgain(t *testing.T) {
	b := newBench()
	b.sick = true
	b.tick(4).said()
	b.sick = false
	b.frames += 1000 // a burst, so that it is over within the window
	b.tick(1).expect(t, "600 without an error", "r1/eth1 link-errors resolved")
	for range 6 {
		b.tick(1).expect(t, "well")
	}
	b.sick = true
	b.tick(2).expect(t, "sick again", "r1/eth1 link-errors firing")
}

func TestBlackHole(t *testing.T) {
	b := newBench()
	b.tick(8).expect(t, "light")
	b.dark = true
	b.tick(2).expect(t, "dark for half of the window", "r1/eth1 silent-loss firing")
	b.dark = false
	b.tick(46).said()
	b.tick(1).expect(t, "600 probes have come", "r1/eth1 silent-loss resolved")
}

// TestCounted wants no black hole where counters tell.
func TestCounted(t *testing.T) {
	b := newBench()
	b.tick(8)
	for range 8 {
		b.now = b.now.Add(250 * time.Millisecond)
		b.frames, b.errs = b.frames+250, b.errs+250
		b.probes, b.lost = b.probes+13, b.lost+13
		b.Frames(here, b.now, b.frames, b.errs)
		b.Probes(here, b.now, b.probes, b.lost)
		for _, a := range b.Due(b.now) {
			if a.Kind != events.LinkErrors {
				t.Errorf("it is said to be %s", a.Kind)
			}
		}
	}
	b.expect(t, "spoilt", "r1/eth1 link-errors firing")
}

// TestNoEvidence wants that an anomaly neither ends nor is repeated while nothing comes.
func TestNoEvidence(t *testing.T) {
	b := newBench()
	b.sick = true
	b.tick(4).said()
	b.mute = true
	b.tick(40).expect(t, "nothing heard")
	b.mute = false
	b.tick(1).expect(t, "heard again", "r1/eth1 link-errors firing")
}

func TestNotPublished(t *testing.T) {
	b := newBench()
	b.sick = true
	b.tick(4)
	if first, second := b.Due(b.now), b.Due(b.now); len(first) != 1 || len(second) != 1 {
		t.Fatalf("due %d and %d, want it until it is told", len(first), len(second))
	}
	b.sick = false
	b.tick(4).expect(t, "over before anybody was told")
	b.sick = true
	b.tick(4).said()
	b.sick = false
	b.tick(4)
	b.Due(b.now)
	b.tick(4).expect(t, "over, and not yet told", "r1/eth1 link-errors resolved")
}

func TestFlap(t *testing.T) {
	b := newBench()
	flap := func() {
		b.now = b.now.Add(time.Second)
		for range 5 { // however often it is said
			b.Oper(here, b.now, false)
		}
		b.now = b.now.Add(time.Second)
		b.Oper(here, b.now, true)
	}
	flap()
	b.expect(t, "once")
	flap()
	b.expect(t, "twice", "r1/eth1 link-flap firing")
	b.now = b.now.Add(9900 * time.Millisecond)
	b.expect(t, "not calm yet, repeated", "r1/eth1 link-flap firing")
	b.now = b.now.Add(100 * time.Millisecond)
	b.expect(t, "calm", "r1/eth1 link-flap resolved")
	flap()
	b.expect(t, "once after it")
	b.now = b.now.Add(time.Minute)
	flap()
	b.expect(t, "rarely")
	flap()
	b.now = b.now.Add(time.Second)
	b.said()
	b.Oper(here, b.now, false)
	b.now = b.now.Add(20 * time.Second)
	b.expect(t, "down for long", "r1/eth1 link-flap firing")
}

// TestDown wants that a link that is down is no black hole, nor one that has just come up.
func TestDown(t *testing.T) {
	b := newBench()
	b.tick(8)
	b.Oper(here, b.now, false)
	b.dark = true
	b.tick(20).expect(t, "down")
	b.Oper(here, b.now, true)
	b.tick(3).expect(t, "up, and what left before is judged")
	b.dark = false
	b.tick(20).expect(t, "up")
	b = newBench()
	b.Oper(here, b.now, false)
	b.Oper(here, b.now, true)
	b.dark = true
	b.tick(7).expect(t, "dark since it is up, not long enough")
	b.tick(1).expect(t, "dark since it is up", "r1/eth1 silent-loss firing")
}

func TestOverload(t *testing.T) {
	b := newBench()
	b.Overload("r1", b.now, false)
	b.Overload("r9", b.now, true) // whom nobody knows
	b.expect(t, "none")
	b.Overload("r1", b.now, true)
	b.expect(t, "overloaded", "r1 device-unhealthy firing")
	b.tick(20).expect(t, "nothing new is heard of it")
	b.Overload("r1", b.now, false)
	b.expect(t, "no more", "r1 device-unhealthy resolved")
}

// TestReport wants anomalies that the bus takes.
func TestReport(t *testing.T) {
	b := newBench()
	b.sick = true
	b.tick(4)
	got := b.Due(b.now)
	want := []events.Anomaly{{
		Kind: events.LinkErrors, State: events.Firing, Severity: events.Major, Resource: events.Resource{Device: "r1", Interface: "eth1"},
		ObservedAt: b.now, Value: 0.02, Unit: "ratio", Threshold: 0.005, Window: "1s", Evidence: map[string]float64{"frames": 750, "errors": 15},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, e := range wrap(got, b.now) {
		if err := e.Data.Validate(); err != nil {
			t.Error(err)
		}
		if e.ID == "" || e.Source != "/detector/r1" || e.Subject != "r1/eth1" {
			t.Errorf("%+v", e)
		}
	}
}

// TestErrorsAlone wants a link sick whose router counts frames in error among no others.
func TestErrorsAlone(t *testing.T) {
	b := newBench()
	b.Frames(here, at(0), 0, 0)
	b.Frames(here, at(250), 0, 10)
	b.now = at(250)
	b.expect(t, "all in error", "r1/eth1 link-errors firing")
}
