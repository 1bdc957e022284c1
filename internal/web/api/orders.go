package api

import (
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// Approve is a yes to exactly one plan: its digest, or at least twelve leading hexadecimal digits of it.
type Approve struct {
	Plan string `json:"plan"`
}

// Reject is a no; without a plan it is about the one that is being asked about.
type Reject struct {
	Plan   string `json:"plan,omitempty"`
	Reason string `json:"reason"`
}

// Abort stops an incident and takes back what was applied; AsIs lets go of a stuck one and leaves the routers alone.
type Abort struct {
	Reason string `json:"reason"`
	AsIs   bool   `json:"as_is,omitempty"`
}

// Undrain takes a standing mitigation back.
type Undrain struct {
	Reason string `json:"reason"`
}

// TryReboot goes on with the trial of what a reboot does to what is set on a router; Undo takes its mark off instead.
type TryReboot struct {
	Undo bool `json:"undo,omitempty"`
}

// NewFreeze stops every act that adds risk in a scope; an empty scope is the whole network.
type NewFreeze struct {
	Scope  string `json:"scope,omitempty"`
	Reason string `json:"reason"`
}

// NewWindow opens a maintenance window that ends at Until or after For; exactly one is given.
type NewWindow struct {
	Scope  string          `json:"scope,omitempty"`
	For    events.Duration `json:"for,omitempty"`
	Until  time.Time       `json:"until,omitzero"`
	Reason string          `json:"reason"`
}

// Done says that an order stands on the ledger, and where.
type Done struct {
	Position uint64        `json:"position"`
	Digest   events.Digest `json:"digest"`
	Incident string        `json:"incident,omitempty"`
	Window   string        `json:"window,omitempty"` // the id of a window that was opened
}

// Freezes lists the freezes in force, by scope, each with what waits and what has expired meanwhile.
type Freezes struct {
	Position uint64                `json:"position"`
	Freezes  []incident.Standstill `json:"freezes"`
}

// Window is a maintenance window in force.
type Window struct {
	ID     string        `json:"id"`
	Scope  events.Scope  `json:"scope"`
	Until  time.Time     `json:"until"`
	By     events.Person `json:"by"`
	Reason string        `json:"reason"`
}

// Windows lists the maintenance windows in force that people began, the first to end first.
type Windows struct {
	Position uint64   `json:"position"`
	Windows  []Window `json:"windows"`
}
