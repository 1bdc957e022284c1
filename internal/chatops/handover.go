package chatops

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// handoverLate is how long after the beginning of a shift its hand-over is still told: a replica that starts later says nothing
// of it.
const handoverLate = time.Hour

// maxHandover bounds the lines of one section of a hand-over; the rest is counted.
const maxHandover = 10

// Handovers tells, at the beginning of each shift, what has become of the one before and what stands, waits and is asked. It
// is a Config.Notices.
func Handovers(s Shifts) func(b *incident.Board, now time.Time) ([]Notice, time.Time) {
	return func(b *incident.Board, now time.Time) (list []Notice, next time.Time) {
		before, last, next, ok := s.Around(now)
		if !ok {
			return nil, time.Time{}
		}
		if now.Sub(last) <= handoverLate {
			list = append(list, Notice{What: "handover " + last.UTC().Format(time.RFC3339), Card: func() Card { return handoverCard(b.Handover(before, last), s.Zone) }})
		}
		return list, next
	}
}

// handoverCard is a hand-over as a card.
func handoverCard(h incident.Handover, zone *time.Location) Card {
	c := Card{Title: Clean(fmt.Sprintf("Hand-over at %s", h.At.In(zone).Format("15:04 MST on 2 Jan")))}
	for _, p := range handover(h) {
		c.part(p.Label, p.Lines...)
	}
	c.Buttons = []Button{{Act: Handover, Label: "As it is now"}, {Act: WhyOf, Label: "Why …"}}
	return c
}

// handover is a hand-over in parts, the most urgent first. What is empty is left out, but that nothing stands is said.
func handover(h incident.Handover) (parts []Part) {
	for _, f := range h.Freezes {
		parts = append(parts, Part{"FROZEN", append([]string{fmt.Sprintf("%s since %s, by %s: %s", f.Scope, stamp(f.Since), by(f.By), f.Reason)}, heldUp(f)...)})
	}
	for _, s := range []struct {
		label, empty string
		incident.Section
	}{
		{"needs a person", "", h.Stuck}, {"people are asked", "", h.Asking}, {"stands", "nothing of Detour's stands on a router", h.Standing}, {"may be undrained", "", h.Ready},
		{"waits", "", h.Waiting}, {"was refused", "", h.Refused}, {"expired", "", h.Expired},
	} {
		var lines []string
		for _, l := range s.Lines[:min(len(s.Lines), maxHandover)] {
			lines = append(lines, handoverLine(l))
		}
		if rest := s.Count - len(lines); rest > 0 {
			lines = append(lines, fmt.Sprintf("and %d more: detour handover tells of all", rest))
		}
		if s.Count == 0 && s.empty != "" {
			lines = []string{s.empty}
		}
		if len(lines) > 0 {
			parts = append(parts, Part{s.label, lines})
		}
	}
	var ended []string
	for _, o := range slices.Sorted(maps.Keys(h.Ended)) {
		ended = append(ended, fmt.Sprintf("%d %s", h.Ended[o], o))
	}
	if len(ended) > 0 {
		parts = append(parts, Part{"ended since " + stamp(h.Since), []string{strings.Join(ended, ", ")}})
	}
	return parts
}

func handoverLine(l incident.Line) string {
	text := fmt.Sprintf("%s on %s: %s", l.Incident, l.Target, l.Sentence)
	for _, c := range l.Held[:min(len(l.Held), 1)] {
		text += fmt.Sprintf(" (%s: %s, limit %s)", c.Name, or(c.Value, "-"), or(c.Limit, "-"))
	}
	if len(l.Unblock) > 0 {
		text += " → " + l.Unblock[0]
	}
	return text
}

// answer is what whoever pressed is told who asks for nothing but words.
func (d *Desk) answer(p Press) (text string, came outcome) {
	switch p.Act {
	case Help:
		return help, answered
	case Open:
		return d.openNow()
	case Handover:
		return d.handoverNow()
	case WhyOf:
		return d.whyOf(strings.TrimSpace(p.Answer.Reason))
	}
	return d.why(p)
}

// sinceNow is how far back a hand-over tells of that is asked for between two shifts.
const sinceNow = 12 * time.Hour

func (d *Desk) handoverNow() (text string, came outcome) {
	now := d.Now()
	var parts []Part
	d.Board.View(func(b *incident.Board) { parts = handover(b.Handover(now.Add(-sinceNow), now)) })
	var lines []string
	for _, p := range parts {
		lines = append(lines, Clean(strings.ToUpper(p.Label)))
		for _, l := range p.Lines {
			lines = append(lines, Clean(l))
		}
	}
	return strings.Join(lines, "\n"), answered
}

// whyOf answers why an incident stands where it stands, or what became of an event, whichever has that id.
func (d *Desk) whyOf(id string) (text string, came outcome) {
	d.Board.View(func(b *incident.Board) {
		var lines []string
		e, known := b.Why(id)
		if !known {
			t, ok := b.Trace(id)
			if !ok {
				text, came = Clean(fmt.Sprintf("%q is neither an incident nor an event on record, as far back as is remembered", id)), refused
				return
			}
			lines = append(lines, Clean(fmt.Sprintf("event %s was %s, at position %d; %s", t.Event, t.Disposition, t.Position, t.Detail)))
			if remedy := t.Remedy(); remedy != "" {
				lines = append(lines, Clean("→ "+remedy))
			}
			e, known = b.Why(t.Incident)
		}
		if known {
			lines = append(lines, explained(e)...)
		}
		text, came = strings.Join(lines, "\n"), answered
	})
	return text, came
}

// explained is an explanation in lines.
func explained(e incident.Explanation) []string {
	lines := []string{Clean(fmt.Sprintf("%s is %s: %s", e.Incident, e.Phase, e.Sentence))}
	for _, c := range e.Held {
		lines = append(lines, heldBy(c))
	}
	for _, u := range e.Unblock {
		lines = append(lines, Clean("→ "+u))
	}
	return lines
}

func heldBy(c events.Check) string {
	return Clean(fmt.Sprintf("✗ %s: %s, limit %s; %s", c.Name, or(c.Value, "-"), or(c.Limit, "-"), c.Detail))
}
