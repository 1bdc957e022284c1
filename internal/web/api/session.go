package api

import "time"

// SignIn is how a person at a browser begins a session.
type SignIn struct {
	Token string `json:"token"`
}

// Session is who calls, and what a browser needs to go on.
type Session struct {
	Name     string    `json:"name"`
	Roles    []string  `json:"roles"`
	SignedIn bool      `json:"signed_in"`          // by a session; false of a bearer of a token, and of a viewer on this machine
	CSRF     string    `json:"csrf,omitempty"`     // goes into the header Detour-CSRF of every request that changes something
	Expires  time.Time `json:"expires,omitzero"`   // of the session
	CanSign  bool      `json:"can_sign_in"`        // the server has tokens, so that somebody can
	Replica  string    `json:"replica"`            // which answers
	At       time.Time `json:"at"`                 // by the server's clock
	Revision string    `json:"revision,omitempty"` // of the server's program
}
