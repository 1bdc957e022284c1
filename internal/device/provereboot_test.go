package device

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
)

// TestCanaryOutlivesReboot marks a canary, reboots the router, and sees of it what its next Save, or its own, has kept.
func TestCanaryOutlivesReboot(t *testing.T) {
	for name, c := range map[string]struct {
		router func(*backbone.Options)
		keeps  bool
	}{
		"it saves by itself":              {func(o *backbone.Options) { o.Persist = true }, true},
		"it saves when told to":           {func(*backbone.Options) {}, false},
		"nothing is configured, it saves": {func(o *backbone.Options) { o.Persist, o.MetricAbsent = true, true }, true},
		"nothing is configured":           {func(o *backbone.Options) { o.MetricAbsent = true }, false},
		"unset, the default shows":        {func(o *backbone.Options) { o.MetricAbsent, o.Absent = true, backbone.AbsentDefault }, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := startLab(t, labSetup{idle: true, router: c.router})
			before, err := l.FindCanary(t.Context(), "a")
			if err != nil {
				t.Fatal(err)
			}
			if before.Leaf.Interface != backbone.Loopback || before.Booted.IsZero() || before.Software != "1.0.0" {
				t.Errorf("found %+v", before)
			}
			mark := events.UintValue(79)
			marked, err := l.SetCanary(t.Context(), "a", before.Leaf, before.Value, mark)
			if err != nil || marked.Value != mark || !marked.Booted.Equal(before.Booted) {
				t.Fatalf("marked %+v, %v", marked, err)
			}
			if again, err := l.SetCanary(t.Context(), "a", before.Leaf, before.Value, mark); err != nil || again.Value != mark || len(l.net.Sets()) != 1 {
				t.Errorf("again: %+v, %v, %d Sets", again, err, len(l.net.Sets()))
			}
			l.a().Reboot(0)
			var after events.Canary
			eventually(t, "it answers", func() bool {
				after, err = l.ReadCanary(t.Context(), "a", before.Leaf)
				return err == nil && !after.Booted.IsZero()
			})
			want := before.Value
			if c.keeps {
				want = mark
			}
			if after.Value != want || !after.Booted.After(before.Booted) {
				t.Errorf("after the reboot %+v, want %s and a later boot", after, want)
			}
			back, err := l.SetCanary(t.Context(), "a", before.Leaf, mark, before.Value)
			if err != nil || back.Value != before.Value {
				t.Errorf("put back: %+v, %v", back, err)
			}
			l.expectMetrics(10, 10)
		})
	}
}

// TestSetCanaryLeavesAlone what somebody else has set, and says what a router does not take.
func TestSetCanaryLeavesAlone(t *testing.T) {
	l := startLab(t, labSetup{idle: true})
	c, err := l.FindCanary(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	got, err := l.SetCanary(t.Context(), "a", c.Leaf, events.UintValue(33), events.UintValue(79))
	if err != nil || got.Value != c.Value || len(l.net.Sets()) != 0 {
		t.Errorf("it reads otherwise: %+v, %v, %d Sets", got, err, len(l.net.Sets()))
	}
	l.a().OnSet(backbone.Nth(1), backbone.Refuse(codes.PermissionDenied, "read-only account"))
	if _, err := l.SetCanary(t.Context(), "a", c.Leaf, c.Value, events.UintValue(79)); err == nil || !strings.Contains(err.Error(), "read-only account") {
		t.Errorf("refused: %v", err)
	}
	l.a().OnSet(backbone.Nth(2), backbone.Ignore())
	if got, err := l.SetCanary(t.Context(), "a", c.Leaf, c.Value, events.UintValue(79)); err != nil || got.Value != c.Value {
		t.Errorf("ignored: %+v, %v", got, err)
	}
}

// TestFindCanaryCannot says what is missing, and sends nothing.
func TestFindCanaryCannot(t *testing.T) {
	for name, c := range map[string]struct {
		metric string
		alter  func(*lab)
		device string
		says   string
	}{
		"none named":        {metric: "", device: "a", says: "router a has no canary_metric: name an IS-IS interface without a neighbour"},
		"a link":            {metric: "ethernet-1/1", device: "a", says: "its metric moves traffic"},
		"no such interface": {metric: "ethernet-9/9", device: "a", says: "correct canary_metric"},
		"no such router":    {metric: backbone.Loopback, device: "z", says: `router "z" is not in the inventory`},
		"unreachable":       {metric: backbone.Loopback, device: "a", says: "router a at", alter: func(l *lab) { l.a().SetUnreachable(true) }},
	} {
		t.Run(name, func(t *testing.T) {
			l := startLab(t, labSetup{idle: true, inventory: func(routers []network.Router) { routers[0].CanaryMetric = c.metric }})
			if c.alter != nil {
				c.alter(l)
			}
			if got, err := l.FindCanary(t.Context(), c.device); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%+v, %v, want %q", got, err, c.says)
			}
			if n := len(l.net.Sets()); n != 0 {
				t.Errorf("%d Sets", n)
			}
		})
	}
}
