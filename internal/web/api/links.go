package api

import "time"

// Links is which accounts of chats are which people.
type Links struct {
	Position uint64 `json:"position"`
	Links    []Link `json:"links"`
}

// Link is an account of a chat that is a person.
type Link struct {
	Chat    string    `json:"chat"`
	Team    string    `json:"team"` // the workspace, or the server
	Account string    `json:"account"`
	Name    string    `json:"name,omitempty"` // as the chat showed the account when it was to be linked
	Person  string    `json:"person"`
	At      time.Time `json:"at,omitzero"`
}

// NewLink links an account to the caller.
type NewLink struct {
	Ticket  string `json:"ticket"`            // as the chat was given it
	Confirm bool   `json:"confirm,omitempty"` // false: nothing is recorded, and the answer says what would be
}

// LinkDone is what is linked, or would be.
type LinkDone struct {
	Link     Link   `json:"link"`
	Position uint64 `json:"position,omitempty"` // of the record; 0 when nothing was recorded
}
