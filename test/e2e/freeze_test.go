package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/test/sets"
	"github.com/detour-net/detour/test/wire"
)

// heldBy is when a freeze must hold: within a second, and many times that for a machine that is busy. What was intended
// before it may be set for as long as soFar.
const (
	heldBy = 8 * time.Second
	soFar  = 30 * time.Second
)

// deafFor is more than the second for which a replica acts on what it has heard of the ledger.
const deafFor = 2 * time.Second

// followed waits until every replica has read the ledger to its end, which it returns.
func (s *stage) followed() (last uint64) {
	s.t.Helper()
	for _, r := range s.replicas {
		cl := r.as("carol")
		s.wait(r.name+" to follow", func() bool {
			st, err := cl.Status(s.within())
			last = s.last()
			return err == nil && st.Position == last
		})
	}
	return last
}

// TestFreeze freezes the network at moments all over the lives of incidents: no Set that adds risk comes long after it, undo
// stays open, and thawing lets what is still wrong go on.
func TestFreeze(t *testing.T) {
	t.Parallel()
	s := raise(t, setup{replicas: 2, proven: true, rules: rules{Clocks: map[string]string{"set_deadline": soFar.String()}}})
	rounds := 4
	if testing.Short() {
		rounds = 2
	}
	for n := range rounds {
		link := pairs[n%len(pairs)][n%2]
		s.anew(link)
		s.publish(s.event(link))
		begun := time.Now()
		s.wait("the attack's moment", func() bool { return time.Since(begun) >= time.Duration(n)*6*time.Millisecond })
		scope := []string{"network", "device:" + s.linkNamed(link).A.Device, "link:" + link}[n%3]
		if a := s.replicas[n%2].detour("oscar", "freeze", "--scope", scope, "--reason", "now"); a.code != 0 {
			t.Fatalf("exit %d: %s", a.code, a.err)
		}
		frozen := time.Now()
		i := s.reaches(link, incident.Waiting, incident.Holding)
		s.wait("time to pass", func() bool { return time.Since(frozen) > heldBy+time.Second })
		for _, set := range s.net.Sets() {
			if set.Effective() && sets.Risky(&set) && set.At.After(frozen.Add(heldBy)) {
				t.Errorf("%s took a Set that adds risk %s after the freeze of %s", set.Router, set.At.Sub(frozen), scope)
			}
		}
		if i.Phase == incident.Waiting {
			if a := s.replicas[0].detour("carol", "why", i.ID); !strings.Contains(a.out, "frozen by oscar") {
				t.Errorf("why says\n%s", a.out)
			}
		} else {
			s.heal(link) // undo stays open
			s.ends(link, events.Restored)
		}
		if a := s.replicas[(n+1)%2].detour("oscar", "thaw", "--scope", scope); a.code != 0 {
			t.Fatalf("exit %d: %s", a.code, a.err)
		}
		if i.Phase == incident.Waiting {
			s.reaches(link, incident.Holding)
			s.heal(link)
			s.ends(link, events.Restored)
		}
	}
	s.account()
}

// TestFrozenUnheard lets a replica's intent reach the ledger and keeps everything from it that comes back: neither that the
// intent stands nor the freeze that follows it. When it hears of both at once, it sets nothing.
func TestFrozenUnheard(t *testing.T) {
	long(t)
	t.Parallel()
	s := raise(t, setup{replicas: 2, proven: true, rules: rules{Clocks: map[string]string{"set_deadline": soFar.String()}}})
	heardNothing := 0
	// Whether the first that a router is asked comes before all that it tells of itself is chance, in which case something else is
	// written first. So the moment at which it is back is another in each round.
	const rounds = 80
	for n := 0; n < rounds && heardNothing < 2; n++ {
		link := []string{linkPlain, linkSingle, linkLevels, linkAbsent}[n%4]
		_, b := s.routersOf(link)
		b.PresentWrongCertificate(true)
		s.sicken(link)
		s.reaches(link, incident.Waiting)
		<-time.After(time.Duration(n%10) * 60 * time.Millisecond)
		at := s.followed()
		for _, r := range s.replicas {
			r.wire.Set(wire.Deafened)
		}
		deaf := time.Now()
		b.PresentWrongCertificate(false)
		// Whoever writes something else first is in doubt about that, and nobody writes an intent.
		soon := time.Now().Add(15 * time.Second)
		var i *incident.Incident
		s.wait("an intent, or the sight that none will come", func() bool {
			over := s.position() > at || time.Now().After(soon)
			i = s.latest(link)
			return over
		})
		if i.Phase == incident.Acting {
			heardNothing++
			owner := s.owner(i.Intent.Owner)
			other := s.replicas[1-owner.n]
			other.wire.Set(wire.Whole)
			if a := other.detour("oscar", "freeze", "--reason", fmt.Sprint("round ", n)); a.code != 0 {
				t.Fatalf("exit %d: %s", a.code, a.err)
			}
			since := time.Now()
			s.wait("its owner to have heard nothing for too long", func() bool { return time.Since(since) > deafFor })
			owner.wire.Set(wire.Whole)
			s.reaches(link, incident.Closed, incident.Waiting, incident.Holding)
			for _, set := range s.net.Sets() {
				if set.Effective() && sets.Risky(&set) && set.At.After(deaf) {
					t.Errorf("%s took a Set that adds risk, of which its owner had not heard before the freeze\n%s", set.Router, s.history(i.ID))
				}
			}
			if a := other.detour("oscar", "thaw"); a.code != 0 {
				t.Fatalf("exit %d: %s", a.code, a.err)
			}
		}
		for _, r := range s.replicas {
			r.wire.Set(wire.Whole)
		}
		s.heal(link)
		s.reaches(link, incident.Closed)
	}
	if heardNothing == 0 {
		t.Errorf("in %d rounds no intent was written unheard: nothing was attacked", rounds)
	}
	s.account()
}
