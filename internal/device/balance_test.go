package device

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
)

// counting makes a port's counters: two samples, at a second and at another of our clock, between which so much was counted.
func counting(from, to float64, in, out, pkts, errors, dropped uint64) counters {
	c := counters{}
	for name, n := range map[string]uint64{
		"in-octets": in / 8, "out-octets": out / 8, "in-pkts": pkts, "in-errors": errors, "in-discards": dropped, "out-discards": 0,
	} {
		c[name] = seriesOf(reading{0, from, from}, reading{n, to, to})
	}
	return c
}

// TestBalance sums up ports that are counted over ten seconds.
func TestBalance(t *testing.T) {
	at := func(second float64) time.Time {
		return time.Unix(1_000_000, 0).Add(time.Duration(second * float64(time.Second)))
	}
	plain := counting(0, 10, 80e9, 40e9, 1e6, 0, 0)
	for name, c := range map[string]struct {
		ports []string
		edge  counters
		want  network.Balance
	}{
		"two ports":             {nil, counting(0, 10, 10e9, 50e9, 1e6, 0, 0), network.Balance{In: 9e9, Out: 9e9, At: at(10)}},
		"dropped":               {nil, counting(0, 10, 80e9, 20e9, 1e6, 0, 1e5), network.Balance{In: 16e9, Out: 6e9, Dropped: 800e6, At: at(10)}},
		"broken":                {nil, counting(0, 10, 80e9, 20e9, 9e5, 1e5, 0), network.Balance{In: 16e9, Out: 6e9, Broken: 888_888_888, At: at(10)}},
		"nothing arrives":       {[]string{"edge"}, counting(0, 10, 0, 40e9, 0, 0, 7), network.Balance{Out: 4e9, At: at(10)}},
		"begun a little later":  {nil, counting(0.5, 10, 9.5e9, 0, 1e6, 0, 0), network.Balance{In: 9e9, Out: 4e9, At: at(10)}},
		"begun later still":     {nil, counting(0.51, 10, 10e9, 50e9, 1e6, 0, 0), network.Balance{Missing: "link and edge are not counted at the same time"}},
		"ended earlier":         {nil, counting(0, 9.4, 10e9, 50e9, 1e6, 0, 0), network.Balance{Missing: "link and edge are not counted at the same time"}},
		"of another time":       {nil, counting(5, 15, 10e9, 50e9, 1e6, 0, 0), network.Balance{Missing: "link and edge are not counted at the same time"}},
		"one sample":            {nil, counters{"in-octets": seriesOf(reading{1, 0, 0})}, network.Balance{Missing: "edge is not counted"}},
		"nothing":               {nil, nil, network.Balance{Missing: "edge is not counted"}},
		"no port":               {[]string{}, nil, network.Balance{Missing: "it has no ports"}},
		"a port that is not":    {[]string{"link", "nowhere"}, nil, network.Balance{Missing: "nowhere is not counted"}},
		"discards are not told": {nil, without(counting(0, 10, 10e9, 50e9, 1e6, 0, 1e6), "in-discards"), network.Balance{In: 9e9, Out: 9e9, At: at(10)}},
	} {
		t.Run(name, func(t *testing.T) {
			cache := newCache(10 * time.Second)
			cache.rates["link"] = plain.rates(10*time.Second, at(10))
			if c.edge != nil {
				cache.rates["edge"] = c.edge.rates(10*time.Second, at(10))
			}
			if c.ports == nil {
				c.ports = []string{"link", "edge"}
			}
			if diff := cmp.Diff(c.want, cache.balance(c.ports, at(0))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := cache.balance([]string{"link"}, at(10.1)); got.Missing != "link is not counted" {
				t.Errorf("of long ago: %+v", got)
			}
		})
	}
}

func without(c counters, name string) counters {
	delete(c, name)
	return c
}

// TestBalanceOfRouters follows simulated routers until every one of them balances, through loss, congestion and a change of
// paths; then one port of one of them lies.
func TestBalanceOfRouters(t *testing.T) {
	l := startLab(t, labSetup{config: func(c *backbone.Config) { c.LoadTarget = 1.2 }}) // more than a link can carry
	if err := l.net.SetLoss("b-c", 0.2); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all routers to balance, one of which drops and one of which receives what is broken", func() bool {
		b := l.balances(t)
		broken, dropped := b["b"].Broken > 0 || b["c"].Broken > 0, false
		for _, r := range b {
			if !balances(r) {
				return false
			}
			dropped = dropped || r.Dropped > 0
		}
		return len(b) == 3 && broken && dropped
	})
	for _, c := range []struct {
		iface  string
		permil int64
	}{{backbone.Edge, 700}, {backbone.Edge, 1000}, {"ethernet-1/1", 1300}} {
		if err := l.net.Router("a").Miscount(c.iface, c.permil); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a, and a alone, to balance no more, or to balance again", func() bool {
			b := l.balances(t)
			return len(b) == 3 && balances(b["a"]) == (c.permil == 1000) && balances(b["b"]) && balances(b["c"])
		})
	}
	if l.net.Router("a").Miscount("nowhere", 0) == nil || l.net.Router("a").Miscount(backbone.Edge, -1) == nil {
		t.Error("an interface that nobody has, or less than nothing, can be miscounted")
	}
}

// balances are those that are known now, by router.
func (l *lab) balances(t *testing.T) map[string]network.Balance {
	t.Helper()
	known := map[string]network.Balance{}
	for name, r := range l.See().State().Routers {
		if r.Balance.Missing == "" {
			known[name] = r.Balance
		}
	}
	return known
}

// balances allows for clocks as off does.
func balances(b network.Balance) bool {
	in := b.In - b.Dropped
	return b.Out <= in+in/20 && b.Out >= (in-b.Broken)-(in-b.Broken)/20
}

// TestEdgePortsNotNamed has an inventory that leaves edge ports out, names none, or names one that nobody has: no router
// balances for it, and links are counted as ever.
func TestEdgePortsNotNamed(t *testing.T) {
	l := startLab(t, labSetup{inventory: func(routers []network.Router) {
		routers[0].EdgePorts = nil
		routers[1].EdgePorts = []string{}
		routers[2].EdgePorts = []string{backbone.Edge, "ethernet-9/9"}
	}})
	eventually(t, "every link is counted, and what passes routers is told or is not", func() bool {
		s := l.See().State()
		for _, link := range s.Links {
			if link.A.Load.At.IsZero() || link.B.Load.At.IsZero() {
				return false
			}
		}
		b := s.Routers["b"].Balance
		return len(s.Links) == 3 && strings.Contains(s.Routers["a"].Balance.Missing, "edge_ports") &&
			b.Missing == "" && b.In > 0 && s.Routers["c"].Balance.Missing == "ethernet-9/9 is not counted"
	})
	if counted := l.sessions["c"].counted(); !slices.Equal(counted, []string{"ethernet-1/1", "ethernet-1/2", backbone.Edge, "ethernet-9/9"}) {
		t.Errorf("c counts %v", counted)
	}
}
