package events

import "time"

// Prospect is what was computed of a network before a decision about a link: how full it gets, and what one more failure
// would do, with the link in service and with it drained, everything else as it is seen. Both sides are always given: a
// drain asks whether Drained is bearable, putting back whether InService is, and a drain that stands whether it still is.
//
// Loads are thousandths of a link's capacity, rounded up; rates are bits per second. It is computed from integers alone, so
// the same Inputs give the same Prospect on every machine.
type Prospect struct {
	At     time.Time `json:"at"`               // of the oldest observation that it rests on
	Inputs Digest    `json:"inputs,omitempty"` // of everything that it was computed from
	// Besides are the links that count as drained on both sides, seen to be or not: drains that have been admitted by then.
	// They are sorted.
	Besides []string `json:"besides,omitempty"`

	// Missing says why nothing could be computed, "" when it was. Then nothing but the fields above means anything.
	Missing string `json:"missing,omitempty"`
	// Method says what it rests on. It is empty where paths alone are known, and no traffic: then loads mean nothing, and what is
	// cut off is counted in pairs of routers. Nothing is decided on that.
	Method Method `json:"method,omitempty"`
	// Matrix is the traffic matrix that was used, and when that was measured.
	Matrix   string    `json:"matrix,omitempty"`
	MatrixAt time.Time `json:"matrix_at,omitzero"`

	Fit       Fit          `json:"fit,omitzero"`       // how well the model explains what is measured
	Counters  Fit          `json:"counters,omitzero"`  // how well what is sent into links agrees with what comes out of them
	Conserved Conservation `json:"conserved,omitzero"` // and what comes into routers with what goes out of them
	InService Outlook      `json:"in_service,omitzero"`
	Drained   Outlook      `json:"drained,omitzero"`

	// NewViolations counts the single failures that the network survives with the link in service and not with it drained;
	// Worst is the worst of them.
	NewViolations int    `json:"new_violations"`
	Worst         string `json:"worst,omitempty"`

	// Moved is the traffic that the link carries, both directions together, and which a drain moves elsewhere.
	Moved int64 `json:"moved_bps"`
	// Way is how to get from the links in service to the links drained, push by push, so that no transient loop can form,
	// whatever the order in which routers learn of each; the last push for an end is the drain itself. Loops says that
	// packets may loop all the same: there were more pushes than are allowed.
	Way   []Push `json:"way,omitempty"`
	Loops bool   `json:"loops,omitempty"`
	// Steps is what ledgers hold where Way was not yet known: the metrics of both ends, one after the other. It is read, so that
	// such a ledger can be, and never written.
	Steps []uint32 `json:"steps,omitempty"`
	// Harm is the traffic expected to be lost over the time of a repair because the link is drained: overflow now, and
	// after each single failure weighted by its likelihood; Benefit is what is lost on the link now.
	Harm    int64 `json:"harm_bps"`
	Benefit int64 `json:"benefit_bps"`
}

// Hard reports whether it is of taking the link out of SPF altogether, rather than of leaving it as the last resort.
func (p *Prospect) Hard() bool {
	const unused = 1<<24 - 1 // RFC 5305, section 3
	n := len(p.Way)
	return n > 0 && len(p.Way[n-1]) > 0 && p.Way[n-1][0].Metric >= unused
}

// Method says what a Prospect rests on.
type Method string

// The methods, the better first.
const (
	MethodExact Method = "exact" // shortest paths of every demand of a traffic matrix
	MethodBound Method = "bound" // no matrix: no link can gain more than what the drained one carries
)

// Outlook is a network as computed: now, and with any single failure more.
type Outlook struct {
	WorstPermil int      `json:"worst_permil"` // of the fullest link
	WorstLink   string   `json:"worst_link,omitempty"`
	CutOff      int64    `json:"cut_off_bps"`       // traffic that has no path
	CutOffNames []string `json:"cut_off,omitempty"` // some of it: "den > kcy", or routers that cannot be reached

	// SurvivePermil is how full the fullest link gets when the worst failure more happens, that is Failure, and then Link. When
	// AtMost is true it is a bound: no failure fills any link more, and none is named.
	SurvivePermil int    `json:"survive_permil"`
	AtMost        bool   `json:"survive_at_most,omitempty"`
	Failure       string `json:"survive_failure,omitempty"`
	Link          string `json:"survive_link,omitempty"`
	Failures      int    `json:"failures"` // how many were looked at: every link, shared risk group and router
	Settled       int    `json:"settled"`  // how many of them a bound settled without computing paths
}

// Fit says how well two accounts of the same loads agree: prediction and measurement, or the measurements at both ends.
type Fit struct {
	Links  int    `json:"links"` // directions of links of which both are known
	Close  int    `json:"close"` // of them: those on which they agree
	Worst  int    `json:"worst"` // the largest difference, in thousandths of capacity
	OnLink string `json:"on_link,omitempty"`
}
