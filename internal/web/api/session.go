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
	Again    bool      `json:"again,omitempty"`    // what they may do has to be asked of the provider anew: they may look until they sign in again
	Leave    string    `json:"leave,omitempty"`    // after signing out: where to sign out of the provider, too
	CanSign  bool      `json:"can_sign_in"`        // the server has tokens, or a provider, so that somebody can
	Replica  string    `json:"replica"`            // which answers
	At       time.Time `json:"at"`                 // by the server's clock
	Revision string    `json:"revision,omitempty"` // of the server's program
}

// Login is how people can sign in.
type Login struct {
	Tokens   bool   `json:"tokens"`             // with a token
	Provider string `json:"provider,omitempty"` // path that sends a browser to the provider, with the queries to=PATH and anew; "" without one
	Away     string `json:"away,omitempty"`     // why the provider lets nobody in now
}
