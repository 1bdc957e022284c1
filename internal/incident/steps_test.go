package incident

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

// TestSeenAt tells how a router stands against each step of a plan by one look at it.
func TestSeenAt(t *testing.T) {
	target, _ := testNetwork{}.Link("a-b")
	l := newLab(testStart)
	whole := func() []events.Step {
		facts := l.observe(target)
		var step events.Step
		for _, end := range facts.Ends {
			c := events.Change{Device: end.Device}
			for _, leaf := range end.Leaves {
				c.Settings = append(c.Settings, events.Setting{LeafRef: leaf.LeafRef, Before: leaf.Config, After: events.UintValue(drained)})
			}
			step.Changes = append(step.Changes, c)
		}
		return twoSteps(step, time.Minute)
	}
	steps := whole()
	for metric, want := range map[uint64][2]events.Seen{
		usual:   {events.SeenBefore, events.SeenBefore},
		halfWay: {events.SeenAfter, events.SeenBefore},
		drained: {events.SeenAfter, events.SeenAfter},
		4711:    {events.SeenOther, events.SeenOther},
	} {
		l.router("b").metric["to-a"] = metric
		var got [2]events.Seen
		for step := range steps {
			seen, ok := SeenAt(l.observe(target), steps, step, 1)
			if !ok {
				t.Fatalf("b at %d was not read", metric)
			}
			got[step] = seen
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("at %d (-want +got):\n%s", metric, diff)
		}
	}
	l.router("b").mood = unreadable
	if seen, ok := SeenAt(l.observe(target), steps, 0, 1); ok {
		t.Errorf("a router that cannot be read is seen %s", seen)
	}
}

// TestStepsBackInTime lets the network agree on each metric on the way back as on the way there.
func TestStepsBackInTime(t *testing.T) {
	s := newStage(t, usualPolicy(t))
	s.beginTwoSteps()
	s.say("tick 90s")
	if i, _ := s.active.board.Incident("a-b-1"); i.Phase != Holding {
		t.Fatalf("it is not held:\n%s", s.out.String())
	}
	s.say("undrain a-b-1 ann")
	for _, c := range []struct {
		wait  string
		stand uint64
	}{{"58s", halfWay}, {"5s", usual}} {
		s.say("tick " + c.wait)
		if got := s.lab.router("a").at("to-b"); got != c.stand {
			t.Errorf("after %s more it stands at %d, want %d\n%s", c.wait, got, c.stand, s.out.String())
		}
	}
	if i, _ := s.active.board.Incident("a-b-1"); i.Phase != Closed || i.End.Outcome != events.Restored {
		t.Errorf("it is %s\n%s", i.Phase, s.out.String())
	}
}
