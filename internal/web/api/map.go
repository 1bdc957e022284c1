package api

import (
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// Topology is the network as it was configured when the replica started: what a map is drawn from.
type Topology struct {
	Routers []Place `json:"routers"`
	Links   []Span  `json:"links"`
}

// Place is where a router stands. Without coordinates both are 0.
type Place struct {
	Name      string  `json:"name"`
	Site      string  `json:"site,omitempty"`
	Latitude  float64 `json:"latitude,omitempty"`  // degrees north
	Longitude float64 `json:"longitude,omitempty"` // degrees east
}

// Span is a link between two routers.
type Span struct {
	Name     string   `json:"name"`
	A        string   `json:"a"`
	B        string   `json:"b"`
	Capacity int64    `json:"capacity_bps"` // in each direction
	SRLGs    []string `json:"srlgs,omitempty"`
}

// Map is how the network stands now, as this replica sees it.
type Map struct {
	Position uint64    `json:"position"` // of the Board that was asked
	At       time.Time `json:"at"`
	Marks    []Mark    `json:"marks"`  // the links that are not plainly in service, by name
	Loads    []int     `json:"loads"`  // of every link in the topology's order, the fuller direction, in thousandths of capacity; -1 where not known
	Unseen   []string  `json:"unseen"` // the routers whose telemetry is not fresh
}

// Mark is what is to be said of one link.
type Mark struct {
	Link     string         `json:"link"`
	Down     bool           `json:"down,omitempty"`    // an end is not UP
	Drained  string         `json:"drained,omitempty"` // the owner of the drain that stands: events.Identity or OwnerOther
	Incident string         `json:"incident,omitempty"`
	Phase    incident.Phase `json:"phase,omitempty"`
	Firing   bool           `json:"firing,omitempty"`
}

// Rules is what each rule has done lately: those of the policy in force, in its order, then those that are no longer in it.
type Rules struct {
	Position uint64        `json:"position"`
	Policy   events.Digest `json:"policy"` // in force on this replica
	Since    time.Time     `json:"since"`  // incidents opened since then are counted
	Whole    bool          `json:"whole"`  // false: the Board no longer remembers all of them; the ledger does
	Rules    []Rule        `json:"rules"`
}

// Rule is one rule, and what became of the incidents that it answered.
type Rule struct {
	Name        string                 `json:"name"`
	InForce     bool                   `json:"in_force"`
	Autonomy    string                 `json:"autonomy,omitempty"`
	Remediation string                 `json:"remediation,omitempty"`
	Kinds       []events.AnomalyKind   `json:"kinds"`
	When        string                 `json:"when,omitempty"`
	Incidents   int                    `json:"incidents"`
	Open        int                    `json:"open"`
	Asked       int                    `json:"asked"`    // people were asked about them
	Approved    int                    `json:"approved"` // and enough of them said yes
	Drained     int                    `json:"drained"`  // it was verified at least once that their drain helped
	Sets        int                    `json:"sets"`
	Outcomes    map[events.Outcome]int `json:"outcomes"` // of those that have ended
	Held        map[string]int         `json:"held"`     // by the name of the first check that said no to the newest plan
}

// Hits is what a search of the ledger found, the newest first.
type Hits struct {
	Last  uint64 `json:"last"` // position of the newest commit
	Hits  []Hit  `json:"hits"`
	Read  int    `json:"read"`             // commits that were looked at
	Older uint64 `json:"before,omitempty"` // where to go on towards the past, 0 at the beginning of the ledger
}

// Hit is one record that was found.
type Hit struct {
	Entry
	Incident string `json:"incident,omitempty"`
}
