package policy

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/detour-net/detour/events"
)

func at(t testing.TB, text string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

func TestWindowInForce(t *testing.T) {
	const (
		once    = "windows: [{name: w, start: 2026-11-20T22:00:00+01:00, duration: 2h}]"
		nightly = "windows: [{name: w, every: day, at: '22:00', zone: Europe/Berlin, duration: 6h}]"
		friday  = "windows: [{name: w, every: friday, at: '22:00', zone: Europe/Berlin, duration: 6h}]"
		early   = "windows: [{name: w, every: sunday, at: '02:30', zone: Europe/Berlin, duration: 1h}]"
		week    = "windows: [{name: w, every: monday, at: '00:00', zone: Asia/Tokyo, duration: 168h}]"
	)
	tests := []struct {
		name, policy, now, until string // until "" means not in force
	}{
		{"once, before", once, "2026-11-20T20:59:59Z", ""},
		{"once, at the start", once, "2026-11-20T21:00:00Z", "2026-11-20T23:00:00Z"},
		{"once, the last moment", once, "2026-11-20T22:59:59Z", "2026-11-20T23:00:00Z"},
		{"once, at the end", once, "2026-11-20T23:00:00Z", ""},
		{"nightly, in the evening", nightly, "2026-11-20T21:00:00Z", "2026-11-21T03:00:00Z"},
		{"nightly, after midnight", nightly, "2026-11-21T02:59:59Z", "2026-11-21T03:00:00Z"},
		{"nightly, by day", nightly, "2026-11-21T12:00:00Z", ""},
		{"nightly, in summer time", nightly, "2026-07-01T20:00:00Z", "2026-07-02T02:00:00Z"},
		{"weekly, on the day", friday, "2026-11-20T21:30:00Z", "2026-11-21T03:00:00Z"},
		{"weekly, the next morning", friday, "2026-11-21T02:00:00Z", "2026-11-21T03:00:00Z"},
		{"weekly, another day", friday, "2026-11-19T21:30:00Z", ""},
		{"a week long, all the time", week, "2026-11-22T14:59:59Z", "2026-11-22T15:00:00Z"},
		{"a week long, the next", week, "2026-11-22T15:00:00Z", "2026-11-29T15:00:00Z"},

		// On 2026-03-29 the clock in Berlin goes from 02:00 to 03:00: 02:30 is not shown. Read with the offset after it is
		// 00:30Z, with the one before 01:30Z. The window covers both readings.
		{"a skipped start, before", early, "2026-03-29T00:29:59Z", ""},
		{"a skipped start, earliest", early, "2026-03-29T00:30:00Z", "2026-03-29T02:30:00Z"},
		{"a skipped start, latest end", early, "2026-03-29T02:29:59Z", "2026-03-29T02:30:00Z"},
		// On 2026-10-25 it goes from 03:00 back to 02:00: 02:30 is shown at 00:30Z and at 01:30Z.
		{"a start shown twice, before", early, "2026-10-25T00:29:59Z", ""},
		{"a start shown twice, earliest", early, "2026-10-25T00:30:00Z", "2026-10-25T02:30:00Z"},
		{"a start shown twice, latest end", early, "2026-10-25T02:29:59Z", "2026-10-25T02:30:00Z"},
		{"a start shown twice, after", early, "2026-10-25T02:30:00Z", ""},
		{"the week after is plain again", early, "2026-11-01T01:29:59Z", ""},
		{"the night before the change is not wider", nightly, "2026-10-24T19:59:59Z", ""},
		{"the night of the change lasts as long as ever", nightly, "2026-10-24T20:00:00Z", "2026-10-25T02:00:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			until, ok := parse(t, tt.policy).Windows()[0].InForce(at(t, tt.now))
			if ok != (tt.until != "") {
				t.Fatalf("InForce = %v %t, want %q", until, ok, tt.until)
			}
			if ok && !until.Equal(at(t, tt.until)) {
				t.Errorf("until %s, want %s", until.UTC().Format(time.RFC3339), tt.until)
			}
		})
	}
}

// TestWindowCoversItsWallClock: whenever the zone's wall clock stands between start and end, the window is in force.
func TestWindowCoversItsWallClock(t *testing.T) {
	w := parse(t, "windows: [{name: w, every: day, at: '01:15', zone: America/New_York, duration: 3h}]").Windows()[0]
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(rapid.Int64Range(1_760_000_000, 1_900_000_000).Draw(t, "now"), 0)
		until, ok := w.InForce(now)
		wall := now.In(w.location)
		sinceMidnight := time.Duration(wall.Hour())*time.Hour + time.Duration(wall.Minute())*time.Minute + time.Duration(wall.Second())*time.Second
		_, before := now.Add(-4 * time.Hour).In(w.location).Zone()
		_, after := now.Add(4 * time.Hour).In(w.location).Zone()
		if before != after {
			return // the days of change are in the table
		}
		if want := sinceMidnight >= 75*time.Minute && sinceMidnight < 255*time.Minute; ok != want {
			t.Fatalf("at %s in force = %t", wall, ok)
		}
		if ok && (!now.Before(until) || until.Sub(now) > 3*time.Hour) {
			t.Fatalf("at %s until %s", wall, until)
		}
	})
}

func TestMode(t *testing.T) {
	p := parse(t, "windows: [{name: den, scope: 'site:den', start: 2026-11-20T12:00:00Z, duration: 1h}]")
	den, nyc := []events.Scope{events.Network, "site:den"}, []events.Scope{events.Network, "site:nyc"}
	inside, outside := at(t, "2026-11-20T12:30:00Z"), at(t, "2026-11-20T13:30:00Z")
	begun := map[string]events.MaintenanceBegun{
		"w1": {Window: "w1", Scope: "site:nyc", Until: at(t, "2026-11-20T13:45:00Z"), By: events.Person{Name: "ann"}, Reason: "optics"},
		"w0": {Window: "w0", Scope: events.Network, Until: at(t, "2026-11-20T13:00:00Z"), By: events.Person{Name: "bob"}, Reason: "over"},
	}
	auto := Rule{Name: "r", Autonomy: Auto}
	tests := []struct {
		name       string
		configured events.Mode
		rule       Rule
		now        time.Time
		scopes     []events.Scope
		begun      map[string]events.MaintenanceBegun
		want       events.Mode
		why        string
	}{
		{"dry-run by default", "", auto, outside, den, nil, events.DryRun, "the service runs in dry-run"},
		{"dry-run", events.DryRun, auto, outside, den, nil, events.DryRun, "the service runs in dry-run"},
		{"shadow", events.Live, Rule{Name: "r", Autonomy: Shadow}, outside, den, nil, events.DryRun, `rule "r" is in shadow`},
		{"no autonomy is shadow", events.Live, Rule{Name: "r"}, outside, den, nil, events.DryRun, "in shadow"},
		{"live", events.Live, auto, outside, den, nil, events.Live, "is live"},
		{"with approval", events.Live, Rule{Autonomy: Approve}, outside, den, nil, events.Live, "is live"},
		{"in a window", events.Live, auto, inside, den, nil, events.DryRun, `window "den" in site:den until 2026-11-20T13:00:00Z`},
		{"in a window of elsewhere", events.Live, auto, inside, nyc, nil, events.Live, "is live"},
		{"in a window that a person began", events.Live, auto, outside, nyc, begun, events.DryRun, `window "w1" in site:nyc until 2026-11-20T13:45:00Z, begun by ann: optics`},
		{"the person's window is elsewhere", events.Live, auto, outside, den, begun, events.Live, "is live"},
		{"one for the whole network", events.Live, auto, inside.Add(-time.Hour), den, begun, events.DryRun, `"w0" in network`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			mode, why := p.Mode(tt.configured, tt.rule, tt.now, tt.scopes, tt.begun)
			if mode != tt.want || !strings.Contains(why, tt.why) {
				t.Errorf("Mode = %s, %q; want %s, %q", mode, why, tt.want, tt.why)
			}
		})
	}
}
