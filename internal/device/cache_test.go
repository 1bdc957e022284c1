package device

import (
	"strconv"
	"testing"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"

	"github.com/detour-net/detour/events"
)

// told is a notification of leaves and deleted paths.
func told(t *testing.T, leaves map[string]string, deleted ...string) *gnmi.Notification {
	t.Helper()
	n := &gnmi.Notification{Timestamp: time.Now().UnixNano(), Prefix: &gnmi.Path{Origin: "openconfig"}}
	for path, value := range leaves {
		n.Update = append(n.Update, &gnmi.Update{Path: &gnmi.Path{Elem: elems(t, path)}, Val: ietf(value)})
	}
	for _, path := range deleted {
		n.Delete = append(n.Delete, &gnmi.Path{Elem: elems(t, path)})
	}
	return n
}

const (
	isisAt     = "/network-instances/network-instance[name=DEFAULT]/protocols/protocol[identifier=ISIS][name=CORE]/isis"
	levelAt    = isisAt + "/interfaces/interface[interface-id=i]/levels/level[level-number=2]"
	neighbour1 = levelAt + "/adjacencies/adjacency[system-id=0000.0000.0001]/state/adjacency-state"
	neighbour2 = levelAt + "/adjacencies/adjacency[system-id=0000.0000.0002]/state/adjacency-state"
	metricAt   = levelAt + "/afi-safi/af[afi-name=IPV4][safi-name=UNICAST]/state/metric"
	operAt     = "/interfaces/interface[name=i]/state/oper-status"
)

func TestStates(t *testing.T) {
	p := openConfigPaths()
	now := time.Unix(1_000_000, 0)
	ref := events.LeafRef{Leaf: events.ISISMetric, Interface: "i", Level: 2, Family: events.IPv4}
	all := map[string]string{operAt: `"UP"`, neighbour1: `"UP"`, neighbour2: `"INIT"`, metricAt: "10"}
	type seen struct {
		oper   string
		up     int
		metric events.Value
	}
	for name, c := range map[string]struct {
		sampled bool
		after   func(*cache)
		want    seen
	}{
		"all":           {after: func(*cache) {}, want: seen{"UP", 1, events.UintValue(10)}},
		"another is up": {after: func(c *cache) { c.takeStates(p, told(t, map[string]string{neighbour2: `"UP"`}), now) }, want: seen{"UP", 2, events.UintValue(10)}},
		"one went":      {after: func(c *cache) { c.takeStates(p, told(t, nil, neighbour1), now) }, want: seen{"UP", 0, events.UintValue(10)}},
		"its entry went": {after: func(c *cache) {
			c.takeStates(p, told(t, nil, levelAt+"/adjacencies/adjacency[system-id=0000.0000.0001]"), now)
		}, want: seen{"UP", 0, events.UintValue(10)}},
		"IS-IS went":      {after: func(c *cache) { c.takeStates(p, told(t, nil, isisAt), now) }, want: seen{oper: "UP"}},
		"replaced":        {after: func(c *cache) { c.takeStates(p, told(t, map[string]string{operAt: `"DOWN"`}, operAt), now) }, want: seen{"DOWN", 1, events.UintValue(10)}},
		"stream began":    {after: func(c *cache) { c.beginStates(false) }},
		"session gone":    {after: func(c *cache) { c.forget() }},
		"long not heard":  {after: func(c *cache) { c.touch(now.Add(-time.Minute)) }},
		"sampled, fresh":  {sampled: true, after: func(c *cache) { c.touch(now) }, want: seen{"UP", 1, events.UintValue(10)}},
		"sampled, silent": {sampled: true, after: func(c *cache) { c.touch(now.Add(time.Hour)) }},
		"a metric of no form": {after: func(c *cache) { c.takeStates(p, told(t, map[string]string{metricAt: "1.5"}), now) },
			want: seen{oper: "UP", up: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			known := newCache(time.Second)
			known.beginStates(c.sampled)
			known.takeStates(p, told(t, all), now)
			fresh := now.Add(-time.Second)
			if known.end(shownOf{iface: "i", port: "i"}, fresh).oper != "" {
				t.Error("something is known before everything was told")
			}
			known.completeStates()
			known.end(shownOf{iface: "i", port: "i"}, fresh) // what was seen once is not seen for ever
			c.after(known)
			if c.sampled {
				fresh = known.lastHeard().Add(-time.Second)
			}
			e := known.end(shownOf{iface: "i", port: "i"}, fresh)
			got := seen{e.oper, e.adjacencies, e.metrics[ref]}
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if other := known.end(shownOf{iface: "other", port: "other"}, fresh); other.oper != "" || other.adjacencies != 0 {
				t.Error("something is known of another interface")
			}
		})
	}
}

func TestStatesTellOfChangedConfiguration(t *testing.T) {
	p, now := openConfigPaths(), time.Unix(1_000_000, 0)
	c := newCache(time.Second)
	c.beginStates(false)
	six := levelAt + "/afi-safi/af[afi-name=IPV6][safi-name=UNICAST]/state/metric"
	for i, step := range []struct {
		n    *gnmi.Notification
		want bool
	}{
		{told(t, map[string]string{metricAt: "10"}), false}, // before everything was told once
		{told(t, map[string]string{metricAt: "16777214", operAt: `"UP"`}), false},
		{told(t, map[string]string{six: "10"}), true},
		{told(t, map[string]string{six: "20"}), false},
		{told(t, nil, six), true},
		{told(t, nil, operAt), false},
	} {
		if got := c.takeStates(p, step.n, now); got != step.want {
			t.Errorf("step %d: changed %t", i, got)
		}
		c.completeStates()
	}
}

func TestCountersOfAReboot(t *testing.T) {
	p, at := openConfigPaths(), time.Unix(1_000_000, 0)
	c := newCache(time.Second)
	feed := func(octets, errors string) {
		at = at.Add(time.Second)
		n := told(t, map[string]string{
			"/interfaces/interface[name=i]/state/counters": `{"in-octets":"` + octets + `","openconfig-interfaces:out-octets":"` + octets + `","in-errors":` + errors + `,"in-pkts":"x"}`,
		})
		n.Timestamp = at.UnixNano()
		c.takeCounters(p, n, at)
	}
	feed("1000", "1")
	feed("2000", "2")
	if got := c.end(shownOf{iface: "i", port: "i"}, at).traffic; got == nil || got.InBPS != 8000 || got.InErrors != 1 || got.InPPS != 0 {
		t.Errorf("before: %+v", got)
	}
	feed("10", "0")
	if got := c.end(shownOf{iface: "i", port: "i"}, at).traffic; got != nil {
		t.Errorf("right after a reset: %+v, want nothing", got)
	}
	feed("110", "0")
	if got := c.end(shownOf{iface: "i", port: "i"}, at).traffic; got == nil || got.InBPS != 800 || got.OutBPS != 800 || got.InErrors != 0 {
		t.Errorf("after: %+v", got)
	}
}

// What comes to a cache shows at the next look, whatever was looked at before, and nothing does once its stream ends.
func TestSumsAreOfNow(t *testing.T) {
	const (
		portAt     = "/interfaces/interface[name=i]/ethernet/state/port-speed"
		lagAt      = "/interfaces/interface[name=i]/aggregation/state/lag-speed"
		bitAt      = isisAt + "/global/lsp-bit/overload-bit/state/set-bit"
		circuitAt  = levelAt + "/adjacencies/adjacency[system-id=0000.0000.0001]/state/local-extended-circuit-id"
		configAt   = levelAt + "/afi-safi/af[afi-name=IPV4][safi-name=UNICAST]/config/metric"
		configured = "10"
	)
	p, now := openConfigPaths(), time.Unix(1_000_000, 0)
	ref := events.LeafRef{Leaf: events.ISISMetric, Interface: "i", Level: 2, Family: events.IPv4}
	type seen struct {
		speed   int64
		over    string
		circuit uint32
		metric  events.Value
	}
	for _, sampled := range []bool{false, true} {
		c := newCache(time.Second)
		c.beginStates(sampled)
		for n, step := range []struct {
			what string
			do   func()
			want seen
		}{
			{"told and not complete", func() {
				c.takeStates(p, told(t, map[string]string{portAt: `"SPEED_10GB"`, bitAt: "false", circuitAt: "7", configAt: configured}), now)
			}, seen{}},
			{"complete", c.completeStates, seen{10e9, "false", 7, events.UintValue(10)}},
			{"others", func() {
				c.takeStates(p, told(t, map[string]string{portAt: `"SPEED_1GB"`, bitAt: "true", circuitAt: "8", configAt: "20"}), now)
			}, seen{1e9, "true", 8, events.UintValue(20)}},
			{"a bundle", func() { c.takeStates(p, told(t, map[string]string{lagAt: "40000"}), now) }, seen{40e9, "true", 8, events.UintValue(20)}},
			{"read", func() { c.takeUpdates(p, updatesOf(told(t, map[string]string{lagAt: "30000"})), now) }, seen{30e9, "true", 8, events.UintValue(20)}},
			{"deleted", func() { c.takeStates(p, told(t, nil, lagAt, bitAt), now) }, seen{1e9, "", 8, events.UintValue(20)}},
			{"its stream ended", c.forget, seen{}},
		} {
			step.do()
			port, router := c.told(shownOf{iface: "i", port: "i"}, now), c.told(shownOf{}, now)
			got := seen{speed: port.speed, metric: port.configured[ref]}
			if router.overload != nil {
				got.over = strconv.FormatBool(*router.overload)
			}
			if len(port.circuits) > 0 {
				got.circuit = port.circuits[0].Local
			}
			if got != step.want {
				t.Errorf("sampled %t, step %d, %s: got %+v, want %+v", sampled, n, step.what, got, step.want)
			}
			if other := c.told(shownOf{iface: "other", port: "other"}, now); other.speed != 0 || other.circuits != nil || other.overload != nil {
				t.Errorf("step %d: of another interface %+v", n, other)
			}
		}
	}
}
