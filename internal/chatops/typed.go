package chatops

import (
	"fmt"
	"strings"

	"github.com/detour-net/detour/internal/incident"
)

// A command is judged as a press is, by the account, the table of people and the roles of the moment. It has no card, so it can
// decide nothing about an incident: it asks for words, or for the forms of a freeze and a thaw.

// help is what whoever types anything else is told.
const help = `/detour why ID: why an incident stands where it stands, or what became of an event
/detour handover: what whoever comes on duty must know, as it is now
/detour open: what is open, and what is frozen
/detour freeze: stop what adds risk; a form asks where and why
/detour thaw: go on; a form asks where
/detour help: this
Decisions about an incident are taken on its card, at the console, or with detour approve, reject and abort.`

// Typed is p with what a text asks for that was typed after the command's name, or after the bot's. Whatever is no command asks
// for help.
func Typed(p Press, text string) Press {
	p.Typed, p.Act = true, Help
	verb, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	rest = strings.TrimSpace(rest)
	switch act := Act(strings.ToLower(verb)); {
	case act == Why:
		p.Act = WhyOf
		if rest != "" {
			p.Answer, p.Trigger = &Answer{Reason: rest}, ""
		}
	case rest == "" && (act == Handover || act == Open || act == Freeze || act == Thaw):
		p.Act = act
	}
	return p
}

// asksWords reports whether an act asks for nothing but words.
func asksWords(a Act) bool {
	return a == Why || a == WhyOf || a == Handover || a == Open || a == Help
}

// maxOpen bounds the incidents that are told of at once; the rest is counted.
const maxOpen = 20

// openNow is what is open, the most severe first.
func (d *Desk) openNow() (text string, came outcome) {
	var lines []string
	d.Board.View(func(b *incident.Board) {
		for _, s := range standstills(b) {
			lines = append(lines, Clean(fmt.Sprintf("FROZEN: %s by %s: %s", s.Scope, by(s.By), s.Reason)))
		}
		open := b.Open()
		for _, i := range open[:min(len(open), maxOpen)] {
			e, _ := b.Why(i.ID)
			lines = append(lines, Clean(fmt.Sprintf("%s (%s, %s on %s) is %s: %s", i.ID, i.Symptom, i.Severity, i.Target.Key(), e.Phase, e.Sentence)))
		}
		if rest := len(open) - maxOpen; rest > 0 {
			lines = append(lines, fmt.Sprintf("and %d more: detour incidents tells of all", rest))
		}
	})
	if len(lines) == 0 {
		return "Nothing is open, and nothing is frozen.", answered
	}
	return strings.Join(lines, "\n"), answered
}
