package config

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/detour-net/detour/internal/config/bounded"
	"github.com/detour-net/detour/internal/duty"
)

// OnCall is one place that says who is on call; exactly one of the three is given. The first place is called first.
type OnCall struct {
	Rota     string `yaml:"rota"`       // a file; see duty.ParseRota
	Calendar string `yaml:"calendar"`   // a file in iCalendar form
	URL      string `yaml:"secret_url"` // file:PATH or env:NAME of the address of a calendar: who has that can often read it
}

// maxOnCall bounds how many places there are.
const maxOnCall = 10

// onCall checks the section and reads its addresses: files are absolute afterwards, and URL is the address itself. What the
// files say is looked at by readOnCall.
func (s section) onCall(c *Chat, self string) (list []OnCall) {
	if c == nil {
		return nil
	}
	if len(c.OnCall) > maxOnCall {
		s.bad("chat.on_call", "%d places: want at most %d", len(c.OnCall), maxOnCall)
	}
	for n, o := range c.OnCall {
		at := index("chat.on_call", n)
		given := 0
		for _, text := range []string{o.Rota, o.Calendar, o.URL} {
			if text != "" {
				given++
			}
		}
		if given != 1 {
			s.bad(at, "want exactly one of rota, calendar and secret_url")
			continue
		}
		o.Rota = s.named(at+".rota", o.Rota, self, false)
		o.Calendar = s.named(at+".calendar", o.Calendar, self, false)
		if o.URL != "" {
			o.URL = s.address(at+".secret_url", o.URL)
		}
		list = append(list, o)
	}
	return list
}

// address reads the address of a calendar. No message shows it.
func (s section) address(key, ref string) string {
	text, err := Secret(ref, s.dir)
	if err != nil {
		s.bad(key, "%s", err)
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		s.bad(key, "it is no address of a calendar; want https://...")
	case u.Scheme == "http" && !(Listen{HTTP: u.Host}).Local():
		s.bad(key, "want https: whoever is between could say who is on call")
	}
	return text
}

// readOnCall reads the files that say who is on call, so that a mistake in them is found at the start. What a calendar at an
// address says is seen only when it is asked.
func (c *Config) readOnCall(now time.Time) error {
	var errs []error
	known := c.People.Names()
	for _, o := range c.OnCall {
		var err error
		switch {
		case o.Rota != "":
			if raw, failed := bounded.ReadFile(o.Rota, duty.MaxCalendar); failed != nil {
				err = fmt.Errorf("read a rota: %w", failed)
			} else {
				_, err = duty.ParseRota(o.Rota, raw, duty.In(known))
			}
		case o.Calendar != "":
			var raw []byte
			if raw, err = bounded.ReadFile(o.Calendar, duty.MaxCalendar); err == nil {
				_, err = duty.ParseCalendar(raw, known, now)
			}
			if err != nil {
				err = fmt.Errorf("%s: %w", o.Calendar, err)
			}
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Names are those on the table.
func (p People) Names() (names []string) {
	for _, m := range p.People {
		names = append(names, m.Name)
	}
	return names
}

// Describe says what a place is, without an address.
func (o OnCall) Describe() string {
	switch {
	case o.Rota != "":
		return "the rota " + o.Rota
	case o.Calendar != "":
		return "the calendar " + o.Calendar
	}
	return "a calendar at an address"
}
