package events

import "time"

// SignedOut ends sessions of a person's at the console, on every replica, before their time.
type SignedOut struct {
	Person  string    `json:"person"`
	Session string    `json:"session,omitempty"` // its id, which lets nobody in; "" for all of the person's that were begun until Until
	Until   time.Time `json:"until"`             // of one session: when it would have ended by itself
	By      Person    `json:"by"`
}

// ChatAccount is one account of a chat.
type ChatAccount struct {
	Chat    string `json:"chat"` // "slack"
	Team    string `json:"team"` // the workspace's id
	Account string `json:"account"`
}

// Linked says that whoever presses a button through an account is a person, as that person has confirmed, signed in at the
// console. What they may do is said elsewhere.
type Linked struct {
	ChatAccount
	Person string    `json:"person"`
	By     Person    `json:"by"`
	Ticket string    `json:"ticket"` // the id of what let them link it, once; it lets nobody do so
	Until  time.Time `json:"until"`  // when that would have ended by itself
}

// Unlinked takes a link back.
type Unlinked struct {
	ChatAccount
	Person string `json:"person"`
	By     Person `json:"by"`
}

// Kind names the record.
func (SignedOut) Kind() Kind { return KindSignedOut }
func (Linked) Kind() Kind    { return KindLinked }
func (Unlinked) Kind() Kind  { return KindUnlinked }
