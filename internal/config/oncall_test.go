package config

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	onCallRota     = "zone: UTC\nlines: [{from: '2026-01-05 08:00', days: 7, people: [ines, marc]}]\n"
	onCallCalendar = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//t\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:marc\r\nDTSTART:20260105T080000Z\r\nDTEND:20260112T080000Z\r\nRRULE:FREQ=WEEKLY\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)

// onCallExample is the sample configuration with a chat, and places that say who is on call.
func onCallExample(t *testing.T, onCall string) (dir, path string) {
	t.Helper()
	dir = chatExample(t)
	write(t, dir, "rota.yaml", onCallRota, 0o644)
	write(t, dir, "noc.ics", onCallCalendar, 0o644)
	write(t, dir, "address", "https://calendar.example/secret-part.ics\n", 0o600)
	write(t, dir, "clear", "http://calendar.example/secret-part.ics\n", 0o600)
	write(t, dir, "word", "secret-part\n", 0o600)
	return dir, write(t, dir, "c.yaml", "chat:\n  slack: {app_token: 'file:app', bot_token: 'env:DETOUR_TEST_BOT', channel: C012345}\n  people: people.yaml\n  on_call: "+onCall+"\n"+chatRest, 0o600)
}

func TestLoadOnCall(t *testing.T) {
	dir, path := onCallExample(t, "[{rota: rota.yaml}, {calendar: noc.ics}, {secret_url: 'file:address'}]")
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	want := []OnCall{{Rota: filepath.Join(dir, "rota.yaml")}, {Calendar: filepath.Join(dir, "noc.ics")}, {URL: "https://calendar.example/secret-part.ics"}}
	if diff := cmp.Diff(want, c.OnCall); diff != "" {
		t.Errorf("on call (-want +got):\n%s", diff)
	}
	var text strings.Builder
	for _, s := range c.Describe() {
		text.WriteString(s.Name + "=" + s.Value + " " + string(s.Source) + "\n")
	}
	for _, want := range []string{"chat.on_call[0]=the rota " + filepath.Join(dir, "rota.yaml") + " file", "chat.on_call[1]=the calendar ", "chat.on_call[2]=a calendar at an address file"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("described without %q:\n%s", want, &text)
		}
	}
	if strings.Contains(text.String(), "secret") {
		t.Error("an address is described")
	}
}

func TestLoadOnCallRefuses(t *testing.T) {
	for _, c := range []struct{ name, onCall, file, text, want string }{
		{"nothing", "[{}]", "", "", "chat.on_call[0]: want exactly one of rota, calendar and secret_url"},
		{"two at once", "[{rota: rota.yaml}, {rota: rota.yaml, calendar: noc.ics}]", "", "", "chat.on_call[1]: want exactly one"},
		{"no file", "[{rota: none.yaml}]", "", "", "chat.on_call[0].rota: "},
		{"no calendar", "[{calendar: none.ics}]", "", "", "chat.on_call[0].calendar: "},
		{"an address written down", "[{secret_url: 'https://calendar.example/secret-part.ics'}]", "", "", "chat.on_call[0].secret_url: a secret is named as file:PATH"},
		{"in clear", "[{secret_url: 'file:clear'}]", "", "", "chat.on_call[0].secret_url: want https"},
		{"no address", "[{secret_url: 'file:word'}]", "", "", "chat.on_call[0].secret_url: it is no address"},
		{"a bad rota", "[{rota: rota.yaml}]", "rota.yaml", strings.Replace(onCallRota, "marc", "eve", 1), `rota.yaml:2:`},
		{"a bad calendar", "[{calendar: noc.ics}]", "noc.ics", strings.Replace(onCallCalendar, "marc", "eve", 1), "noc.ics: no event names any"},
		{"too many", "[" + strings.Repeat("{rota: rota.yaml}, ", maxOnCall+1) + "]", "", "", "chat.on_call: 11 places"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, path := onCallExample(t, c.onCall)
			if c.file != "" {
				write(t, dir, c.file, c.text, 0o644)
			}
			_, err := Load(path)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "calendar.example/secret") && c.name != "an address written down" {
				t.Errorf("err = %v, want %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret-part") {
				t.Errorf("an address is shown: %v", err)
			}
		})
	}
}

// TestOnCallWithoutPeople: what is wrong with the table of people is not said of everything that rests on it.
func TestOnCallWithoutPeople(t *testing.T) {
	dir, path := onCallExample(t, "[{rota: rota.yaml}]")
	write(t, dir, "people.yaml", "people: []\non_call: [eve]\n", 0o644)
	if _, err := Load(path); err == nil || strings.Contains(err.Error(), "rota.yaml") {
		t.Errorf("err = %v", err)
	}
	c := &Config{OnCall: []OnCall{{Rota: filepath.Join(dir, "rota.yaml")}}}
	if err := c.readOnCall(time.Now()); err == nil || !strings.Contains(err.Error(), `"ines" is none of the people`) {
		t.Errorf("a rota of nobody: %v", err)
	}
}
