package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/test/wire"
)

// grey is a loss that leaves time for steps.
const grey = 3e-4

// byWay is a stage whose drains go by steps, held to the usual limits. linkSingle takes two.
func byWay(t *testing.T, replicas int, settle time.Duration, clocks map[string]string) *stage {
	return raise(t, setup{replicas: replicas, proven: true, rules: rules{
		Loss: grey, Modelled: true, Prospect: usualLimits, Settle: settle, Clocks: clocks,
	}})
}

// between is a pause between two steps that leaves time to do something in it.
const between = 5 * time.Second

// brisk clocks soon give up a Set that is not answered, and a step that nothing follows.
func brisk() map[string]string {
	return map[string]string{"set_deadline": "2s", "margin": "1s", "verify_within": "3s"}
}

// afterSteps has a link fall sick, and returns once so many steps of its drain are on record.
func (s *stage) afterSteps(link string, steps int) *incident.Incident {
	s.t.Helper()
	s.sicken(link)
	s.wait(fmt.Sprintf("%d steps of %s to be on record", steps, link), func() bool {
		i := s.latest(link)
		return i != nil && standing(i) == steps
	})
	return s.latest(link)
}

// TestFrozenAmidSteps freezes the network between two steps: none is taken any more, and the drain goes back.
func TestFrozenAmidSteps(t *testing.T) {
	t.Parallel()
	s := byWay(t, 1, between, nil)
	i := s.afterSteps(linkSingle, 1)
	frozen, err := s.replicas[0].as("oscar").Freeze(s.within(), string(events.Network), "change night")
	if err != nil {
		t.Fatal(err)
	}
	s.ends(linkSingle, events.RolledBack)
	for at, in := range s.intents() {
		if at.position > frozen.Position && !in.Undo {
			t.Errorf("step %d was begun on a frozen network\n%s", in.Step+1, s.history(i.ID))
		}
	}
	if risks, back := s.sets(); risks < 2 || back != risks {
		t.Errorf("%d Sets added risk and %d took it back\n%s", risks, back, s.history(i.ID))
	}
	if a := s.replicas[0].detour("oscar", "thaw"); a.code != 0 {
		t.Errorf("thaw exits %d: %s", a.code, a.err)
	}
	s.heal(linkSingle)
	s.account()
}

// TestCutAmidSteps cuts a replica off between two steps, for longer than the next one may wait: it takes back those that
// stand, and has it on record when the bus is there again.
func TestCutAmidSteps(t *testing.T) {
	t.Parallel()
	s := byWay(t, 1, between, brisk())
	s.afterSteps(linkSingle, 1)
	r := s.replicas[0]
	r.wire.Set(wire.Cut)
	s.wait("what stands to be taken back", func() bool {
		risks, back := s.sets()
		return risks >= 2 && back == risks
	})
	if now, was := s.metrics(linkSingle), s.first[linkSingle]; now[0].IPv4.Value != was[0].IPv4.Value || now[1].IPv4.Value != was[1].IPv4.Value {
		t.Errorf("metrics are %+v without the bus, were %+v", now, was)
	}
	s.heal(linkSingle)
	r.wire.Set(wire.Whole)
	s.ends(linkSingle, events.RolledBack)
	s.account()
}

// moment is when a drain by steps is left alone: once so many Sets have reached each end, those of the undo counted on.
type moment struct {
	sets  int
	fate  string // of the last of them at the other end, which has not taken it; "": it has, and both are on record
	other backbone.Behaviour
}

func (m moment) String() string {
	if m.fate == "" {
		return fmt.Sprintf("after step %d", m.sets)
	}
	return fmt.Sprintf("amid step %d, %s", m.sets, m.fate)
}

// TestKilledAmidSteps kills the owner of a drain by steps at every point of its way there and back: between two steps, and
// between the two ends of one, whose Set is then lost or comes late. The same replica when it is back, or another, finishes
// the drain or takes it back; nothing stays half drained.
func TestKilledAmidSteps(t *testing.T) {
	long(t)
	const ways = 2 * 2 // two steps, there and back
	var moments []moment
	for sets := 1; sets <= ways; sets++ {
		moments = append(moments, moment{sets: sets},
			moment{sets, "lost", backbone.Delay(time.Minute)}, moment{sets, "late", backbone.CommitLate(300 * time.Millisecond)})
	}
	for lane, name := range []string{"restarted", "taken over"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := byWay(t, lane+1, 500*time.Millisecond, brisk())
			for n := lane; n < len(moments); n += 2 {
				// On a machine that is too slow for its clocks a drain is taken back before the moment comes.
				tries := 0
				for !s.killedAt(linkSingle, moments[n], lane == 1) {
					if tries++; tries == 5 {
						t.Fatalf("the moment %s never came\n%s", moments[n], s.history(s.latest(linkSingle).ID))
					}
				}
			}
			s.account()
		})
	}
}

// killedAt lets a link be drained and restored, and kills whoever owns that at a moment. It reports whether that came before
// the incident ended.
func (s *stage) killedAt(link string, at moment, others bool) (came bool) {
	s.t.Helper()
	began := time.Now()
	a, b := s.routersOf(link)
	var hold *backbone.Injection
	if at.fate != "" {
		hold = b.OnSet(nth(at.sets), at.other)
		defer hold.Remove()
	}
	before := s.net.SetCount(a.Name()).Effective
	s.sicken(link)
	healed := false
	s.wait(fmt.Sprintf("%s to be %s", link, at), func() bool {
		i := s.latest(link)
		if i == nil || i.Epoch <= s.ended[link] {
			return false
		}
		if !healed && i.Phase == incident.Holding {
			s.heal(link)
			healed = true
		}
		if hold != nil {
			came = hold.Hits() > 0 && s.net.SetCount(a.Name()).Effective-before >= at.sets
		} else {
			came = at.reached(i)
		}
		return came || i.Phase == incident.Closed
	})
	if !came {
		if !healed {
			s.heal(link)
		}
		return false
	}
	victim := s.owner(s.latest(link).Intent.Owner)
	victim.kill()
	if !others {
		victim.start()
	}
	if !healed {
		if i := s.reaches(link, incident.Holding, incident.Closed); i.Phase == incident.Holding {
			s.drainedAtBothEnds(link)
		}
		s.heal(link)
	}
	i := s.reaches(link, incident.Closed)
	s.t.Logf("%s: ended as %s (%.100s) in %s", at, i.End.Outcome, i.End.Reason, time.Since(began).Round(time.Millisecond))
	if now, was := s.metrics(link), s.first[link]; now[0].IPv4.Value != was[0].IPv4.Value || now[1].IPv4.Value != was[1].IPv4.Value {
		s.t.Errorf("%s: %s ended with metrics %+v, had %+v\n%s", at, i.ID, now, was, s.history(i.ID))
	}
	if others {
		victim.start()
	}
	s.verifies()
	return true
}

// reached reports whether an incident has come as far. Whoever has not seen it there kills its owner a little later.
func (m moment) reached(i *incident.Incident) bool {
	stand, all := standing(i), len(i.Steps)
	switch i.Phase {
	case incident.Reverting, incident.Probation:
		return m.sets > all && stand >= 0 && stand <= 2*all-m.sets
	case incident.Closed:
		return false
	}
	return stand >= m.sets
}

// nth matches the n-th Set from now on.
func nth(n int) backbone.Match {
	return func(backbone.SetInfo) bool { n--; return n == 0 }
}

// standing is how many steps of a drain stand at both ends, -1 while that is not on record.
func standing(i *incident.Incident) (n int) {
	for _, step := range i.Steps {
		stands := true
		for _, c := range step {
			if c.Pending || c.Doubt > 0 {
				return -1
			}
			stands = stands && c.Seen == events.SeenAfter
		}
		if stands {
			n++
		}
	}
	return n
}

// drainedAtBothEnds wants a link that is held to stand drained at both ends.
func (s *stage) drainedAtBothEnds(link string) {
	s.t.Helper()
	const drained = 1<<24 - 2
	for _, end := range s.metrics(link) {
		if end.IPv4.Value != drained {
			s.t.Errorf("%s is held with metrics %+v", link, s.metrics(link))
		}
	}
}
