package chatops

import (
	"fmt"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// maxLines bounds the lines of one part; the rest is counted.
const maxLines = 60

// cardOf is what a thread begins with: the incident as it stands on the Board, and what can be done about it. It holds no
// time that runs, so that it changes only when the Board does.
func cardOf(b *incident.Board, i *incident.Incident, key string) Card {
	why, _ := b.Why(i.ID)
	c := Card{Title: Clean(fmt.Sprintf("%s: %s, %s on %s", i.ID, i.Symptom, i.Severity, i.Target.Key()))}
	c.part("where it stands", string(i.Phase)+": "+why.Sentence)
	c.part("who decided", decisions(i)...)
	if f, ok := b.FrozenBy(i.Target.Scopes); ok && i.IsOpen() {
		c.part("frozen", fmt.Sprintf("%s by %s: %s", f.Scope, f.By.Name, f.Reason))
	}
	c.part("what is wrong", alarm(i))
	if i.Plan != nil {
		p := i.Plan
		c.part("plan", append([]string{p.Plan.Sentence}, companions(p.Plan)...)...)
		c.part("terms", fmt.Sprintf("digest %s, %s (%s), rule %s", question(i).Short(), p.Mode, p.ModeWhy, p.Rule))
		c.part("effect", effect(p.Plan)...)
		c.part("undo", undo(i)...)
	}
	if i.Ruling != nil {
		c.part("checks", checks(i.Ruling.Checks)...)
	}
	if i.Verified != nil {
		c.part("seen afterwards", checks(i.Verified.Checks)...)
	}
	c.Buttons = buttons(b, i, key)
	return c
}

// part adds a part unless it has nothing to say.
func (c *Card) part(label string, lines ...string) {
	if len(lines) == 0 {
		return
	}
	p := Part{Label: label}
	for n, line := range lines {
		if n == maxLines {
			p.Lines = append(p.Lines, fmt.Sprintf("and %d more", len(lines)-n))
			break
		}
		p.Lines = append(p.Lines, Clean(line))
	}
	c.Parts = append(c.Parts, p)
}

func stamp(t time.Time) string { return t.UTC().Format("15:04:05 UTC on 2 Jan") }

// alarm is the newest event that fires, in a line.
func alarm(i *incident.Incident) string {
	text := fmt.Sprintf("%s %s on %s", i.Severity, i.Symptom, i.Target.Key())
	if a := i.Alarm; a.State != "" {
		text += fmt.Sprintf(", %s says %.2g %s, limit %.2g, seen at %s", a.Resource, a.Value, a.Unit, a.Threshold, stamp(a.ObservedAt))
	}
	if i.AskedBy != "" {
		text += ", asked for by " + i.AskedBy
	}
	return text
}

// effect is every leaf that the plan sets, before and after.
func effect(p events.Plan) (lines []string) {
	for n, step := range p.Steps {
		for _, change := range step.Changes {
			for _, s := range change.Settings {
				lines = append(lines, fmt.Sprintf("step %d, %s: %s from %s to %s", n+1, change.Device, s.LeafRef, s.Before, s.After))
			}
		}
	}
	return lines
}

// companions are the plans of other incidents that are approved and carried out with this one.
func companions(p events.Plan) (lines []string) {
	for _, c := range p.Together {
		lines = append(lines, fmt.Sprintf("with it, and approved with it: %s, plan %s", c.Incident, c.Plan.Short()))
	}
	return lines
}

// undo is when what is set is put back.
func undo(i *incident.Incident) []string {
	lines := []string{"every leaf goes back to what it was: at once if it does not help or breaks something, later when the fault has cleared, and whenever somebody aborts it"}
	if i.Hold != nil {
		lines = append(lines, fmt.Sprintf("held until %s at the earliest, %s at the latest", stamp(i.Hold.Until), stamp(i.Hold.Expires)))
	}
	return lines
}

// checks is every check with value and limit, those that hold it first.
func checks(list []events.Check) (lines []string) {
	for _, ok := range []bool{false, true} {
		for _, c := range list {
			if c.OK != ok {
				continue
			}
			line := fmt.Sprintf("%s %s: %s, limit %s", map[bool]string{true: "✓", false: "✗"}[ok], c.Name, or(c.Value, "-"), or(c.Limit, "-"))
			if !ok && c.Detail != "" {
				line += "; " + c.Detail
			}
			lines = append(lines, line)
		}
	}
	return lines
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// by is who decided, and over which channel.
func by(p events.Person) string {
	if p.Via == "" {
		return p.Name
	}
	return p.Name + " via " + p.Via
}

// decisions is what people have decided about it.
func decisions(i *incident.Incident) (lines []string) {
	for _, a := range i.Approvals {
		lines = append(lines, fmt.Sprintf("approved by %s, plan %s", by(a.By), a.Plan.Short()))
	}
	if r := i.Rejection; r != nil {
		lines = append(lines, fmt.Sprintf("rejected by %s: %s", by(r.By), r.Reason))
	}
	if len(lines) > 0 {
		lines[len(lines)-1] += ", at " + stamp(i.Decided)
	}
	if i.Lapsed {
		lines = append(lines, "nobody decided until "+stamp(i.Ask.Expires)+", which means no")
	}
	if i.Abort != nil {
		lines = append(lines, fmt.Sprintf("aborted by %s: %s", by(i.Abort.By), i.Abort.Reason))
	}
	if r := i.Release; r != nil && r.By != nil {
		lines = append(lines, fmt.Sprintf("undrained by %s: %s", by(*r.By), r.Why))
	}
	return lines
}

// waits reports whether people are asked about the incident and have not decided.
func waits(i *incident.Incident) bool {
	return i.Phase == incident.Asking && i.Rejection == nil && !i.Lapsed && i.Abort == nil && !i.Quorum()
}

// buttons is what can be done about the incident now. A plan that takes more than a click has no button to approve it.
func buttons(b *incident.Board, i *incident.Incident, key string) (list []Button) {
	if !i.IsOpen() {
		return nil
	}
	value := valueOf(key, i)
	add := func(act Act, label, confirm string) {
		list = append(list, Button{Act: act, Label: label, Value: value, Confirm: Clean(confirm)})
	}
	if waits(i) {
		if i.Ask.ByClick {
			add(Approve, "Approve", fmt.Sprintf("%s (%s)", i.Plan.Plan.Sentence, i.Plan.Mode))
		}
		add(Reject, "Reject", "")
	} else if i.Abort == nil && i.Phase != incident.Asking {
		add(Abort, "Abort", "Everything that was set for "+i.ID+" is taken back")
	}
	add(Why, "Why not", "")
	if _, frozen := b.Freezes()[events.Network]; !frozen {
		add(Freeze, "Freeze", "")
	}
	if _, frozen := b.FrozenBy(i.Target.Scopes); frozen {
		add(Thaw, "Thaw", "")
	}
	return list
}

// valueOf is what the buttons of a card carry: its key, and the plan that it shows.
func valueOf(key string, i *incident.Incident) string {
	return strings.TrimSpace(key + " " + string(question(i)))
}

// question is the digest that an approval names while people are asked, and the plan's otherwise.
func question(i *incident.Incident) events.Digest {
	switch {
	case i.Phase == incident.Asking:
		return i.Ask.Plan
	case i.Plan != nil:
		return i.Plan.Digest
	}
	return ""
}

// readValue reads what valueOf wrote.
func readValue(value string) (key string, plan events.Digest) {
	key, digest, _ := strings.Cut(value, " ")
	return key, events.Digest(digest)
}
