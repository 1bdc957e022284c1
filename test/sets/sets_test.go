package sets_test

import (
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/proto/gnmi_ext"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/test/sets"
)

func TestElection(t *testing.T) {
	request := func(role string) *gpb.SetRequest {
		return &gpb.SetRequest{Extension: []*gnmi_ext.Extension{{Ext: &gnmi_ext.Extension_MasterArbitration{MasterArbitration: &gnmi_ext.MasterArbitration{
			Role: &gnmi_ext.Role{Id: role}, ElectionId: &gnmi_ext.Uint128{Low: 7},
		}}}}}
	}
	if position, ok := sets.Election(request(events.Identity)); position != 7 || !ok {
		t.Errorf("position %d, %t", position, ok)
	}
	for name, r := range map[string]*gpb.SetRequest{"another role": request("other"), "none": {}, "no request": nil} {
		if position, ok := sets.Election(r); ok {
			t.Errorf("%s: position %d", name, position)
		}
	}
}

// TestKinds tells Sets apart by what they changed.
func TestKinds(t *testing.T) {
	const metric, loopback = "/isis/interface[interface-id=et-0]/metric", "/isis/interface[interface-id=" + backbone.Loopback + "]/metric"
	for _, c := range []struct {
		name          string
		change        backbone.Change
		risky, canary bool
	}{
		{"a drain", backbone.Change{Path: metric, Before: "10", After: "16777214"}, true, false},
		{"an undrain", backbone.Change{Path: metric, Before: "16777214", After: "10"}, false, false},
		{"a drain of what was not configured", backbone.Change{Path: metric, After: "11"}, true, false},
		{"the default in place of nothing", backbone.Change{Path: metric, After: "10"}, false, false},
		{"a metric taken away", backbone.Change{Path: metric, Before: "11"}, false, false},
		{"something else", backbone.Change{Path: "/isis/overload", Before: "true", After: "false"}, true, false},
		{"a canary's description", backbone.Change{Path: "/interface/description", After: `"x"`}, true, true},
		{"a canary's metric", backbone.Change{Path: loopback, Before: "10", After: "11"}, true, true},
	} {
		set := &backbone.SetRecord{Changes: []backbone.Change{c.change}}
		if risky, canary := sets.Risky(set), sets.Canary(set); risky != c.risky || canary != c.canary {
			t.Errorf("%s: risky %t, canary %t", c.name, risky, canary)
		}
	}
	both := &backbone.SetRecord{Changes: []backbone.Change{{Path: loopback, After: "11"}, {Path: metric, After: "11"}}}
	if sets.Canary(both) {
		t.Error("a Set that drains is taken for a canary")
	}
}

// TestAsks tells a Set that wants something set from one that says no more than who is master.
func TestAsks(t *testing.T) {
	update := []*gpb.Update{{}}
	for name, c := range map[string]struct {
		request *gpb.SetRequest
		want    bool
	}{
		"an election id": {&gpb.SetRequest{Extension: []*gnmi_ext.Extension{{}}}, false},
		"by the router":  {nil, false},
		"an update":      {&gpb.SetRequest{Update: update}, true},
		"a replace":      {&gpb.SetRequest{Replace: update}, true},
		"a delete":       {&gpb.SetRequest{Delete: []*gpb.Path{{}}}, true},
	} {
		if got := sets.Asks(&backbone.SetRecord{Request: c.request}); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
