package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/policy"
)

// conservation is what a ruling says of routers' counters, and whether nothing else but an approval is wanting.
func conservation(i *incident.Incident) (c events.Check, alone bool) {
	alone = true
	for _, is := range i.Ruling.Checks {
		if is.Name == policy.CheckConserved {
			c = is
		} else if !is.OK && is.Name != policy.CheckApproval {
			alone = false
		}
	}
	return c, alone
}

// TestRouterCountsWrong has one router count a third of what comes in at its edge, which none of its links shows: what is seen
// proves nothing then. `why` names the router, and people are asked for approval once its counters agree.
//
// A router of which not every port was counted is not checked, as in the first moments: then they are asked at once, and the link
// heals and falls sick again.
func TestRouterCountsWrong(t *testing.T) {
	t.Parallel()
	s := raise(t, setup{replicas: 1, proven: true, rules: rules{Autonomy: "approve", Modelled: true, Edge: true, Prospect: usualLimits, MaxAge: 10 * time.Minute}})
	dublin := s.net.Router(dub)
	if err := dublin.Miscount(backbone.Edge, 300); err != nil {
		t.Fatal(err)
	}
	var i *incident.Incident
	var c events.Check
	s.wait("a ruling by what "+dub+" counts", func() bool {
		s.sicken(linkPlain)
		i = s.reaches(linkPlain, incident.Waiting, incident.Asking)
		var alone bool
		if c, alone = conservation(i); alone && !c.OK && strings.Contains(c.Detail, "the worst is "+dub+" by") {
			return true
		}
		s.heal(linkPlain)
		s.reaches(linkPlain, incident.Closed)
		return false
	})
	if i.Phase != incident.Waiting || i.Ruling.Verdict != events.Defer || c.Value == "" || c.Limit == "" || !strings.Contains(c.Remedy, "edge_ports") {
		t.Errorf("%s, %s: %+v", i.Phase, i.Ruling.Verdict, c)
	}
	why := s.replicas[0].detour("carol", "why", i.ID)
	for _, want := range []string{policy.CheckConserved, "the worst is " + dub + " by", "edge_ports in the inventory"} {
		if !strings.Contains(why.out, want) {
			t.Errorf("why does not say %q:\n%s", want, why.out)
		}
	}
	if err := dublin.Miscount(backbone.Edge, 1000); err != nil {
		t.Fatal(err)
	}
	i = s.reaches(linkPlain, incident.Asking)
	if c, _ := conservation(i); !c.OK {
		t.Errorf("people are asked, and %+v", c)
	}
	s.untouched()
	s.heal(linkPlain)
	s.reaches(linkPlain, incident.Closed)
	s.account()
}
