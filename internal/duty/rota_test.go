package duty

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const rotaFile = `zone: Europe/Berlin
lines:
  - {from: "2026-10-19 08:00", days: 7, people: [ines, marc, olga]}
  - {from: "2026-10-19 20:00", days: 1, daily: {from: "20:00", until: "08:00"}, people: [vera, marc]}
covers:
  - {line: 1, from: "2026-10-20 12:00", until: "2026-10-20 18:00", person: vera}
`

var everybody = []string{"ines", "marc", "olga", "vera"}

func rota(t *testing.T, text string) *Rota {
	t.Helper()
	r, err := ParseRota("rota.yaml", []byte(text), In(everybody))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRota asks who is on call at moments by the clock in Berlin, across the end of its summer time.
func TestRota(t *testing.T) {
	r := rota(t, rotaFile)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]string{
		"2026-10-19 07:59": "",
		"2026-10-19 08:00": "ines",
		"2026-10-19 19:59": "ines",
		"2026-10-19 20:00": "ines vera",
		"2026-10-20 07:59": "ines vera",
		"2026-10-20 08:00": "ines",
		"2026-10-20 11:59": "ines",
		"2026-10-20 12:00": "vera",
		"2026-10-20 18:00": "ines",
		"2026-10-20 20:00": "ines marc",
		"2026-10-21 03:00": "ines marc",
		"2026-10-25 04:00": "ines marc", // an hour after the clock was set back
		"2026-10-26 07:59": "ines vera",
		"2026-10-26 08:00": "marc", // seven days and one hour after the beginning
		"2026-10-26 20:00": "marc", // of both lines, and called once
		"2026-11-02 09:00": "olga",
		"2026-11-09 09:00": "ines",
		"2036-10-19 09:00": "olga",
	} {
		moment, err := time.ParseInLocation(moment, at, berlin)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(r.OnCall(moment.UTC()), " "); got != want {
			t.Errorf("%s: %q, want %q", at, got, want)
		}
	}
}

// TestRotaFromTheDoubledHour begins a rota in the hour that New York has twice: in the second of the two it is still the first
// one's turn, though the clock has been set back to before the beginning.
func TestRotaFromTheDoubledHour(t *testing.T) {
	r := rota(t, "zone: America/New_York\nlines: [{from: '2026-11-01 01:30', days: 1, people: [ines, marc]}]")
	for at, want := range map[string]string{
		"2026-11-01T05:29:59Z": "", "2026-11-01T05:30:00Z": "ines", "2026-11-01T06:15:00Z": "ines", "2026-11-02T06:29:59Z": "ines", "2026-11-02T06:30:00Z": "marc",
	} {
		moment, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(r.OnCall(moment), " "); got != want {
			t.Errorf("%s: %q, want %q", at, got, want)
		}
	}
}

// TestRotaRefused: what is wrong is said with its place.
func TestRotaRefused(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "lines: 0 lines"},
		{"no zone", "lines: [{from: '2026-10-19 08:00', days: 7, people: [ines]}]", `zone: "": want the name of a time zone`},
		{"no such zone", "zone: Mars/Olympus\nlines: [{from: '2026-10-19 08:00', days: 7, people: [ines]}]", "zone: "},
		{"the machine's zone", "zone: Local\nlines: [{from: '2026-10-19 08:00', days: 7, people: [ines]}]", "zone: "},
		{"a stranger", "zone: UTC\nlines: [{from: '2026-10-19 08:00', days: 7, people: [ines, eve]}]", `lines[0]: "eve" is none of the people`},
		{"nobody", "zone: UTC\nlines: [{from: '2026-10-19 08:00', days: 7, people: []}]", "lines[0]: 0 people"},
		{"no turns", "zone: UTC\nlines: [{from: '2026-10-19 08:00', people: [ines]}]", "lines[0]: a turn of 0 days"},
		{"no beginning", "zone: UTC\nlines: [{days: 7, people: [ines]}]", `"": want a day and a time`},
		{"a day that is not", "zone: UTC\nlines: [{from: '2026-02-30 08:00', days: 7, people: [ines]}]", "want a day and a time"},
		{"no part of the day", "zone: UTC\nlines: [{from: '2026-10-19 08:00', days: 7, people: [ines], daily: {from: '08:00', until: '08:00'}}]", "is nothing"},
		{"no time of day", "zone: UTC\nlines: [{from: '2026-10-19 08:00', days: 7, people: [ines], daily: {from: '25:00', until: '08:00'}}]", "want a time of day"},
		{"a cover of no line", strings.Replace(rotaFile, "line: 1", "line: 3", 1), "covers[0]: line 3: want 1 to 2"},
		{"a cover by a stranger", strings.Replace(rotaFile, "person: vera", "person: eve", 1), `covers[0]: "eve" is none of the people`},
		{"a cover that ends before it begins", strings.Replace(rotaFile, "18:00", "11:00", 1), "covers[0]: it ends at"},
		{"an unknown key", "zone: UTC\nturns: []", `unknown key "turns"`},
		{"too many lines", "zone: UTC\nlines:\n" + strings.Repeat("  - {from: '2026-10-19 08:00', days: 7, people: [ines]}\n", MaxLines+1), fmt.Sprintf("%d lines", MaxLines+1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseRota("rota.yaml", []byte(c.text), In(everybody))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "rota.yaml") {
				t.Errorf("err = %v, want %q", err, c.want)
			}
		})
	}
}

// TestTurns: over years of turns nobody is left out, and each turn is as long as it should be, whatever the clock does.
func TestTurns(t *testing.T) {
	r := rota(t, "zone: America/New_York\nlines: [{from: '2026-03-02 09:00', days: 3, people: [ines, marc, olga, vera]}]")
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, r.zone)
	for n := range 1000 {
		begin, end := at.AddDate(0, 0, 3*n), at.AddDate(0, 0, 3*n+3).Add(-time.Second)
		want := []string{everybody[n%4]}
		if diff := cmp.Diff([][]string{want, want}, [][]string{r.OnCall(begin), r.OnCall(end)}); diff != "" {
			t.Fatalf("turn %d, from %s to %s (-want +got):\n%s", n, begin, end, diff)
		}
	}
}

// FuzzRota: a rota that is taken can be asked at any time.
func FuzzRota(f *testing.F) {
	f.Add(rotaFile, int64(1_800_000_000))
	f.Fuzz(func(t *testing.T, text string, at int64) {
		if r, err := ParseRota("rota.yaml", []byte(text), In(everybody)); err == nil {
			r.OnCall(time.Unix(at%(1<<40), 0))
		}
	})
}
