package events

import (
	"math"
	"math/bits"
	"time"
)

// Facts are what was seen of a target and of the network around it at one moment; decisions rest on them and carry
// them on the record. Rates are bits or packets per second over Window, in whole numbers so that every replica
// computes alike.
type Facts struct {
	At      time.Time    `json:"at"` // when the oldest part was seen
	Ends    []EndFacts   `json:"ends,omitempty"`
	Network NetworkFacts `json:"network"`
	// Told says that nothing was read from the ends' routers for this: the configured values are those that they have told
	// of as they changed. Whoever sets something reads them first.
	Told bool `json:"told,omitempty"`
	// Asymmetric says that the topology gives the ends of the target different metrics.
	Asymmetric bool `json:"asymmetric,omitempty"`
	// Prospect is what a drain of the target would do, nil where the target is no link.
	Prospect *Prospect `json:"prospect,omitempty"`
}

// EndFacts are the facts of one end of a link.
type EndFacts struct {
	End
	Unreadable  string      `json:"unreadable,omitempty"` // why the pre-image could not be read; then there are no Leaves
	Leaves      []LeafFacts `json:"leaves,omitempty"`     // every metric leaf configured on the interface, per level and family
	Oper        string      `json:"oper,omitempty"`       // oper-status, "" when unknown
	Adjacencies int         `json:"adjacencies"`          // IS-IS adjacencies UP on the interface
	Neighbours  []string    `json:"neighbours,omitempty"` // IS-IS systems that they are with, sorted
	Circuits    []Circuit   `json:"circuits,omitempty"`   // of its adjacencies, in their order; none when it does not tell
	System      string      `json:"system,omitempty"`     // the router's own IS-IS system identifier, "" when it does not tell
	Speed       int64       `json:"speed_bps,omitempty"`  // of the interface, 0 when it does not tell
	Traffic     *Traffic    `json:"traffic,omitempty"`    // nil until two samples were seen
	Profile     Profile     `json:"profile"`
	Booted      time.Time   `json:"booted,omitzero"` // the router's boot time, when it tells
}

// Circuit is what tells an adjacency from others between the same two routers: the extended circuit identifiers of this end,
// and of the other as this end has heard it (RFC 5303, section 3). 0 is one that is not told.
type Circuit struct {
	Local uint32 `json:"local"`
	Peer  uint32 `json:"peer"`
}

// LeafFacts is one leaf as configured and as the router's state shows it.
type LeafFacts struct {
	LeafRef
	Config Value `json:"config"`
	State  Value `json:"state"`
}

// Traffic is what one end's counters did over Window.
type Traffic struct {
	Window   Duration `json:"window"`
	InBPS    int64    `json:"in_bps"`
	OutBPS   int64    `json:"out_bps"`
	InErrors int64    `json:"in_errors_per_s"` // frames received in error, per second
	InPPS    int64    `json:"in_pps"`
}

// Lost is the traffic that arrived in error, in bits per second: as large as what arrived well, frame by frame. It is 0 when
// no frame arrived well, for then their size is not known.
func (t Traffic) Lost() int64 {
	if t.InPPS <= 0 || t.InBPS <= 0 || t.InErrors <= 0 {
		return 0
	}
	high, low := bits.Mul64(uint64(t.InBPS), uint64(t.InErrors))
	if high >= uint64(t.InPPS) {
		return math.MaxInt64
	}
	lost, _ := bits.Div64(high, low, uint64(t.InPPS))
	return int64(min(lost, math.MaxInt64))
}

// Profile is what a decision needs to know of a router's platform.
type Profile struct {
	Name       string `json:"name"`
	Software   string `json:"software,omitempty"`
	SoftMetric uint32 `json:"soft_metric"` // the highest IS-IS metric that SPF still uses (RFC 5305: 2^24-2)
	HardMetric uint32 `json:"hard_metric"` // the metric that takes a link out of SPF, 0 where there is none (RFC 5305: 2^24-1)
	SameLevels bool   `json:"same_levels,omitempty"`
	Bars       []Bar  `json:"bars"` // the fences proven on this router
	Qualified  bool   `json:"qualified"`
}

// Bar is one way in which a late Set is kept from doing harm.
type Bar string

// The bars, strongest first.
const (
	BarArbitration     Bar = "master-arbitration" // the router refuses a Set with a lower election id
	BarCommitConfirmed Bar = "commit-confirmed"   // the router undoes what is not confirmed
	BarDeadline        Bar = "deadline"           // the RPC's deadline, a margin, and a read-back; every router has it
)

// NetworkFacts are what is seen of the network around a target.
type NetworkFacts struct {
	Routers      int      `json:"routers"`                 // in the inventory
	Seen         int      `json:"seen"`                    // routers with telemetry fresh enough
	Links        int      `json:"links"`                   // in the topology
	DrainedLinks []string `json:"drained_links,omitempty"` // links found with a metric at or above the soft drain value, whoever set it
	DownLinks    []string `json:"down_links,omitempty"`    // links with an end not UP
	Overloaded   []string `json:"overloaded,omitempty"`    // routers with the overload bit that the inventory does not give them
	WorstLink    string   `json:"worst_link,omitempty"`    // the most loaded link other than the target
	WorstPermil  int      `json:"worst_permil"`            // its load in thousandths of capacity; -1 when unknown
}

// Seen says how one router's leaves stand against a change: as before it, as after it, or as neither.
type Seen string

// What a read-back can show.
const (
	SeenBefore Seen = "before" // every leaf holds its pre-image
	SeenAfter  Seen = "after"  // every leaf holds what was to be set
	SeenOther  Seen = "other"  // somebody else changed it, or only part of it stands
)

// Check is one question that was asked before or after an act, with its answer.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Value  string `json:"value,omitempty"`
	Limit  string `json:"limit,omitempty"`
	Detail string `json:"detail,omitempty"` // one sentence for people
	Remedy string `json:"remedy,omitempty"` // what would unblock it, and who can, when it is not OK
}

// Failing are the names of the checks that say no, in their order.
func Failing(checks []Check) (names []string) {
	for _, c := range checks {
		if !c.OK {
			names = append(names, c.Name)
		}
	}
	return names
}
