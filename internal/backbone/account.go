package backbone

import (
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/ygot/ygot"
	"google.golang.org/grpc/codes"

	"github.com/detour-net/detour/internal/backbone/target"
)

// SetRecord is one Set as the network's account has it, or what a router did to its configuration by itself. An account is in
// the order in which things were decided, over all routers.
type SetRecord struct {
	Router   string
	At       time.Time
	Request  *gpb.SetRequest // must not be changed; nil for what the router did by itself
	Code     codes.Code      // the router's decision; a reply that was lost does not show here
	Message  string
	Changes  []Change // what became different in the configuration
	Injected string   // the injection that had a hand in it, if any
	Local    bool     // not by gNMI: Router.Configure, a commit rolled back that nobody confirmed, a reboot
}

// Accepted says whether the router committed the Set.
func (s *SetRecord) Accepted() bool { return s.Code == codes.OK }

// Effective says whether the Set changed anything.
func (s *SetRecord) Effective() bool { return len(s.Changes) > 0 }

// Change is one leaf that a Set changed, with its value as JSON before and after, empty where there was none.
type Change = target.Change

// note adds to the account. The mutex is held.
func (n *Network) note(record SetRecord) {
	n.sets = append(n.sets, record)
	n.announce()
}

// noteSince adds what the router has changed by itself, if anything. The mutex is held.
func (r *Router) noteSince(before settings, now time.Time) {
	if changes := target.Changes(before, r.running); len(changes) > 0 {
		r.network.note(SetRecord{Router: r.name, At: now, Changes: changes, Local: true})
	}
}

// Sets is the account so far, of all routers: whatever came by gNMI, and whatever else has changed a configuration.
func (n *Network) Sets() []SetRecord {
	n.lock()
	defer n.unlock()
	return append([]SetRecord(nil), n.sets...)
}

// SetCount is how many Sets a router has decided on.
type SetCount struct{ Accepted, Refused, Effective int }

// SetCount counts the Sets that came by gNMI to a router, or to all with an empty name.
func (n *Network) SetCount(router string) SetCount {
	n.lock()
	defer n.unlock()
	var count SetCount
	for i := range n.sets {
		record := &n.sets[i]
		if record.Local || router != "" && record.Router != router {
			continue
		}
		if record.Accepted() {
			count.Accepted++
		} else {
			count.Refused++
		}
		if record.Effective() {
			count.Effective++
		}
	}
	return count
}

// commandLine is the request that stands for a change of one path.
func commandLine(path, value string) (*gpb.SetRequest, error) {
	parsed, err := ygot.StringToStructuredPath(path)
	if err != nil {
		return nil, err
	}
	if value == "" {
		return &gpb.SetRequest{Delete: []*gpb.Path{parsed}}, nil
	}
	json := &gpb.TypedValue{Value: &gpb.TypedValue_JsonVal{JsonVal: []byte(value)}}
	return &gpb.SetRequest{Update: []*gpb.Update{{Path: parsed, Val: json}}}, nil
}
