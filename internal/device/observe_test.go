package device

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
)

func leafFacts(level int, family string, config, state events.Value) events.LeafFacts {
	return events.LeafFacts{
		LeafRef: events.LeafRef{Leaf: events.ISISMetric, Interface: "ethernet-1/1", Level: level, Family: family},
		Config:  config, State: state,
	}
}

// Which leaves there are is what the router has configured, never an assumption.
func TestObserveLeaves(t *testing.T) {
	ten, none := events.UintValue(10), events.Value{}
	for name, c := range map[string]struct {
		router func(*backbone.Options)
		alter  func(*lab)
		want   []events.LeafFacts
	}{
		"two topologies": {want: []events.LeafFacts{leafFacts(2, events.IPv4, ten, none), leafFacts(2, events.IPv6, ten, none)}},
		"single topology": {router: func(o *backbone.Options) { o.SingleTopology = true },
			want: []events.LeafFacts{leafFacts(2, events.IPv4, ten, none)}},
		"IPv4 only": {router: func(o *backbone.Options) { o.IPv4Only = true },
			want: []events.LeafFacts{leafFacts(2, events.IPv4, ten, none)}},
		"both levels": {router: func(o *backbone.Options) { o.Levels, o.IPv4Only = []int{1, 2}, true },
			want: []events.LeafFacts{leafFacts(1, events.IPv4, ten, none), leafFacts(2, events.IPv4, ten, none)}},
		"level 1 only runs not": {router: func(o *backbone.Options) { o.Levels, o.IPv4Only = []int{1, 2}, true },
			alter: func(l *lab) { l.isis("levels/level[level-number=1]/config/enabled", "false") },
			want:  []events.LeafFacts{leafFacts(2, events.IPv4, ten, none)}},
		"a family is off": {
			alter: func(l *lab) {
				l.isis("levels/level[level-number=2]/afi-safi/af[afi-name=IPV6][safi-name=UNICAST]/config/enabled", "false")
			},
			want: []events.LeafFacts{leafFacts(2, events.IPv4, ten, none)}},
		"not configured": {router: func(o *backbone.Options) { o.MetricAbsent = true },
			want: []events.LeafFacts{leafFacts(2, events.IPv4, none, none), leafFacts(2, events.IPv6, none, none)}},
		"other names": {router: func(o *backbone.Options) { o.NetworkInstance, o.Instance, o.IPv4Only = "default", "1", true },
			want: []events.LeafFacts{leafFacts(2, events.IPv4, ten, none)}},
		"Get internal": {alter: func(l *lab) { l.a().RefuseGet(codes.Internal, "x") },
			want: []events.LeafFacts{leafFacts(2, events.IPv4, ten, none), leafFacts(2, events.IPv6, ten, none)}},
		"Get unimplemented": {alter: func(l *lab) { l.a().RefuseGet(codes.Unimplemented, "x") },
			want: []events.LeafFacts{leafFacts(2, events.IPv4, ten, none), leafFacts(2, events.IPv6, ten, none)}},
		"Get denied": {alter: func(l *lab) { l.a().RefuseGet(codes.PermissionDenied, "x") },
			want: []events.LeafFacts{leafFacts(2, events.IPv4, ten, none), leafFacts(2, events.IPv6, ten, none)}},
	} {
		t.Run(name, func(t *testing.T) {
			l := startLab(t, labSetup{idle: true, router: func(o *backbone.Options) {
				if c.router != nil {
					c.router(o)
				}
			}})
			if c.alter != nil {
				c.alter(l)
			}
			end := l.Observe(t.Context(), l.target("a-b")).Ends[0]
			if diff := cmp.Diff(c.want, end.Leaves, cmp.Comparer(func(a, b events.Value) bool { return a == b })); diff != "" {
				t.Errorf("leaves (-want +got):\n%s%s", diff, end.Unreadable)
			}
		})
	}
}

// isis configures something on router a's IS-IS interface of link a-b as somebody else would.
func (l *lab) isis(below, value string) {
	l.t.Helper()
	path := l.a().Path("interfaces", "interface[interface-id=ethernet-1/1]", below)
	if err := l.a().Configure(path, value); err != nil {
		l.t.Fatal(err)
	}
}

func TestObserveUnreadable(t *testing.T) {
	for name, c := range map[string]struct {
		alter func(*lab, *events.Target)
		says  string
	}{
		"no such router":    {func(_ *lab, target *events.Target) { target.Ends[0].Device = "x" }, `router "x" is not in the inventory`},
		"no such interface": {func(_ *lab, target *events.Target) { target.Ends[0].Interface = "lag9" }, `no IS-IS interface "lag9"`},
		"no level":          {func(l *lab, _ *events.Target) { l.isis("levels/level[level-number=2]/config/enabled", "false") }, "runs no IS-IS level"},
		"unreachable":       {func(l *lab, _ *events.Target) { l.a().SetUnreachable(true) }, "router a at 127.0.0.1"},
		"hangs":             {func(l *lab, _ *events.Target) { l.hangs() }, "DeadlineExceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			l := startLab(t, labSetup{idle: true})
			target := l.target("a-b")
			c.alter(l, &target)
			facts := l.Observe(t.Context(), target)
			if a := facts.Ends[0]; !strings.Contains(a.Unreadable, c.says) || len(a.Leaves) > 0 {
				t.Errorf("end a: %+v, want unreadable with %q", a, c.says)
			}
			if b := facts.Ends[1]; b.Unreadable != "" || len(b.Leaves) != 2 {
				t.Errorf("end b must not suffer: %+v", b)
			}
		})
	}
}

func TestObserveLearnsOfANewFamily(t *testing.T) {
	l := startLab(t, labSetup{router: func(o *backbone.Options) { o.Levels, o.IPv4Only = []int{2}, true }})
	ctx := t.Context()
	eventually(t, "the state of the metric is known", func() bool {
		leaves := l.Observe(ctx, l.target("a-b")).Ends[0].Leaves
		return len(leaves) == 1 && !leaves[0].State.Absent()
	})
	l.isis("levels/level[level-number=1]/config", `{"level-number": 1, "enabled": true}`)
	l.isis("levels/level[level-number=1]/afi-safi/af[afi-name=IPV4][safi-name=UNICAST]/config",
		`{"afi-name": "IPV4", "safi-name": "UNICAST", "enabled": true, "metric": 12}`)
	if err := l.a().Configure(l.a().Path("global", "config", "level-capability"), `"LEVEL_1_2"`); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new leaf is seen", func() bool { return len(l.Observe(ctx, l.target("a-b")).Ends[0].Leaves) == 2 })
}

func TestObserveTelemetry(t *testing.T) {
	l := startLab(t, labSetup{})
	l.Proven(events.Proved{Device: "b", Software: "1.0.0", Leaves: []events.Leaf{events.ISISMetric}})
	ctx := t.Context()
	var facts events.Facts
	aToB, bToA := l.net.Load("a-b")
	wants := []struct{ in, out int64 }{{bToA, aToB}, {aToB, bToA}}
	right := func(facts events.Facts) bool { // in the end: on a busy machine a rate's window is not exact
		for i, want := range wants {
			if t := facts.Ends[i].Traffic; off(t.InBPS, want.in) || off(t.OutBPS, want.out) {
				return false
			}
		}
		return true
	}
	eventually(t, "both ends are seen whole", func() bool {
		facts = l.Observe(ctx, l.target("a-b"))
		for _, end := range facts.Ends {
			if end.Traffic == nil || end.Adjacencies == 0 || end.Oper == "" {
				return false
			}
		}
		n := facts.Network
		return n.Seen == 3 && n.WorstPermil > 0 && right(facts) && l.See().Facts("").WorstPermil >= n.WorstPermil // the worst of all
	})
	for i := range wants {
		end := facts.Ends[i]
		if end.Oper != "UP" || end.Adjacencies != 1 || end.Unreadable != "" {
			t.Errorf("end %d: %+v", i, end)
		}
		if end.Traffic.InErrors != 0 || end.Traffic.InPPS == 0 {
			t.Errorf("end %d: traffic %+v", i, *end.Traffic)
		}
		for _, leaf := range end.Leaves {
			if leaf.State != events.UintValue(10) {
				t.Errorf("state of %s is %s", leaf.LeafRef, leaf.State)
			}
		}
		if end.Profile.Software != "1.0.0" || end.Profile.Name != "openconfig" || end.Profile.Qualified != (end.Device == "b") || end.Booted.IsZero() {
			t.Errorf("end %d: profile %+v, booted %s", i, end.Profile, end.Booted)
		}
	}
	if age := time.Since(facts.At); age < 0 || age > 10*time.Second {
		t.Errorf("facts are from %s", facts.At)
	}
	if n := facts.Network; n.Routers != 3 || n.Links != 3 || n.WorstPermil <= 0 || n.WorstLink == "a-b" || len(n.DownLinks)+len(n.DrainedLinks) > 0 {
		t.Errorf("network %+v", n)
	}
}

func TestTelemetryFollowsTheNetwork(t *testing.T) {
	l := startLab(t, labSetup{})
	ctx := t.Context()
	link := l.target("a-b")
	eventually(t, "traffic is seen", func() bool { return l.Observe(ctx, link).Ends[0].Traffic != nil })

	if err := l.net.SetLoss("a-b", 0.01); err != nil {
		t.Fatal(err)
	}
	eventually(t, "errors are counted", func() bool {
		traffic := l.Observe(ctx, link).Ends[1].Traffic
		return traffic != nil && traffic.InErrors > 0
	})
	order := l.drain(ctx)
	l.expectSet(ctx, order, applied(1))
	eventually(t, "the drain is seen in state, and traffic has left", func() bool {
		facts := l.Observe(ctx, link)
		for _, leaf := range facts.Ends[0].Leaves {
			if leaf.State != events.UintValue(softMetric) {
				return false
			}
		}
		traffic := facts.Ends[0].Traffic
		return traffic != nil && traffic.OutBPS == 0 && cmp.Equal(facts.Network.DrainedLinks, []string{"a-b"})
	})
	if err := l.net.SetLinkDown("b-c"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cut is seen", func() bool {
		facts := l.Observe(ctx, l.target("b-c"))
		return cmp.Equal(facts.Network.DownLinks, []string{"b-c"}) && facts.Ends[0].Adjacencies == 0 && facts.Ends[0].Oper != "UP"
	})
}

func TestTelemetryOfALostRouterIsUnknown(t *testing.T) {
	l := startLab(t, labSetup{options: func(o *Options) { o.StaleAfter = 300 * time.Millisecond }})
	ctx := t.Context()
	eventually(t, "all are seen", func() bool {
		return l.See().Facts("").Seen == 3 && l.Observe(ctx, l.target("a-b")).Ends[0].Traffic != nil
	})
	before := l.Observe(ctx, l.target("a-b")).Ends[0].Booted

	l.a().SetUnreachable(true)
	eventually(t, "a is unknown", func() bool {
		facts := l.Observe(ctx, l.target("a-b"))
		a := facts.Ends[0]
		return facts.Network.Seen == 2 && a.Oper == "" && a.Traffic == nil && a.Adjacencies == 0 && a.Unreadable != ""
	})
	if a := l.Routers()[0]; a.Reachable || a.LastError == "" {
		t.Errorf("router a: %+v", a)
	}
	l.a().SetUnreachable(false)
	l.a().Reboot(0)
	eventually(t, "a is back", func() bool {
		facts := l.Observe(ctx, l.target("a-b"))
		a := facts.Ends[0]
		return facts.Network.Seen == 3 && a.Oper == "UP" && a.Traffic != nil && a.Booted.After(before) && l.Routers()[0].LastError == ""
	})
}

// What a session told does not outlive it, however long it would have counted as fresh.
func TestTelemetryEndsWithItsSession(t *testing.T) {
	l := startLab(t, labSetup{options: func(o *Options) { o.StaleAfter = time.Hour }})
	a := func() events.EndFacts { return l.Observe(t.Context(), l.target("a-b")).Ends[0] }
	eventually(t, "a is seen", func() bool { return a().Oper == "UP" && a().Traffic != nil && a().Adjacencies == 1 })
	l.a().SetUnreachable(true)
	eventually(t, "a is unknown", func() bool { return a().Oper == "" && a().Traffic == nil && a().Adjacencies == 0 })
}

// A router that takes a subscription and then says nothing more is not seen.
func TestTelemetryOfAHangingRouterIsUnknown(t *testing.T) {
	l := startLab(t, labSetup{options: func(o *Options) { o.StaleAfter, o.ReadTimeout = 200*time.Millisecond, 200*time.Millisecond }})
	eventually(t, "all are seen", func() bool { return l.See().Facts("").Seen == 3 })
	l.a().SetHanging(true)
	l.a().CutConnections()
	eventually(t, "a is not seen", func() bool { return l.See().Facts("").Seen == 2 && l.Routers()[0].LastError != "" })
	l.a().SetHanging(false)
	eventually(t, "all are seen again", func() bool { return l.See().Facts("").Seen == 3 })
}

// TestTold sees a link without asking its routers, once they have told how they are configured; what they change later is seen
// as well. A router that is silent, or tells nothing of it, is to be read.
func TestTold(t *testing.T) {
	l := startLab(t, labSetup{})
	told := func() (events.Facts, bool) { return l.See().Told(l.target("a-b")) }
	var facts events.Facts
	eventually(t, "the link is told of", func() (known bool) { facts, known = told(); return known && facts.Ends[0].Traffic != nil })
	read := l.Observe(t.Context(), l.target("a-b"))
	if !facts.Told || read.Told {
		t.Errorf("told %t, want true; read %t, want false", facts.Told, read.Told)
	}
	for i, end := range facts.Ends {
		config := func(list []events.LeafFacts) (values []events.Value) {
			for _, leaf := range list {
				values = append(values, leaf.Config)
			}
			return values
		}
		if diff := cmp.Diff(config(read.Ends[i].Leaves), config(end.Leaves), cmp.Comparer(func(a, b events.Value) bool { return a == b })); diff != "" || len(end.Leaves) != 2 {
			t.Errorf("end %d (-read +told):\n%s", i, diff)
		}
	}
	l.isis("levels/level[level-number=2]/afi-safi/af[afi-name=IPV4][safi-name=UNICAST]/config/metric", "77")
	eventually(t, "the change is told", func() bool {
		facts, known := told()
		return known && facts.Ends[0].Leaves[0].Config == events.UintValue(77)
	})
	later := l.See()
	later.at = later.at.Add(silentAfter*l.opts.TelemetryInterval + time.Hour)
	if facts, known := later.Told(l.target("a-b")); known {
		t.Errorf("routers that have been silent for an hour are believed: %+v", facts)
	}
	l.a().SetUnreachable(true)
	eventually(t, "it is known to be gone", func() bool { _, known := told(); return !known })
}

// TestNotTold has what cannot be told: nothing has been heard, a leaf has no value, the interface is another.
func TestNotTold(t *testing.T) {
	for name, c := range map[string]struct {
		setup  labSetup
		target func(*events.Target)
	}{
		"telemetry is not followed": {setup: labSetup{idle: true}},
		"a leaf has no value":       {setup: labSetup{router: func(o *backbone.Options) { o.MetricAbsent = true }}},
		"another interface":         {target: func(target *events.Target) { target.Ends[0].Interface = "lag9" }},
		"another router":            {target: func(target *events.Target) { target.Ends[0].Device = "x" }},
		"no end":                    {target: func(target *events.Target) { target.Ends = nil }},
	} {
		t.Run(name, func(t *testing.T) {
			l := startLab(t, c.setup)
			if !c.setup.idle {
				eventually(t, "everything is heard", func() bool { return l.Observe(t.Context(), l.target("b-c")).Ends[0].Traffic != nil })
			}
			target := l.target("a-b")
			if c.target != nil {
				c.target(&target)
			}
			if facts, known := l.See().Told(target); known {
				t.Errorf("told %+v", facts)
			}
		})
	}
}

// TestToldIsReadBeforeSet has somebody change a metric that a decision rests on, in a moment when it was only told: nothing is set.
func TestToldIsReadBeforeSet(t *testing.T) {
	l := startLab(t, labSetup{})
	order := l.drain(t.Context())
	order.ReadAt = time.Time{}
	l.isis("levels/level[level-number=2]/afi-safi/af[afi-name=IPV4][safi-name=UNICAST]/config/metric", "77")
	body := l.Set(t.Context(), order, granted)
	if refused, ok := body.(events.Refused); !ok || refused.Class != events.RefusedByChanged || refused.Sets != 0 {
		t.Errorf("set on a pre-image that no longer holds: %+v", body)
	}
}
