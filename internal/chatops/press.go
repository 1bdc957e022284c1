package chatops

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// outcome is what came of a press.
type outcome string

const (
	taken    outcome = "taken"    // it stands on the ledger
	answered outcome = "answered" // it asked for nothing but words
	opened   outcome = "opened"   // its form was put before whoever pressed
	refused  outcome = "refused"  // not lawful, or overtaken
	barred   outcome = "barred"   // whoever pressed may not
	invited  outcome = "invited"  // whoever pressed is not known, and was told where to link the account
	late     outcome = "late"     // pressed too long ago, or in the future
	repeated outcome = "repeated" // delivered before
	failed   outcome = "failed"   // it could not be judged, or nobody can tell
)

// Bounds of a press.
const (
	pressAge    = time.Minute // older than this by the chat's clock it no longer counts, nor newer: the clocks may differ by as much
	judgeWithin = 10 * time.Second
	rememberFor = 2 * pressAge // a press that comes again later than that is too old
)

// presses are those of the last while, so that one that is delivered twice is answered once. It is an economy: what a press
// leads to is lawful only once.
type presses struct {
	mu   sync.Mutex
	seen map[string]time.Time
}

func (p *presses) first(id string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for old, at := range p.seen {
		if now.Sub(at) > rememberFor {
			delete(p.seen, old)
		}
	}
	if _, ok := p.seen[id]; ok {
		return false
	}
	p.seen[id] = now
	return true
}

// Press judges a press, and tells whoever pressed what came of it.
func (d *Desk) Press(ctx context.Context, p Press) {
	fields := []zap.Field{
		zap.String("account", p.Account), zap.String("act", string(p.Act)), zap.String("channel", p.Channel), zap.String("message", p.Message), zap.String("press", p.ID),
	}
	if !d.presses.first(p.ID, d.Now()) {
		d.Metrics.press(repeated)
		d.Log.Info("pressed in the chat, delivered again", fields...)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, judgeWithin)
	defer cancel()
	text, came := d.judge(ctx, p)
	d.Metrics.press(came)
	said := text
	if came == invited {
		said = "" // it lets whoever reads it link the account
	}
	d.Log.Info("pressed in the chat", append(fields, zap.String("outcome", string(came)), zap.String("answer", said))...)
	d.poke()
	if came == opened {
		return // the form is the answer
	}
	if err := d.Members.Whisper(ctx, p.Account, Place{Channel: p.Channel, Message: p.Message}, text); err != nil {
		d.Log.Warn("whoever pressed was not told what came of it", append(fields, zap.Error(err))...)
	}
}

// judge finds out what comes of a press, in words and in one.
func (d *Desk) judge(ctx context.Context, p Press) (string, outcome) {
	most := pressAge
	if p.Answer != nil && takesForm(p.Act) {
		most = formAge
	}
	if age := d.Now().Sub(p.At); age > most || age < -pressAge {
		return "This was pressed too long ago to count, or the clocks differ. Nothing was recorded: look at it again, and press again.", late
	}
	d.refreshPeople()
	if p.Answer == nil && takesForm(p.Act) && d.seems(p) {
		return d.ask(ctx, p)
	}
	member, err := d.Members.Member(ctx, p.Account)
	if err != nil {
		d.Log.Warn("ask the chat who pressed", zap.String("account", p.Account), zap.Error(err))
		return "The chat cannot say who you are, so nothing was recorded. Press again, or decide with detour approve, reject, abort or freeze.", failed
	}
	if why := member.barred(); why != "" {
		return "Nothing was recorded: " + why + ", and may decide nothing.", barred
	}
	d.refreshPeople()
	account := events.ChatAccount{Chat: d.Chat, Team: member.Team, Account: p.Account}
	var why string
	d.Board.View(func(b *incident.Board) { _, why = d.person(b, account, p.Act) })
	switch {
	case why == unlinked && d.Invite != nil:
		return d.invite(account, member), invited
	case why != "":
		return "Nothing was recorded: " + why, barred
	}
	switch {
	case p.Answer == nil && takesForm(p.Act):
		return d.ask(ctx, p)
	case asksWords(p.Act):
		return d.answer(p)
	}
	commit, err := d.Orders.Submit(ctx, d.order(p, account))
	switch {
	case err == nil:
		return fmt.Sprintf("Recorded: your %s stands on the ledger at position %d.", p.Act, commit.Position), taken
	case errors.Is(err, errBarred):
		return "Nothing was recorded: " + err.Error(), barred
	case errors.Is(err, incident.ErrRefused), errors.Is(err, incident.ErrNotFound):
		return "Nothing was recorded. " + Clean(err.Error()), refused
	}
	d.Log.Warn("an order from the chat", zap.String("account", p.Account), zap.Error(err))
	return "Nobody can tell yet whether this was recorded: the ledger does not answer. The card shows it once it is; otherwise press again.", failed
}

var errBarred = errors.New("not allowed")

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", incident.ErrRefused, fmt.Sprintf(format, args...))
}

// order is what a press asks for. It is judged where its record would stand: with the card, the plan and the person's roles
// of then.
func (d *Desk) order(p Press, account events.ChatAccount) incident.Order {
	return func(b *incident.Board, now time.Time) ([]events.Record, error) {
		person, why := d.person(b, account, p.Act)
		if why != "" {
			return nil, fmt.Errorf("%w: %s", errBarred, why)
		}
		i, told, err := d.behindButton(b, p)
		if err != nil {
			return nil, err
		}
		by := person.record(d.Chat, told.Link)
		switch {
		case p.Act == Freeze || p.Act == Thaw:
			return d.halt(p, i, by)(b, now)
		case i == nil:
			return nil, refuse("this card has no such button")
		case p.Act == Abort:
			return incident.Abort(i.ID, by, "by a press in "+d.Chat, false)(b, now)
		}
		return decision(p, i, by)(b, now)
	}
}

// halt freezes or thaws what was chosen. Either was chosen in view of the freezes of the moment of the press: delivered
// again after another has decided otherwise, it does nothing.
func (d *Desk) halt(p Press, i *incident.Incident, by events.Person) incident.Order {
	return func(b *incident.Board, now time.Time) ([]events.Record, error) {
		scope, err := events.ParseScope(p.Answer.Scope)
		switch {
		case err != nil || p.Answer.Scope == "":
			return nil, refuse("%q is no scope", p.Answer.Scope)
		case p.Act == Thaw && frozenSince(b, scope).After(p.At):
			return nil, refuse("%s was frozen after you pressed; look at it again, and press again if it is still to be thawed", scope)
		case p.Act == Thaw:
			return incident.Thaw(scope, by)(b, now)
		case b.Thawed().After(p.At):
			return nil, refuse("something was thawed since you pressed; look at it again, and press again if it is still to be frozen")
		}
		reason, err := reasonOf(p.Answer)
		if err != nil {
			return nil, err
		}
		return incident.Freeze(scope, by, reason)(b, now)
	}
}

// decision is a yes or a no to the plan that the button names. It is about the question that stood when the button was
// pressed: asked anew since, in the same words, it wants an answer of its own.
func decision(p Press, i *incident.Incident, by events.Person) incident.Order {
	return func(b *incident.Board, now time.Time) ([]events.Record, error) {
		_, plan := readValue(p.Value)
		switch {
		case plan == "":
			return nil, refuse("the button names no plan")
		case i.Ask != nil && i.Asked.After(p.At):
			return nil, refuse("people were asked anew about %s since you pressed; look at it again", i.ID)
		case p.Act == Approve:
			return incident.Approve(i.ID, plan, by)(b, now)
		}
		reason, err := reasonOf(p.Answer)
		if err != nil {
			return nil, err
		}
		return incident.Reject(i.ID, plan, by, reason)(b, now)
	}
}

// behindButton finds the incident whose card a press is of, nil for the card of a freeze and for a command. The message must be the one that
// the ledger says shows it; one that was sent and is not on the ledger yet is known by its key alone.
func (d *Desk) behindButton(b *incident.Board, p Press) (*incident.Incident, events.Told, error) {
	if p.Typed {
		return nil, events.Told{}, nil
	}
	key, _ := readValue(p.Value)
	check := func(told events.Told, what string) error {
		if told.Message != "" && (told.Message != p.Message || told.Channel != p.Channel) {
			return refuse("this card is not the one of %s any more; that is %s", what, or(told.Link, "another one"))
		}
		return nil
	}
	for _, told := range b.ToldOfAll(d.Chat) {
		if key != "" && told.Key == key {
			return nil, told, check(told, told.What)
		}
	}
	for _, i := range append(b.Open(), b.Closed()...) {
		told := i.Shown(d.Chat, events.TheCard)
		if key == "" || told.Key != key {
			continue
		}
		if err := check(told, i.ID); err != nil {
			return nil, told, err
		}
		return i, told, nil
	}
	return nil, events.Told{}, fmt.Errorf("what this button belongs to: %w", incident.ErrNotFound)
}

// why answers why an incident stands where it stands.
func (d *Desk) why(p Press) (text string, came outcome) {
	d.Board.View(func(b *incident.Board) {
		i, _, err := d.behindButton(b, p)
		switch {
		case err != nil:
			text, came = Clean(err.Error()), refused
			return
		case i == nil:
			text, came = "This card is of no incident.", refused
			return
		}
		e, _ := b.Why(i.ID)
		text, came = strings.Join(explained(e), "\n"), answered
	})
	return text, came
}
