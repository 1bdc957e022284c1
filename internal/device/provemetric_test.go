package device

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
)

// metricOfLoopback is the configured metric that proofs write, as router a has it.
func (l *lab) metricOfLoopback() events.Value {
	l.t.Helper()
	ref := events.LeafRef{Leaf: events.ISISMetric, Interface: backbone.Loopback, Level: 2, Family: events.IPv6}
	values, err := l.sessions["a"].leaves(l.t.Context(), []events.LeafRef{ref})
	if err != nil {
		l.t.Fatal(err)
	}
	return values[ref]
}

// atOnce lets a router refuse commit-confirmed, so that a proof does not wait for a rollback.
func atOnce(o *backbone.Options) { o.CommitConfirmed, o.StrictExtensions = false, true }

func deletes(s backbone.SetInfo) bool { return len(s.Request.GetDelete()) > 0 }

// deletesMetric is a Set that deletes a metric, and not the description.
func deletesMetric(s backbone.SetInfo) bool {
	return deletes(s) && strings.Contains(s.Request.String(), "metric")
}

// A proof says whether metrics are written and deleted as asked, and what an absent one means, and puts back what was there.
func TestProveMetric(t *testing.T) {
	set := []events.Leaf{events.ISISMetric}
	for name, c := range map[string]struct {
		router func(*backbone.Options)
		inject func(*backbone.Router)
		leaves []events.Leaf
		unset  events.Value
		inUse  uint32
		says   string
	}{
		"as it should be":          {leaves: set, inUse: 10, says: "isis-metric: written and deleted as asked; unset it shows nothing, and 10 is in force"},
		"unset, the default shows": {router: func(o *backbone.Options) { o.Absent = backbone.AbsentDefault }, leaves: set, unset: events.UintValue(10), inUse: 10, says: "unset it shows 10"},
		"unset, nothing comes":     {router: func(o *backbone.Options) { o.Absent = backbone.AbsentEmpty }, leaves: set, inUse: 10, says: "unset it shows nothing"},
		"it was not set before":    {router: func(o *backbone.Options) { o.MetricAbsent = true }, leaves: set, inUse: 10, says: "deleted as asked"},
		"writes are refused": {inject: func(r *backbone.Router) {
			r.OnSet(func(s backbone.SetInfo) bool { return strings.Contains(s.Request.String(), `"metric"`) }, backbone.Refuse(codes.PermissionDenied, "not by you"))
		}, says: "isis-metric: the router answered: rpc error: code = PermissionDenied desc = not by you"},
		"writes do nothing": {inject: func(r *backbone.Router) {
			r.OnSet(func(s backbone.SetInfo) bool { return strings.Contains(s.Request.String(), `"metric"`) }, backbone.Ignore())
		}, says: "a metric that was acknowledged does not show"},
		"deletes do nothing":  {inject: func(r *backbone.Router) { r.OnSet(deletesMetric, backbone.Ignore()) }, says: "a delete that was acknowledged leaves the metric as it was"},
		"deletes are refused": {inject: func(r *backbone.Router) { r.OnSet(deletesMetric, backbone.Abort("mandatory")) }, says: "mandatory"},
	} {
		t.Run(name, func(t *testing.T) {
			l := startLab(t, labSetup{idle: true, router: func(o *backbone.Options) {
				atOnce(o)
				if c.router != nil {
					c.router(o)
				}
			}})
			before := l.metricOfLoopback()
			if c.inject != nil {
				c.inject(l.a())
			}
			proved, err := l.Prove(t.Context(), "a", events.Person{Name: "ada"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.leaves, proved.Leaves); diff != "" || proved.Unset != c.unset || proved.Default != c.inUse || !strings.Contains(proved.Detail, c.says) {
				t.Errorf("%+v, want %v, unset %s, default %d, a detail with %q", proved, c.leaves, c.unset, c.inUse, c.says)
			}
			if !strings.Contains(proved.Detail, "persistence: what is set outlives its session") {
				t.Errorf("nothing of persistence in %q", proved.Detail)
			}
			if after := l.metricOfLoopback(); after != before {
				t.Errorf("the metric was %s and is %s", before, after)
			}
			l.expectDescription("loopback")
			l.Proven(proved)
			if got := l.Routers()[0].Qualified; (len(got) == 1) != (c.leaves != nil) {
				t.Errorf("may set %v", got)
			}
		})
	}
}

// Which metric is harmless a person says, and a router is believed more than a person.
func TestProveMetricCannot(t *testing.T) {
	for name, c := range map[string]struct {
		metric string
		says   string
	}{
		"a link":            {"ethernet-1/1", "its metric moves traffic"},
		"no such interface": {"ethernet-9/9", "correct canary_metric"},
	} {
		t.Run(name, func(t *testing.T) {
			l := startLab(t, labSetup{idle: true, inventory: func(routers []network.Router) { routers[0].CanaryMetric = c.metric }})
			if _, err := l.Prove(t.Context(), "a", events.Person{Name: "ada"}); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if n := len(l.net.Sets()); n != 0 {
				t.Errorf("%d Sets", n)
			}
		})
	}
	t.Run("none named", func(t *testing.T) {
		l := startLab(t, labSetup{idle: true, router: atOnce, inventory: func(routers []network.Router) { routers[0].CanaryMetric = "" }})
		proved, err := l.Prove(t.Context(), "a", events.Person{Name: "ada"})
		if err != nil || proved.Leaves != nil || !strings.Contains(proved.Detail, "isis-metric: not tried, the inventory names no canary_metric") {
			t.Errorf("%+v, %v", proved, err)
		}
		l.Proven(proved)
		if p := l.Observe(t.Context(), l.target("a-b")).Ends[0].Profile; p.Qualified || len(p.Bars) != 2 {
			t.Errorf("without a proof of metrics the profile is %+v", p)
		}
	})
	t.Run("the reply to the write is lost", func(t *testing.T) {
		l := startLab(t, labSetup{idle: true, router: atOnce})
		before := l.metricOfLoopback()
		l.a().OnSet(func(s backbone.SetInfo) bool { return strings.Contains(s.Request.String(), "77") }, backbone.LoseReply())
		if proved, err := l.Prove(t.Context(), "a", events.Person{Name: "ada"}); err == nil {
			t.Errorf("proved %+v", proved)
		}
		if after := l.metricOfLoopback(); after != before {
			t.Errorf("the metric was %s and is %s", before, after)
		}
	})
}

// What a proof showed of a metric that is not configured counts before what is usual.
func TestProvenUnset(t *testing.T) {
	l := startLab(t, labSetup{idle: true})
	s, ref := l.sessions["a"], events.LeafRef{Leaf: events.ISISMetric}
	same := func(shown uint64) bool { return s.platform().same(ref, events.Value{}, events.UintValue(shown)) }
	if !same(10) || same(20) {
		t.Error("without a proof the model's default counts")
	}
	l.Proven(events.Proved{Device: "a", Leaves: []events.Leaf{events.ISISMetric}, Unset: events.UintValue(20)})
	if same(10) || !same(20) {
		t.Error("with a proof, what it showed does not count")
	}
	l.Proven(events.Proved{Device: "a", Leaves: []events.Leaf{events.ISISMetric}})
	if same(10) || same(20) {
		t.Error("a router that was proven to show nothing shows something that counts as nothing")
	}
	if !s.platform().same(ref, events.Value{}, events.Value{}) {
		t.Error("nothing is not nothing")
	}
}
