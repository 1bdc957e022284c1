package chatops

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// formAge bounds how long a form may lie open: sent later than this after its button was pressed it no longer counts.
const formAge = 10 * time.Minute

// takesForm reports whether a click on an act's button does not say enough: why, or what.
func takesForm(a Act) bool { return a == Reject || a == Freeze || a == Thaw || a == WhyOf }

// ask puts a press's form before whoever pressed, if what it asks for would be lawful as things stand. Of whoever seems to be
// known the chat is not asked who that is before the form comes back: it takes a form within seconds of the press, or not at
// all.
func (d *Desk) ask(ctx context.Context, p Press) (string, outcome) {
	var form Form
	var err error
	d.Board.View(func(b *incident.Board) { form, err = d.formOf(b, p) })
	if err != nil {
		return "Nothing was recorded. " + Clean(err.Error()), refused
	}
	if p.Trigger == "" {
		return fmt.Sprintf("No form can be opened for you from here, so nothing was recorded. Type it as the chat's command, or use detour %s.", p.Act), refused
	}
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	if err := d.Members.Ask(ctx, p, form); err != nil {
		d.Log.Warn("put a form before whoever pressed", zap.String("account", p.Account), zap.String("act", string(p.Act)), zap.Error(err))
		return fmt.Sprintf("The chat did not open the form, so nothing was recorded. Press again, or use detour %s.", p.Act), failed
	}
	return "", opened
}

// formOf is what has to be filled in after a press, or why it is too late for it.
func (d *Desk) formOf(b *incident.Board, p Press) (Form, error) {
	i, _, err := d.behindButton(b, p)
	if err != nil {
		return Form{}, err
	}
	switch {
	case p.Act == Reject && i == nil:
		return Form{}, refuse("this card has no such button")
	case p.Act == Reject:
		if _, plan := readValue(p.Value); !waits(i) || plan != i.Ask.Plan {
			_, err := incident.Reject(i.ID, plan, events.Person{}, "")(b, d.Now())
			return Form{}, err
		}
		return Form{
			Title: "Reject", Submit: "Reject", Reason: true,
			Lines: []string{Clean(i.ID + ": " + i.Plan.Plan.Sentence), "A no counts at once and for everybody. Why? It stands on the record."},
		}, nil
	case p.Act == Freeze:
		scopes, more := d.freezable(b, i)
		lines := []string{"Nothing that adds risk is begun there any more, until somebody thaws it; taking back stays possible. Why? It stands on the record."}
		if more > 0 {
			lines = append(lines, fmt.Sprintf("%d more can be frozen with: detour freeze --scope", more))
		}
		return Form{Title: "Freeze", Submit: "Freeze", Lines: lines, Scopes: scopes, Reason: true}, nil
	}
	if p.Act == WhyOf {
		return Form{Title: "Why", Submit: "Ask", Reason: true, Lines: []string{"Of which incident, or of which event? Give its id."}}, nil
	}
	scopes, lines := thawable(b)
	if len(scopes) == 0 {
		return Form{}, refuse("nothing is frozen any more that a form has room for: detour freeze --list shows what is")
	}
	return Form{Title: "Thaw", Submit: "Thaw", Lines: lines, Scopes: scopes}, nil
}

// freezable is what can be frozen after a press on the card of an incident: the network, what the incident is in, and what
// else the desk knows of; more is how many are not offered.
func (d *Desk) freezable(b *incident.Board, i *incident.Incident) (list []Choice, more int) {
	freezes := b.Freezes()
	for _, scope := range d.scopes(i) {
		if _, already := freezes[scope]; already {
			continue
		}
		if len(list) == MaxChoices || utf8.RuneCountInString(string(scope)) > maxLabel {
			more++
			continue
		}
		list = append(list, Choice{Value: string(scope), Label: Clean(string(scope))})
	}
	return list, more
}

// maxLabel bounds a choice's label, in characters.
const maxLabel = 75

// scopes are those that can be frozen, each once: the network first, then those of the incident, if there is one. An incident
// is also in some that only the service itself counts in.
func (d *Desk) scopes(i *incident.Incident) []events.Scope {
	list := []events.Scope{events.Network}
	seen := map[events.Scope]bool{events.Network: true}
	var own []events.Scope
	if i != nil {
		own = i.Target.Scopes
	}
	for _, scope := range slices.Concat(own, d.Scopes) {
		if _, err := events.ParseScope(string(scope)); err == nil && !seen[scope] {
			seen[scope] = true
			list = append(list, scope)
		}
	}
	return list
}

// thawable is every freeze in force that a form has room for, the widest first, and what each of them holds up.
func thawable(b *incident.Board) (list []Choice, lines []string) {
	lines = []string{"What waits goes on as soon as every check allows it: the present state is read anew, nothing is replayed."}
	more := 0
	for _, s := range standstills(b) {
		if len(list) == MaxChoices || utf8.RuneCountInString(string(s.Scope)) > maxLabel {
			more++
			continue
		}
		list = append(list, Choice{Value: string(s.Scope), Label: Clean(string(s.Scope))})
		lines = append(lines, Clean(fmt.Sprintf("%s: frozen by %s: %s", s.Scope, s.By.Name, s.Reason)))
		lines = append(lines, heldUp(s)...)
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("%d more can be thawed with: detour thaw --scope", more))
	}
	return list, lines
}

// standstills are the freezes in force, the network's before all others.
func standstills(b *incident.Board) []incident.Standstill {
	list := b.Standstills()
	slices.SortStableFunc(list, incident.NetworkFirst)
	return list
}

// heldUp is what waits because of a freeze, or besides it, and what has become too late meanwhile.
func heldUp(s incident.Standstill) []string {
	names := func(what string, n incident.Names) string {
		if n.Count == 0 {
			return what + ": nothing"
		}
		text := what + ": " + strings.Join(n.First, ", ")
		if rest := n.Count - len(n.First); rest > 0 {
			text += fmt.Sprintf(" and %d more", rest)
		}
		return Clean(text)
	}
	return []string{names("waits", s.Waiting), names("expired meanwhile", s.Expired)}
}

// frozenSince is since when a scope is frozen; the zero time if it is not.
func frozenSince(b *incident.Board, scope events.Scope) time.Time {
	for _, s := range b.Standstills() {
		if s.Scope == scope {
			return s.Since
		}
	}
	return time.Time{}
}

// reasonOf is the reason that was filled in; that there is one is not the chat's word alone.
func reasonOf(a *Answer) (string, error) {
	reason := strings.TrimSpace(a.Reason)
	if reason == "" || utf8.RuneCountInString(reason) > MaxReason {
		return "", refuse("say why, in at most %d characters: it stands on the record", MaxReason)
	}
	return reason, nil
}
