package backbone

import "github.com/detour-net/detour/internal/backbone/target"

// Absent is how a router answers a Get of a configuration leaf that is not set. Real ones disagree.
type Absent = target.Absent

// The manners of target.Absent.
const (
	AbsentNotFound = target.AbsentNotFound
	AbsentDefault  = target.AbsentDefault
	AbsentEmpty    = target.AbsentEmpty
)

// Options is how a router is set up, and what it supports.
type Options struct {
	NetworkInstance string // name of the default network instance
	Instance        string // name of the IS-IS instance
	Levels          []int  // IS-IS levels on every interface: 2, or 1 and 2
	IPv4Only        bool   // no IPv6 anywhere
	SingleTopology  bool   // IPv6 follows the IPv4 metric, and the IPv6 metric has no effect
	MetricAbsent    bool   // metrics are not configured at the start: the default, 10, is in force

	MasterArbitration bool // when off, the extension is ignored without a word, as real servers do
	CommitConfirmed   bool // likewise
	StrictExtensions  bool // an extension that is off or unknown is refused with UNIMPLEMENTED instead
	Persist           bool // every commit survives a reboot; otherwise only Save does
	Absent            Absent

	SoftwareVersion string
}

// extensions are those of gNMI that a router with the options supports.
func (o *Options) extensions() target.Extensions {
	return target.Extensions{MasterArbitration: o.MasterArbitration, CommitConfirmed: o.CommitConfirmed, Strict: o.StrictExtensions}
}

// DefaultOptions are those of a router that does everything a client may hope for, except that it does not save commits
// by itself.
func DefaultOptions() Options {
	return Options{
		NetworkInstance: "DEFAULT", Instance: "CORE", Levels: []int{2},
		MasterArbitration: true, CommitConfirmed: true,
		SoftwareVersion: "1.0.0",
	}
}
