package api

import (
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// Drain is one drain in force, or one that may be: Detour's own, or one that was seen and is not on the ledger.
type Drain struct {
	Link     string         `json:"link"`
	Owner    string         `json:"owner"` // events.Identity, or OwnerOther
	Incident string         `json:"incident,omitempty"`
	Phase    incident.Phase `json:"phase,omitempty"`
	Since    time.Time      `json:"since,omitzero"`
	Until    time.Time      `json:"until,omitzero"`   // not released before
	Expires  time.Time      `json:"expires,omitzero"` // a person is called, or it is released
	Seen     bool           `json:"seen"`             // routers show a drained metric now
	Worst    string         `json:"worst_link,omitempty"`
	Permil   int            `json:"worst_permil,omitempty"` // the load of Worst as measured after the drain, in thousandths of capacity

	// Verdict is what the drain costs: in capacity (how full the fullest link is with it and in service), and in what one more
	// failure would do (N-1). Of Detour's own it is the newest on record; of others' and of those that wait for a person it is computed every minute.
	Verdict *incident.Verdict `json:"verdict,omitempty"`
}

// OwnerOther owns the drains that Detour did not make.
const OwnerOther = "other"

// Drains lists every drain, Detour's own first, oldest first.
type Drains struct {
	Position uint64  `json:"position"`
	Drains   []Drain `json:"drains"`
	// Overloaded are routers that bear the overload bit, which the inventory does not give them: nothing crosses them.
	Overloaded []string `json:"overloaded,omitempty"`
	Seen       int      `json:"routers_seen"` // of Routers, with telemetry fresh enough to show others' drains
	Routers    int      `json:"routers"`
}

// Router is one router of the inventory.
type Router struct {
	Name      string       `json:"name"`
	Address   string       `json:"address"`
	Profile   string       `json:"profile"`
	Site      string       `json:"site,omitempty"`
	Software  string       `json:"software,omitempty"`
	Reachable bool         `json:"reachable"`
	Error     string       `json:"error,omitempty"`
	Seen      time.Time    `json:"seen,omitzero"` // when its telemetry was last heard
	Bars      []events.Bar `json:"bars"`          // proven on it
	Actions   []string     `json:"actions"`       // qualified on its platform

	// Trial is the newest of what a reboot does to what is set on it, with the software that it runs, or one that is not over.
	Trial *events.RebootTrial `json:"reboot_trial,omitempty"`
}

// Routers is the inventory.
type Routers struct {
	Routers []Router `json:"routers"`
}

// Difference is one change that a router shows otherwise than the ledger says.
type Difference struct {
	Incident string      `json:"incident"`
	Step     int         `json:"step"`   // from 0
	Change   int         `json:"change"` // from 0
	Device   string      `json:"device"`
	Ledger   events.Seen `json:"ledger"`
	Router   events.Seen `json:"router,omitempty"` // empty when it could not be read
	Detail   string      `json:"detail"`
}

// Comparison is the routers against the Board, for every live incident that is open.
type Comparison struct {
	Position    uint64       `json:"position"`
	Compared    int          `json:"compared"` // changes that were looked at
	Differences []Difference `json:"differences"`
}

// Status is how one replica is doing.
type Status struct {
	Replica   string        `json:"replica"`
	Version   string        `json:"version,omitempty"`
	Mode      events.Mode   `json:"mode"` // as configured
	Position  uint64        `json:"position"`
	Digest    events.Digest `json:"digest,omitempty"` // of the commit at Position
	CaughtUp  bool          `json:"caught_up"`
	Halted    string        `json:"halted,omitempty"` // why it does not act
	Connected bool          `json:"bus_connected"`
	Unwritten string        `json:"unwritten,omitempty"` // why the ledger takes no record
	Policy    events.Digest `json:"policy,omitempty"`    // in force; empty: none is loaded

	Chat          string `json:"chat,omitempty"`           // "connected", or which chats are away, and why; empty: none is configured
	Checkpoints   string `json:"checkpoints,omitempty"`    // "shipped", or which places outside of the cluster have not taken the newest, and why; empty: none is configured
	PolicyFrom    string `json:"policy_from,omitempty"`    // the file that it was read from
	PolicyRefused string `json:"policy_refused,omitempty"` // why what that file holds now is not taken
}

// ReplicaPolicy is what one replica last said of its policy, as the ledger has it.
type ReplicaPolicy struct {
	Replica string                `json:"replica"`
	Policy  events.Digest         `json:"policy"` // in force
	Mode    events.Mode           `json:"mode"`
	Source  string                `json:"source"` // the file that it was read from
	Since   time.Time             `json:"since"`
	Refused *events.PolicyRefused `json:"refused,omitempty"` // what that file has held since, and cannot be used
}

// Policies is what every replica that ever ran last said, by its name. While those that run differ nothing that adds risk is
// begun.
type Policies struct {
	Position uint64          `json:"position"`
	Replicas []ReplicaPolicy `json:"replicas"`
}

// Ready is the answer of /readyz: each condition by name, and its state in words. A chat that is not connected is told, and
// makes no replica unready: it costs that channel alone.
type Ready struct {
	Ready  bool        `json:"ready"`
	Checks []Condition `json:"checks"`
}

// Condition is one thing that must hold for a replica to be ready.
type Condition struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}
