package notify

import (
	"fmt"
	"strings"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/chatops/clean"
	"github.com/detour-net/detour/internal/incident"
)

// freezes adds what is to be said of freezes, one notice when it begins and one when it is over. Each is known by its scope and
// since when it is in force: the next one of the same scope is told anew.
func (s *Sender) freezes(b *incident.Board, add func(n name, told incident.Telling, want saying, notice func() Notice)) {
	severity, wanted := s.When[Frozen]
	inForce := map[string]bool{}
	for _, f := range b.Standstills() {
		inForce[incident.FreezeName(f.Scope, f.Since)] = true
	}
	for _, f := range b.Foremost() {
		n := name{what: incident.FreezeName(f.Scope, f.Since)}
		told := b.Telling(s.Name, n.what)
		if wanted && readSaying(told.Message).action != Trigger {
			add(n, told, saying{Trigger, Frozen, severity}, func() Notice { return s.noticeOfFreeze(n.what, f, severity) })
		}
	}
	for _, t := range b.ToldOfAll(s.Name) {
		n := name{what: t.What}
		if scope, since, ok := incident.ReadFreezeName(t.What); ok && !inForce[t.What] && readSaying(t.Message).action == Trigger {
			over, _ := b.ThawOf(scope, since)
			add(n, b.Telling(s.Name, t.What), saying{action: Resolve}, func() Notice { return s.noticeOfThaw(t.What, scope, over) })
		}
	}
}

// noticeOfFreeze puts into words that something is frozen.
func (s *Sender) noticeOfFreeze(what string, f incident.Standstill, severity Severity) Notice {
	n := s.halted(what, f.Scope, fmt.Sprintf("%s is frozen by %s: %s", f.Scope, who(f.By), f.Reason))
	n.Action, n.Situation, n.Severity, n.At = Trigger, Frozen, severity, f.Since
	n.add("what it does", "nothing that adds risk is begun there until somebody thaws it; taking back stays possible")
	n.add("waits", names(f.Waiting))
	n.add("expired meanwhile", names(f.Expired))
	n.add("what would change it", fmt.Sprintf("an operator: detour thaw --scope %s", f.Scope))
	return n
}

// noticeOfThaw puts into words that it is no more; over is empty if it is so long ago that the end is forgotten.
func (s *Sender) noticeOfThaw(what string, scope events.Scope, over incident.PastFreeze) Notice {
	text := fmt.Sprintf("%s is frozen no more", scope)
	if over.By.Name != "" {
		text = fmt.Sprintf("%s was thawed by %s; it was frozen by %s: %s", scope, who(over.By), who(over.Frozen.By), over.Frozen.Reason)
	}
	n := s.halted(what, scope, text)
	n.Action, n.At = Resolve, over.At
	return n
}

func (s *Sender) halted(what string, scope events.Scope, summary string) Notice {
	return Notice{
		Key: s.Domain + "/" + what, Incident: clean.Text("freeze of " + string(scope)), Source: clean.Text(string(scope)), Symptom: "frozen",
		Summary: clean.Cut(clean.Text(summary), maxSummary), Link: s.Console + "/",
	}
}

func who(p events.Person) string {
	if p.Via == "" {
		return p.Name
	}
	return p.Name + " via " + p.Via
}

func names(n incident.Names) string {
	text := strings.Join(n.First, ", ")
	if rest := n.Count - len(n.First); rest > 0 {
		text += fmt.Sprintf(" and %d more", rest)
	}
	return text
}
