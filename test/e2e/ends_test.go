package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/policy"
)

// disagrees waits until the newest incident of a link waits because its ends disagree, and returns what the check says.
func (s *stage) disagrees(link string) (i *incident.Incident, c events.Check) {
	s.t.Helper()
	s.wait(link+" to wait for its ends to agree", func() bool {
		if i = s.latest(link); i == nil || i.Epoch <= s.ended[link] || i.Phase != incident.Waiting {
			return false
		}
		n := slices.IndexFunc(i.Ruling.Checks, func(c events.Check) bool { return c.Name == policy.CheckEnds && !c.OK })
		if n >= 0 {
			c = i.Ruling.Checks[n]
		}
		return n >= 0
	})
	return i, c
}

// TestEndsDisagree has the two ends of a sick link tell different things: nothing is set, `why` says what and what would
// help, and the link is drained as soon as they agree.
func TestEndsDisagree(t *testing.T) {
	t.Parallel()
	s := raise(t, setup{replicas: 1, proven: true})
	l := s.linkNamed(linkPlain)
	a, b := s.net.Router(l.A.Device), s.net.Router(l.B.Device)
	metric := b.Path("interfaces", "interface[interface-id="+l.B.Interface+"]", "levels", "level[level-number=2]", "afi-safi", "af[afi-name=IPV4][safi-name=UNICAST]", "config", "metric")
	for _, c := range []struct {
		name        string
		spoil, mend func() error
		says        string
	}{
		{
			"one end has no adjacency", func() error { return b.HideAdjacency(l.B.Interface, true) }, func() error { return b.HideAdjacency(l.B.Interface, false) },
			ams + " " + l.A.Interface + " has an adjacency, and " + ber + " " + l.B.Interface + " has none",
		},
		{"two speeds", func() error { return a.Negotiate(l.A.Interface, 10e9) }, func() error { return a.Negotiate(l.A.Interface, 100e9) }, "has 10 Gb/s, and"},
		{"two metrics", func() error { return b.Configure(metric, "101") }, func() error { return b.Configure(metric, "100") }, "the metric at level 2 for ipv4 is 100 on"},
	} {
		before, _ := s.sets()
		if err := c.spoil(); err != nil {
			t.Fatal(err)
		}
		s.heard(a, s.linkNamed(chordC).A.Interface, chordC)
		s.heard(b, s.linkNamed(chordA).A.Interface, chordA)
		s.sicken(linkPlain)
		i, check := s.disagrees(linkPlain)
		if !strings.Contains(check.Detail, c.says) || check.Value == "" || check.Limit == "" || !strings.Contains(check.Remedy, "detour topology discover") {
			t.Errorf("%s: %+v", c.name, check)
		}
		if a := s.replicas[0].detour("carol", "why", i.ID); !strings.Contains(a.out, policy.CheckEnds) || !strings.Contains(a.out, c.says) {
			t.Errorf("%s: why says %s", c.name, a.out)
		}
		if risks, _ := s.sets(); risks != before {
			t.Errorf("%s: %d Sets that add risk\n%s", c.name, risks-before, s.history(i.ID))
		}
		if err := c.mend(); err != nil {
			t.Fatal(err)
		}
		s.reaches(linkPlain, incident.Holding)
		s.heal(linkPlain)
		s.ends(linkPlain, events.Restored)
	}
	s.account()
}

// heard waits until the replica has heard everything that a router told up to now: an overload bit and a drained metric of
// another link, which come later on the same streams, show in `drains`, and then go.
func (s *stage) heard(r *backbone.Router, iface, link string) {
	s.t.Helper()
	bit := r.Path("global", "lsp-bit", "overload-bit", "config", "set-bit")
	metric := r.Path("interfaces", "interface[interface-id="+iface+"]", "levels", "level[level-number=2]", "afi-safi", "af[afi-name=IPV4][safi-name=UNICAST]", "config", "metric")
	var was string
	for _, end := range []network.End{s.linkNamed(link).A, s.linkNamed(link).B} {
		if end.Device == r.Name() {
			was = fmt.Sprint(end.Metric)
		}
	}
	for _, mark := range []struct {
		bit, metric string
		shows       bool
	}{{"true", "16777214", true}, {"false", was, false}} {
		if err := errors.Join(r.Configure(bit, mark.bit), r.Configure(metric, mark.metric)); err != nil {
			s.t.Fatal(err)
		}
		s.wait(fmt.Sprintf("marks of %s to show: %t", r.Name(), mark.shows), func() bool {
			list, err := s.replicas[0].as("carol").Drains(s.within())
			drained := slices.ContainsFunc(list.Drains, func(d api.Drain) bool { return d.Link == link })
			return err == nil && drained == mark.shows && slices.Contains(list.Overloaded, r.Name()) == mark.shows
		})
	}
}

// TestPluggedElsewhere has the topology say of two links that each leads where the other does: neither is drained, be it to
// another router, or to another interface of the same one.
func TestPluggedElsewhere(t *testing.T) {
	t.Parallel()
	t.Run("to another router", func(t *testing.T) {
		s := raiseSwapped(t, chordC)
		s.publish(s.event(linkPlain, about(events.Resource{Link: linkPlain})))
		if _, c := s.disagrees(linkPlain); !strings.Contains(c.Detail, "is adjacent to "+s.net.Router(dub).SystemID()+", and "+ber+" is "+s.net.Router(ber).SystemID()) {
			t.Errorf("%+v", c)
		}
		s.untouched()
		s.differs(linkPlain)
	})
	t.Run("to the same router", func(t *testing.T) {
		s := raiseSwapped(t, linkParallel)
		s.heard(s.net.Router(ams), s.linkNamed(chordC).A.Interface, chordC)
		s.heard(s.net.Router(ber), s.linkNamed(chordA).A.Interface, chordA)
		s.publish(s.event(linkPlain, about(events.Resource{Link: linkPlain})))
		if _, c := s.disagrees(linkPlain); !strings.Contains(c.Detail, "links between the two are swapped") || !strings.Contains(c.Detail, s.linkNamed(linkParallel).A.Interface) {
			t.Errorf("%+v", c)
		}
		s.untouched()
		s.differs(linkPlain)
		s.differs(linkParallel)
	})
}

// raiseSwapped is a stage whose topology has linkPlain and another link, which begin at one router, each on the interface of
// the other there.
func raiseSwapped(t *testing.T, with string) *stage {
	t.Helper()
	s := raiseBare(t, rules{})
	one, other := s.linkNamed(linkPlain).A, s.linkNamed(with).A
	if one.Device != other.Device {
		t.Fatalf("%s and %s do not begin at one router", linkPlain, with)
	}
	wrong := slices.Clone(s.net.Topology().Links)
	for i := range wrong {
		switch wrong[i].Name {
		case linkPlain:
			wrong[i].A.Interface = other.Interface
		case with:
			wrong[i].A.Interface = one.Interface
		}
	}
	s.describe(wrong)
	s.raiseBus()
	s.follow()
	s.prove()
	s.addReplica(0)
	if err := s.replicas[0].launch(); err != nil {
		t.Fatal(err)
	}
	s.seesAll(s.replicas[0])
	return s
}

// differs wants discovery to say that a link of the topology leads elsewhere.
func (s *stage) differs(link string) {
	s.t.Helper()
	a := s.replicas[0].detour("carol", "topology", "discover", "--inventory", s.dir+"/inventory.yaml", "--topology", s.dir+"/topology.yaml")
	if a.code != 1 || !strings.Contains(a.out, link) || !strings.Contains(a.out, "ends") {
		s.t.Errorf("discover exits %d: %s%s", a.code, a.out, a.err)
	}
}
