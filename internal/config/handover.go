package config

import (
	"slices"
	"strings"
	"time"
)

// Handover says when shifts begin: then it is told in the chat what those who come on duty must know.
type Handover struct {
	At   []string `yaml:"at"`   // times of day in Zone, "06:00"
	Zone string   `yaml:"zone"` // "Europe/Berlin"; default UTC

	location *time.Location
}

// Times are the beginnings, since midnight, the first first; none without a Handover.
func (h *Handover) Times() (list []time.Duration) {
	if h == nil {
		return nil
	}
	for _, text := range h.At {
		at, _ := timeOfDay(text) // checked
		list = append(list, at)
	}
	slices.Sort(list)
	return list
}

// Location is the zone of the times.
func (h *Handover) Location() *time.Location {
	if h == nil {
		return time.UTC
	}
	return h.location
}

func (h *Handover) String() string {
	if h == nil {
		return "never by itself"
	}
	return "at " + strings.Join(h.At, ", ") + " " + h.location.String()
}

func timeOfDay(text string) (time.Duration, bool) {
	t, err := time.Parse("15:04", text)
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, err == nil && len(text) == len("15:04")
}

// maxShifts bounds how many a day has.
const maxShifts = 24

// handover checks the section.
func (s section) handover(h *Handover) {
	if h == nil {
		return
	}
	if h.Zone == "" {
		h.Zone = "UTC"
	}
	var err error
	if h.location, err = time.LoadLocation(h.Zone); err != nil || h.Zone == "Local" {
		h.location = time.UTC
		s.bad("chat.handover.zone", "%q: want the name of a zone, for example Europe/Berlin, which is the same on every replica", h.Zone)
	}
	if len(h.At) == 0 || len(h.At) > maxShifts {
		s.bad("chat.handover", "at has %d times: want 1 to %d, for example [\"06:00\", \"14:00\", \"22:00\"]", len(h.At), maxShifts)
	}
	for n, text := range h.At {
		if _, ok := timeOfDay(text); !ok || slices.Contains(h.At[:n], text) {
			s.bad(index("chat.handover.at", n), "%q: want a time of day such as \"06:00\", each once", text)
		}
	}
}
