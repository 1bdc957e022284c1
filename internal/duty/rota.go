package duty

import (
	"fmt"
	"slices"
	"time"

	"github.com/detour-net/detour/internal/config/strict"
)

// Bounds of a rota.
const (
	MaxLines  = 10
	MaxTurns  = 200  // people of one line
	MaxCovers = 1000 // at once in the file
	MaxDays   = 366  // of one turn
)

// Rota is turns that go round: each line has one person on call at a time. The first line is called first.
type Rota struct {
	zone   *time.Location
	lines  []line
	covers []cover
}

// line is one round of turns. They change at the time of day of its beginning, by the clock on the wall of its zone.
type line struct {
	from   time.Time
	days   int
	daily  *daily
	people []string
}

// daily is the part of each day in which a line is on call, in minutes after midnight. Until may be the next day's.
type daily struct{ from, until int }

// cover is somebody in the place of whoever has the turn.
type cover struct {
	line int // from 0
	Shift
}

// writtenRota is a rota as it is written.
type writtenRota struct {
	Zone   string        `yaml:"zone"` // of all times in it, for example Europe/Berlin
	Lines  []writtenLine `yaml:"lines"`
	Covers []struct {
		Line   int    `yaml:"line"` // from 1
		From   string `yaml:"from"`
		Until  string `yaml:"until"`
		Person string `yaml:"person"`
	} `yaml:"covers"`
}

type writtenLine struct {
	From  string `yaml:"from"` // when the first person's first turn begins
	Days  int    `yaml:"days"` // of one turn
	Daily *struct {
		From  string `yaml:"from"`
		Until string `yaml:"until"`
	} `yaml:"daily"` // none: day and night
	People []string `yaml:"people"`
}

// How times are written.
const (
	moment = "2006-01-02 15:04"
	clock  = "15:04"
)

// ParseRota reads a rota. Everything wrong is reported at once, with its place; path stands in messages.
func ParseRota(path string, raw []byte, known Names) (*Rota, error) {
	var w writtenRota
	doc, err := strict.Read(path, raw, &w)
	if err != nil {
		return nil, err
	}
	r := &Rota{zone: time.UTC}
	if zone, err := time.LoadLocation(w.Zone); err != nil || w.Zone == "" || w.Zone == "Local" {
		doc.Bad("zone", "%q: want the name of a time zone, for example Europe/Berlin or UTC", w.Zone)
	} else {
		r.zone = zone
	}
	if len(w.Lines) == 0 || len(w.Lines) > MaxLines {
		doc.Bad("lines", "%d lines: want 1 to %d; the first is called first", len(w.Lines), MaxLines)
	}
	for n, l := range w.Lines {
		r.lines = append(r.lines, r.line(doc, fmt.Sprintf("lines[%d]", n), l, known))
	}
	if len(w.Covers) > MaxCovers {
		doc.Bad("covers", "%d covers: want at most %d; take out those that are over", len(w.Covers), MaxCovers)
	}
	for n, c := range w.Covers {
		at := fmt.Sprintf("covers[%d]", n)
		s := cover{line: c.Line - 1, Shift: Shift{Person: c.Person, From: r.moment(doc, at+".from", c.From), Until: r.moment(doc, at+".until", c.Until)}}
		if c.Line < 1 || c.Line > len(w.Lines) {
			doc.Bad(at, "line %d: want 1 to %d", c.Line, len(w.Lines))
		}
		if !s.Until.After(s.From) {
			doc.Bad(at, "it ends at %q, which is not after its beginning", c.Until)
		}
		if !known(c.Person) {
			doc.Bad(at, "%q is none of the people", c.Person)
		}
		r.covers = append(r.covers, s)
	}
	return r, doc.Err()
}

func (r *Rota) line(doc *strict.Document, at string, w writtenLine, known Names) line {
	l := line{from: r.moment(doc, at+".from", w.From), days: w.Days, people: w.People}
	if w.Days < 1 || w.Days > MaxDays {
		doc.Bad(at, "a turn of %d days: want 1 to %d", w.Days, MaxDays)
	}
	if len(w.People) == 0 || len(w.People) > MaxTurns {
		doc.Bad(at, "%d people: want 1 to %d", len(w.People), MaxTurns)
	}
	for _, name := range w.People {
		if !known(name) {
			doc.Bad(at, "%q is none of the people", name)
		}
	}
	if w.Daily != nil {
		l.daily = &daily{minutes(doc, at+".daily.from", w.Daily.From), minutes(doc, at+".daily.until", w.Daily.Until)}
		if l.daily.from == l.daily.until {
			doc.Bad(at, "daily from %s until %s is nothing; leave it out for day and night", w.Daily.From, w.Daily.Until)
		}
	}
	return l
}

func (r *Rota) moment(doc *strict.Document, at, text string) time.Time {
	t, err := time.ParseInLocation(moment, text, r.zone)
	if err != nil {
		doc.Bad(at, "%q: want a day and a time, for example \"2026-11-16 08:00\"", text)
	}
	return t
}

func minutes(doc *strict.Document, at, text string) int {
	t, err := time.Parse(clock, text)
	if err != nil {
		doc.Bad(at, "%q: want a time of day, for example \"08:00\"", text)
	}
	return t.Hour()*60 + t.Minute()
}

// OnCall is Roster's.
func (r *Rota) OnCall(at time.Time) (names []string) {
	for n, l := range r.lines {
		c := slices.IndexFunc(r.covers, func(c cover) bool { return c.line == n && c.covers(at) })
		if c >= 0 {
			names = append(names, r.covers[c].Person)
		} else if name, ok := l.onCall(at.In(r.zone)); ok {
			names = append(names, name)
		}
	}
	return once(names)
}

// onCall is whose turn it is. at is by the clock on the wall.
func (l line) onCall(at time.Time) (string, bool) {
	if at.Before(l.from) {
		return "", false
	}
	if d := l.daily; d != nil {
		now := at.Hour()*60 + at.Minute()
		in := now >= d.from && now < d.until
		if d.until < d.from {
			in = now >= d.from || now < d.until
		}
		if !in {
			return "", false
		}
	}
	days := civilDays(l.from, at)
	if timeOfDay(at) < timeOfDay(l.from) {
		days-- // the turn changes later today
	}
	days = max(days, 0) // the clock may be set back right after the first turn has begun
	return l.people[days/l.days%len(l.people)], true
}

// civilDays is how many midnights lie between two moments by the clock on the wall, whatever that clock does between them.
func civilDays(from, to time.Time) int {
	midnight := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) }
	return int(midnight(to).Sub(midnight(from)) / (24 * time.Hour))
}

func timeOfDay(t time.Time) time.Duration {
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
}
