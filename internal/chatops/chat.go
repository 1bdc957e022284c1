package chatops

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// Room is the one place in a chat where incidents are shown.
type Room interface {
	// Post shows a card: as a new thread, or, if thread is not zero, in that one. The message carries key, so that Find finds
	// it. An error that is a *Refusal says that nothing was posted, and ErrGone that there is no such thread any more; after any
	// other nobody can tell.
	Post(ctx context.Context, thread Place, key string, c Card) (Place, error)
	// Update shows another card in a message's place. The error is ErrGone if there is no such message any more.
	Update(ctx context.Context, at Place, key string, c Card) error
	// Find looks for the message that carries key, among the room's newest or in a thread. The error is ErrGone if there is no
	// such thread any more.
	Find(ctx context.Context, thread Place, key string) (at Place, found bool, err error)
}

// Members are those who can press.
type Members interface {
	// Member asks the chat who an account is, now.
	Member(ctx context.Context, account string) (Member, error)
	// Whisper tells an account something in a thread that nobody else sees.
	Whisper(ctx context.Context, account string, thread Place, text string) error
	// Ask puts a form before whoever has just pressed; it must be called within seconds of the press. What is filled in comes
	// back as the same Press with an Answer. After an error whoever pressed has no form.
	Ask(ctx context.Context, p Press, f Form) error
}

// Board gives read access to the Board. f keeps nothing of it.
type Board interface {
	View(f func(*incident.Board))
}

// Orders carries out what people ask for. Submit returns once the order's records stand on the ledger; its error wraps
// incident.ErrNotFound or incident.ErrRefused when the order was not lawful.
type Orders interface {
	Submit(ctx context.Context, order incident.Order) (events.Commit, error)
}

// ErrGone says that a message is not there any more.
var ErrGone = errors.New("the message is not there any more")

// Refusal says that the chat has certainly not done what it was asked, and when it may be asked again.
type Refusal struct {
	Reason string
	After  time.Duration // 0: it did not say
}

// Error is the reason.
func (r *Refusal) Error() string {
	if r.After > 0 {
		return fmt.Sprintf("%s, again after %s", r.Reason, r.After)
	}
	return r.Reason
}

// Place is one message in a chat.
type Place struct {
	Channel string
	Message string
	Link    string // for people; "" when it is not known
}

// Card is what one message shows. Its texts are Clean.
type Card struct {
	Title   string   `json:"title"`
	Call    []string `json:"call,omitempty"` // accounts to be notified
	Parts   []Part   `json:"parts,omitempty"`
	Buttons []Button `json:"buttons,omitempty"`
}

// Part is a paragraph with a heading.
type Part struct {
	Label string   `json:"label"`
	Lines []string `json:"lines"`
}

// Button is something to press.
type Button struct {
	Act     Act    `json:"act"`
	Label   string `json:"label"`
	Value   string `json:"value"`             // opaque; comes back with the Press
	Confirm string `json:"confirm,omitempty"` // asked before it counts; "" to ask nothing
}

// Act is what a button does.
type Act string

// The acts.
const (
	Approve Act = "approve"
	Reject  Act = "reject"
	Why     Act = "why"
	Abort   Act = "abort"
	Freeze  Act = "freeze"
	Thaw    Act = "thaw"

	Handover Act = "handover" // what whoever comes on duty must know, as it is now
	WhyOf    Act = "why-of"   // why, of the incident or the event whose id is filled in
	Open     Act = "open"     // what is open and what is frozen
	Help     Act = "help"     // what can be typed
)

// Press is what the chat says about a button that was pressed, about the form that came of it, or about a command that was typed
// (Typed). None of it is believed before it has been checked.
type Press struct {
	ID      string // the chat's, of this press or this form; one that is delivered twice has it twice
	Account string
	Channel string
	Message string
	Act     Act
	Value   string
	At      time.Time // when the button was pressed, by the chat's clock
	Trigger string    // lets a form be put before whoever pressed, for some seconds; "" with an Answer, and where there is no form
	Answer  *Answer   // what was filled in; nil: it is the button that was pressed
	Typed   bool      // it is no button's, of no card
}

// Form is what is asked of whoever pressed a button of which a click does not say enough. Its texts are Clean.
type Form struct {
	Title  string // up to 24 characters
	Submit string // what sends it, up to 24 characters
	Lines  []string
	Scopes []Choice // one is to be chosen, the first unless another is; nil: nothing is chosen
	Reason bool     // a text of up to MaxReason characters is asked for
}

// MaxReason bounds the reason that a form asks for, in characters.
const MaxReason = 250

// MaxChoices bounds the choices of a form.
const MaxChoices = 100

// Choice is one of several.
type Choice struct {
	Value string
	Label string // up to 75 characters
}

// Answer is what was filled in.
type Answer struct {
	Scope  string // the Value of a Choice, "" if there were none
	Reason string
}

// Member is an account as the chat knows it.
type Member struct {
	Name        string // as the chat shows it
	Team        string // the workspace that asks
	Deleted     bool
	Guest       bool // may see some channels only
	Stranger    bool // of another workspace, here through a shared channel
	Bot         bool
	Unconfirmed bool // the chat does not say that its address has been confirmed
}

// barred says why nobody may decide through this account, whoever the table says that it is; "" if one may.
func (m Member) barred() string {
	switch {
	case m.Deleted:
		return "this account is deactivated"
	case m.Bot:
		return "this account is a bot's"
	case m.Stranger:
		return "this account belongs to another workspace"
	case m.Guest:
		return "this account is a guest's"
	case m.Unconfirmed:
		return "this account's address is not confirmed, as far as the chat says"
	}
	return ""
}
