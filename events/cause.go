package events

import "time"

// Gathering says that an incident's link shares a risk with others, and that it is not decided before Until unless every
// link of Scopes has alarmed by then: the first alarm of a shared fault looks like a fault of one link.
type Gathering struct {
	Until  time.Time `json:"until"`
	Scopes []Scope   `json:"scopes"` // risk groups of more than one link
}

// Cause says that an incident is one of several that have one cause, and which group of links that is.
type Cause struct {
	Scope   Scope  `json:"scope"`
	Links   int    `json:"links"`   // in Scope
	Alarmed int    `json:"alarmed"` // of them, at about the same time
	Lead    string `json:"lead"`    // the incident that speaks for all that are decided together with it, itself included
}

// Companion is the plan of another incident that is carried out together with a plan, for the same cause. Whoever approves
// the one approves the other.
type Companion struct {
	Incident string `json:"incident"`
	Plan     Digest `json:"plan"`
}
