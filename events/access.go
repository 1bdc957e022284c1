package events

import "time"

// SignedOut ends sessions of a person's at the console, on every replica, before their time.
type SignedOut struct {
	Person  string    `json:"person"`
	Session string    `json:"session,omitempty"` // its id, which lets nobody in; "" for all of the person's that were begun until Until
	Until   time.Time `json:"until"`             // of one session: when it would have ended by itself
	By      Person    `json:"by"`
}

// Kind names the record.
func (SignedOut) Kind() Kind { return KindSignedOut }
