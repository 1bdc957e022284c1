package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/policy"
)

// stub is the link of a router that has no other.
const stub = "den-slc"

// withStub is Abilene with a router behind Denver that hangs on one link.
func withStub() *network.Topology {
	t := backbone.Abilene()
	t.Routers = append(t.Routers, network.Router{Name: "slc", Profile: "openconfig", Site: "salt-lake-city", Canary: backbone.Loopback, CanaryMetric: backbone.Loopback, Latitude: 40.76078, Longitude: -111.89105})
	t.Links = append(t.Links, network.Link{
		Name: stub, A: network.End{Device: "den", Interface: "ethernet-1/5", Metric: 600}, B: network.End{Device: "slc", Interface: "ethernet-1/1", Metric: 600}, Capacity: 10_000_000_000,
	})
	return t
}

// withThin is Abilene with half the capacity between Kansas City and Houston, which is enough until one more link fails.
func withThin() *network.Topology {
	t := backbone.Abilene()
	for i := range t.Links {
		if t.Links[i].Name == "kcy-hou" {
			t.Links[i].Capacity /= 2
		}
	}
	return t
}

func load(busiest float64) func(*settings) { return func(s *settings) { s.Load = busiest } }

// stays waits until what follows from a sick link is decided, and shows why nothing is done.
func stays(link string, kind events.AnomalyKind) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		if err := s.sicken(ctx, link, kind); err != nil {
			return err
		}
		if err := s.until(ctx, link, incident.Waiting, incident.Closed); err != nil {
			return err
		}
		return s.why(link)
	}
}

// heldBy wants no Set, and the named check to be among those that say no.
func heldBy(link, check string) func(*stage, *incident.Incident) error {
	return func(s *stage, _ *incident.Incident) error {
		i, err := s.incident(link)
		if err != nil {
			return err
		}
		if err := notOK(i, check); err != nil {
			return err
		}
		return noSets(s, nil)
	}
}

func notOK(i incident.Incident, check string) error {
	if i.Ruling == nil || !slices.ContainsFunc(i.Ruling.Checks, func(c events.Check) bool { return c.Name == check && !c.OK }) {
		return fmt.Errorf("%s is not held by %s: %+v", i.ID, check, i.Ruling)
	}
	return nil
}

// jointUnsafe has the second of two ways to the west coast fall sick while the first is drained.
func jointUnsafe(ctx context.Context, s *stage) error {
	if err := s.sicken(ctx, south, events.LinkErrors); err != nil {
		return err
	}
	if err := s.until(ctx, south, incident.Holding); err != nil {
		return err
	}
	s.say("%s falls sick as well: alone it could be drained; with %s drained nothing else leads west", theLink, south)
	return stays(theLink, events.LinkErrors)(ctx, s)
}

// south is the other way to the west coast.
const south = "lax-hou"

func oneDrained(s *stage, i *incident.Incident) error {
	second, err := s.incident(theLink)
	if err != nil {
		return err
	}
	if err := notOK(second, policy.CheckConnected); err != nil {
		return err
	}
	return standsOn(2)(s, i)
}

// loopFree drains and restores in steps, and then shows what the same drain in one step does.
func loopFree(ctx context.Context, s *stage) error {
	if err := linkErrors(ctx, s); err != nil {
		return err
	}
	s.countNoMore()
	s.say("drained and put back in steps: %s packets looped; now a person raises the metric of %s at once", thousands(s.totals().Looped), theLink)
	if err := s.byHand(theLink, drained); err != nil {
		return err
	}
	if err := pause(ctx, 5*s.slow); err != nil {
		return err
	}
	s.say("in one step %s packets looped", thousands(s.net.Totals().Looped-s.totals().Looped))
	if err := s.byHand(theLink, 0); err != nil {
		return err
	}
	return pause(ctx, 5*s.slow)
}

// countNoMore lets what the network does from now on be no part of the result.
func (s *stage) countNoMore() {
	now := s.net.Totals()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = &now
}

// totals are what became of the network's packets, as far as they are part of the result.
func (s *stage) totals() backbone.Totals {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed != nil {
		return *s.closed
	}
	return s.net.Totals()
}

// byHand gives both ends of a link a metric on their own command line; 0 is that of the topology.
func (s *stage) byHand(link string, metric uint32) error {
	for _, l := range s.net.Topology().Links {
		if l.Name != link {
			continue
		}
		for _, end := range []network.End{l.A, l.B} {
			for _, family := range []string{"IPV4", "IPV6"} {
				path := s.net.Router(end.Device).Path(fmt.Sprintf("interfaces/interface[interface-id=%s]/levels/level[level-number=2]/afi-safi/af[afi-name=%s][safi-name=UNICAST]/config/metric", end.Interface, family))
				if err := s.net.Router(end.Device).Configure(path, fmt.Sprint(cmp.Or(metric, end.Metric))); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func noneLooped(s *stage, i *incident.Incident) error {
	if steps := len(i.Plan.Plan.Steps); steps < 2 {
		return fmt.Errorf("the plan has %d steps, want several", steps)
	}
	if s.totals().Looped != 0 {
		return fmt.Errorf("%d packets looped on the way, want none", s.totals().Looped)
	}
	if s.net.Totals().Looped == 0 {
		return errors.New("no packet looped in one step either: this shows nothing")
	}
	return s.asBefore()
}

// blind takes the management of most routers away; the link itself can be seen and set.
func blind(ctx context.Context, s *stage) error {
	a, b := s.ends(theLink)
	left := []string{a, b, "sea", "snv"}
	for _, r := range s.net.Topology().Routers {
		if !slices.Contains(left, r.Name) {
			s.net.Router(r.Name).SetUnreachable(true)
		}
	}
	s.say("the collectors lose %d of %d routers", len(s.net.Topology().Routers)-len(left), len(s.net.Topology().Routers))
	if err := s.wait(ctx, "telemetry to notice", func() bool {
		drains, err := s.api.Drains(ctx)
		return err == nil && drains.Seen <= len(left)
	}); err != nil {
		return err
	}
	return stays(theLink, events.LinkErrors)(ctx, s)
}
