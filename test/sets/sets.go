// Package sets reads what simulated routers have written down of every Set, for tests that judge the service from outside: under
// which intent it came, and what it did to the network.
package sets

import (
	"encoding/json"
	"path"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
)

// Election is under which intent a Set was sent: the election id of the service's role. ok is false when it has none.
func Election(request *gpb.SetRequest) (position uint64, ok bool) {
	for _, e := range request.GetExtension() {
		if m := e.GetMasterArbitration(); m.GetRole().GetId() == events.Identity {
			return m.GetElectionId().GetLow(), true
		}
	}
	return 0, false
}

// Risky says whether a Set that changed something added risk: it raised a metric, or changed something else.
func Risky(set *backbone.SetRecord) bool {
	for _, c := range set.Changes {
		if !strings.HasSuffix(c.Path, "/metric") || Metric(c.After) > Metric(c.Before) {
			return true
		}
	}
	return false
}

// Asks says whether a Set asked for anything; one that raises a router's election id, or speaks of a commit, does not.
func Asks(set *backbone.SetRecord) bool {
	return len(set.Request.GetUpdate())+len(set.Request.GetReplace())+len(set.Request.GetDelete())+len(set.Request.GetUnionReplace()) > 0
}

// Metric is a metric as JSON; one that is not configured is the model's default, and what is no number is 0.
func Metric(text string) (n uint32) {
	if text == "" {
		return 10
	}
	_ = json.Unmarshal([]byte(text), &n)
	return n
}

// Canary says whether a Set was a proof: it wrote nothing but a description, or what no traffic crosses.
func Canary(set *backbone.SetRecord) bool {
	for _, c := range set.Changes {
		if path.Base(c.Path) != "description" && !strings.Contains(c.Path, "[interface-id="+backbone.Loopback+"]") {
			return false
		}
	}
	return true
}
