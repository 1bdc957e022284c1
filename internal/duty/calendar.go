package duty

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/emersion/go-ical"
	"github.com/teambition/rrule-go"
)

// Bounds of a calendar.
const (
	MaxCalendar  = 1 << 20 // bytes
	MaxEvents    = 5000
	MaxRepeating = 500 // of these
	maxShifts    = 20_000

	behind   = 24 * time.Hour      // before now: what is looked for
	ahead    = 32 * 24 * time.Hour // after now; a Keeper reads it again long before
	longest  = 366 * 24 * time.Hour
	earliest = 2000 // the year before which nothing repeats since
)

// Calendar is the shifts of a calendar around the time at which it was read.
type Calendar struct{ shifts []Shift }

// OnCall is Roster's. Of several shifts at once the one that began first is called first.
func (c *Calendar) OnCall(at time.Time) (names []string) {
	for _, s := range c.shifts {
		if s.covers(at) {
			names = append(names, s.Person)
		}
	}
	return once(names)
}

// ParseCalendar reads a calendar in iCalendar form. An event is a shift of everybody who is known by a name that stands in
// its SUMMARY as a word of its own; one that names nobody is none. Events may repeat by the day, week, month and year, with
// exceptions (EXDATE, RECURRENCE-ID) and additions (RDATE). Shifts are known from a day before now to a month after it.
func ParseCalendar(raw []byte, names []string, now time.Time) (c *Calendar, err error) {
	if len(raw) > MaxCalendar {
		return nil, fmt.Errorf("it has more than %d bytes", MaxCalendar)
	}
	// A line that is cut off, such as "0;0=", makes the library's decoder read beyond its end.
	defer func() {
		if wrong := recover(); wrong != nil {
			c, err = nil, fmt.Errorf("read a calendar: a line is malformed (%v)", wrong)
		}
	}()
	return parseCalendar(raw, names, now)
}

func parseCalendar(raw []byte, names []string, now time.Time) (*Calendar, error) {
	decoder := ical.NewDecoder(bytes.NewReader(raw))
	calendar, err := decoder.Decode()
	if err != nil {
		return nil, fmt.Errorf("read a calendar: %w", err)
	}
	if _, err := decoder.Decode(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one calendar")
	}
	events := calendar.Events()
	if len(events) > MaxEvents {
		return nil, fmt.Errorf("%d events, at most %d are read", len(events), MaxEvents)
	}
	zone, err := zoneOf(calendar)
	if err != nil {
		return nil, err
	}
	r := reading{zone: zone, names: names, from: now.Add(-behind), until: now.Add(ahead), moved: map[string][]time.Time{}}
	for _, e := range events {
		if err := r.exception(e); err != nil {
			return nil, fmt.Errorf("event %q: %w", summary(e), err)
		}
	}
	for _, e := range events {
		if err := r.event(e); err != nil {
			return nil, fmt.Errorf("event %q: %w", summary(e), err)
		}
	}
	if !r.named {
		return nil, errors.New("no event names any of the people in its SUMMARY")
	}
	slices.SortStableFunc(r.shifts, func(x, y Shift) int { return x.From.Compare(y.From) })
	return &Calendar{r.shifts}, nil
}

// zoneOf is the zone of times that have none of their own.
func zoneOf(c *ical.Calendar) (*time.Location, error) {
	name, err := c.Props.Text("X-WR-TIMEZONE")
	if err != nil || name == "" {
		return time.UTC, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("X-WR-TIMEZONE: %w", err)
	}
	return zone, nil
}

// summary is what an event is called. Commas that should have been escaped are part of it.
func summary(e ical.Event) string {
	prop := e.Props.Get(ical.PropSummary)
	if prop == nil {
		return ""
	}
	list, err := prop.TextList()
	if err != nil {
		return ""
	}
	return strings.Join(list, ",")
}

// reading is a calendar that is being read.
type reading struct {
	zone        *time.Location
	names       []string
	from, until time.Time
	moved       map[string][]time.Time // by UID: occurrences that another event stands for
	named       bool                   // an event names somebody
	repeating   int                    // events so far
	shifts      []Shift
}

// exception notes which occurrence of another event an event stands for.
func (r *reading) exception(e ical.Event) error {
	prop := e.Props.Get(ical.PropRecurrenceID)
	if prop == nil {
		return nil
	}
	at, err := prop.DateTime(r.zone)
	if err != nil {
		return fmt.Errorf("RECURRENCE-ID: %w", err)
	}
	uid, err := e.Props.Text(ical.PropUID)
	if err != nil {
		return fmt.Errorf("UID: %w", err)
	}
	r.moved[uid] = append(r.moved[uid], at)
	return nil
}

// event takes the shifts of an event.
func (r *reading) event(e ical.Event) error {
	status, err := e.Status()
	if err != nil {
		return err
	}
	people := r.people(summary(e))
	r.named = r.named || len(people) > 0
	if status == ical.EventCancelled || len(people) == 0 {
		return nil
	}
	start, err := e.DateTimeStart(r.zone)
	switch {
	case err != nil:
		return fmt.Errorf("DTSTART: %w", err)
	case start.IsZero():
		return errors.New("DTSTART is missing")
	}
	end, err := e.DateTimeEnd(r.zone)
	if err != nil {
		return fmt.Errorf("DTEND: %w", err)
	}
	length := end.Sub(start)
	if length < 0 || length > longest {
		return fmt.Errorf("it lasts %s: want 0 to %s", length, longest)
	}
	starts, err := r.starts(e, start, length)
	if err != nil {
		return err
	}
	for _, from := range starts {
		for _, person := range people {
			if until := from.Add(length); until.After(r.from) && from.Before(r.until) {
				r.shifts = append(r.shifts, Shift{Person: person, From: from, Until: until})
			}
		}
	}
	if len(r.shifts) > maxShifts {
		return fmt.Errorf("more than %d shifts within a month", maxShifts)
	}
	return nil
}

// starts is when an event begins, each time that it does within what is looked for.
func (r *reading) starts(e ical.Event, start time.Time, length time.Duration) ([]time.Time, error) {
	rule, err := e.Props.RecurrenceRule()
	if err != nil {
		return nil, err
	}
	var set rrule.Set
	if rule != nil {
		if err := repeats(rule, start); err != nil {
			return nil, fmt.Errorf("RRULE: %w", err)
		}
		if r.repeating++; r.repeating > MaxRepeating {
			return nil, fmt.Errorf("more than %d events repeat", MaxRepeating)
		}
		rule.Dtstart = start
		compiled, err := rrule.NewRRule(*rule)
		if err != nil {
			return nil, fmt.Errorf("RRULE: %w", err)
		}
		set.RRule(compiled)
	}
	set.DTStart(start)
	extra, err := r.dates(e, ical.PropRecurrenceDates)
	if err != nil {
		return nil, err
	}
	if rule == nil {
		extra = append(extra, start)
	}
	set.SetRDates(extra)
	except, err := r.dates(e, ical.PropExceptionDates)
	if err != nil {
		return nil, err
	}
	if e.Props.Get(ical.PropRecurrenceID) == nil {
		uid, err := e.Props.Text(ical.PropUID)
		if err != nil {
			return nil, fmt.Errorf("UID: %w", err)
		}
		except = append(except, r.moved[uid]...)
	}
	set.SetExDates(except)
	return set.Between(r.from.Add(-length), r.until, true), nil
}

// repeats refuses a rule that nobody's turns need, and whose occurrences could take for ever to be found: it is looked at one
// day, week, month or year after the other, and some rules name days that never come.
func repeats(rule *rrule.ROption, start time.Time) error {
	days := len(rule.Bymonth) + len(rule.Bymonthday) + len(rule.Bysetpos)
	switch {
	case rule.Freq > rrule.DAILY || len(rule.Byhour)+len(rule.Byminute)+len(rule.Bysecond) > 0:
		return errors.New("it may repeat by the year, month, week and day")
	case len(rule.Byyearday)+len(rule.Byweekno)+len(rule.Byeaster) > 0:
		return errors.New("it may choose months, and days of the week and of the month")
	case rule.Freq >= rrule.WEEKLY && days > 0, rule.Freq == rrule.DAILY && len(rule.Byweekday) > 0 && rule.Interval > 1:
		return errors.New("by the day and by the week it may choose days of the week, and by the day those of every day")
	case start.Year() < earliest:
		return fmt.Errorf("it has repeated since %d, before %d", start.Year(), earliest)
	}
	return nil
}

// dates reads every time of a property that has lists of them.
func (r *reading) dates(e ical.Event, name string) (list []time.Time, err error) {
	for _, prop := range e.Props.Values(name) {
		for _, text := range strings.Split(prop.Value, ",") {
			one := prop
			one.Value = text
			at, err := one.DateTime(r.zone)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			list = append(list, at)
		}
	}
	return list, nil
}

// people are those whose names stand in a text as words of their own, in the order in which they do.
func (r *reading) people(text string) (list []string) {
	text = words(text)
	at := map[string]int{}
	for _, name := range r.names {
		if n := strings.Index(text, words(name)); n >= 0 && words(name) != " " {
			at[name] = n
		}
	}
	return slices.SortedFunc(maps.Keys(at), func(x, y string) int { return cmp.Or(at[x]-at[y], strings.Compare(x, y)) })
}

// words is a text in lower case, its words and nothing else, with a space before, between and after them.
func words(text string) string {
	list := strings.FieldsFunc(strings.ToLower(text), func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("._-", c)
	})
	for n := range list {
		list[n] = strings.Trim(list[n], "._-")
	}
	return " " + strings.Join(append(list, ""), " ")
}
