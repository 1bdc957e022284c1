package network

import (
	"time"
)

// State is what was observed of a network, as far as it was: plain data that stands on the ledger beside the decisions
// taken on it. A link or router that it leaves out is taken to be as configured, up and drained by nobody; whether that
// much silence is acceptable is for a check of freshness to say, not for the model.
type State struct {
	At      time.Time              `json:"at,omitzero"`       // when it was put together
	Links   map[string]LinkState   `json:"links,omitempty"`   // by the link's name
	Routers map[string]RouterState `json:"routers,omitempty"` // by the router's name
}

// LinkState is what was observed of a link.
type LinkState struct {
	A           EndState  `json:"a,omitzero"`
	B           EndState  `json:"b,omitzero"`
	MembersDown []string  `json:"members_down,omitempty"` // names of the LAG's members that are down
	DrainedBy   DrainedBy `json:"drained_by,omitempty"`
}

// EndState is what one end's router shows. Metrics, when there are any, are all that it advertises over this link: a
// level or family that is not among them fails the two-way check and is not used in either direction.
type EndState struct {
	At      time.Time `json:"at,omitzero"`       // when the end was last seen; zero when it was not
	Metrics []Metric  `json:"metrics,omitempty"` // none: not seen, as configured
	Down    bool      `json:"down,omitempty"`    // the interface is down, or its adjacency is
	Load    Reading   `json:"load,omitzero"`     // sent by this end towards the other
	Arrived Reading   `json:"arrived,omitzero"`  // received by this end from the other, well or in error
}

// Reading is measured traffic in one direction.
type Reading struct {
	BPS int64     `json:"bps"`         // bits per second
	At  time.Time `json:"at,omitzero"` // end of the interval that was measured; zero when nothing was
}

// RouterState is what was observed of a router.
type RouterState struct {
	At        time.Time `json:"at,omitzero"`
	Overload  *bool     `json:"overload,omitempty"` // the overload bit of its LSP; nil: not seen, as configured
	DrainedBy DrainedBy `json:"drained_by,omitempty"`
	Balance   Balance   `json:"balance,omitzero"`
}

// Balance is what passes a router, summed over all of its ports, in bits per second. Missing says why it is not known; then
// nothing else means anything. The zero Balance is of a router that was not looked at.
type Balance struct {
	In      int64     `json:"in_bps"`
	Out     int64     `json:"out_bps"`
	Dropped int64     `json:"dropped_bps"` // came in, and is said to have gone no further
	Broken  int64     `json:"broken_bps"`  // arrived in error, which some platforms count among In and others do not
	At      time.Time `json:"at,omitzero"` // end of the oldest interval that was measured
	Missing string    `json:"missing,omitempty"`
}

// DrainedBy says who took traffic off a link or router; "" is nobody, as far as is known.
type DrainedBy string

// Whose drain it is.
const (
	Ours   DrainedBy = "ours"   // an incident of this ledger holds it
	Others DrainedBy = "others" // a person or another tool
)

// Live is a network as it stands: what is configured, with what was observed laid over it.
type Live struct {
	Topology *Topology
	Links    []LiveLink   // in the order of Topology.Links
	Routers  []LiveRouter // in the order of Topology.Routers
}

// LiveLink is a link as it stands.
type LiveLink struct {
	A, B      []Metric // of each end, for every level and family it advertises, sorted
	Capacity  int64    // bits per second in each direction, of the members that are up; positive unless Down
	Down      bool     // an end is down, or fewer members are up than the LAG needs
	DrainedBy DrainedBy
}

// LiveRouter is a router as it stands.
type LiveRouter struct {
	Overload  bool
	DrainedBy DrainedBy
}

// Metric is what the link costs from A to B and from B to A on a level for a family; ok is false when an end does not
// advertise it, so that neither direction is used.
func (l LiveLink) Metric(level int, family Family) (ab, ba uint32, ok bool) {
	ab, okA := metricIn(l.A, level, family)
	ba, okB := metricIn(l.B, level, family)
	return ab, ba, okA && okB
}

func metricIn(list []Metric, level int, family Family) (uint32, bool) {
	for _, m := range list {
		if m.Level == level && m.Family == family {
			return m.Value, true
		}
	}
	return 0, false
}
