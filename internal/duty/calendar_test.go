package duty

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// calendarOf is a calendar of events, each some lines.
func calendarOf(events ...string) []byte {
	var b strings.Builder
	b.WriteString("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//test\n")
	for n, e := range events {
		if !strings.Contains(e, "UID:") {
			e = fmt.Sprintf("UID:%d\n", n) + e
		}
		b.WriteString("BEGIN:VEVENT\nDTSTAMP:20260101T000000Z\n" + e + "\nEND:VEVENT\n")
	}
	b.WriteString("END:VCALENDAR\n")
	return []byte(strings.ReplaceAll(b.String(), "\n", "\r\n"))
}

var calendarNow = time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC) // a Wednesday

// TestCalendar asks who is on call by calendars of every sort.
func TestCalendar(t *testing.T) {
	const week = "SUMMARY:On call: Ines\nDTSTART;TZID=Europe/Berlin:20261116T080000\nDTEND;TZID=Europe/Berlin:20261123T080000"
	for _, c := range []struct {
		name   string
		events []string
		want   map[string]string // hours from calendarNow
	}{
		{"one event", []string{week}, map[string]string{"0h": "ines", "-20h": "ines", "114h59m": "ines", "115h": "", "-54h": ""}},
		{"two at once, the earlier first", []string{"SUMMARY:marc\nDTSTART:20261118T100000Z\nDTEND:20261118T140000Z", week}, map[string]string{"0h": "ines marc", "3h": "ines"}},
		{"two in one", []string{"SUMMARY:NOC olga / marc (swap)\nDTSTART:20261118T100000Z\nDURATION:PT4H"}, map[string]string{"0h": "olga marc", "2h": ""}},
		{"a name in a name", []string{"SUMMARY:marcus and mesmarc, marc.\nDTSTART:20261118T100000Z\nDTEND:20261118T140000Z"}, map[string]string{"0h": "marc"}},
		{"all day", []string{"SUMMARY:vera\nDTSTART;VALUE=DATE:20261118\nDTEND;VALUE=DATE:20261119"}, map[string]string{"-12h": "vera", "11h59m": "vera", "12h": ""}},
		{"weekly, over the end of summer time", []string{
			"SUMMARY:ines\nDTSTART;TZID=Europe/Berlin:20261007T080000\nDTEND;TZID=Europe/Berlin:20261007T200000\nRRULE:FREQ=WEEKLY;BYDAY=WE",
		}, map[string]string{"-5h1m": "", "-5h": "ines", "6h59m": "ines", "7h": "", "163h": "ines", "175h": ""}},
		{"every second week", []string{
			"SUMMARY:ines\nDTSTART:20261102T080000Z\nDTEND:20261109T080000Z\nRRULE:FREQ=WEEKLY;INTERVAL=2", "SUMMARY:marc\nDTSTART:20261109T080000Z\nDTEND:20261116T080000Z\nRRULE:FREQ=WEEKLY;INTERVAL=2",
		}, map[string]string{"0h": "ines", "168h": "marc", "336h": "ines"}},
		{"left out and added", []string{
			"SUMMARY:ines\nDTSTART:20261101T110000Z\nDTEND:20261101T130000Z\nRRULE:FREQ=DAILY\nEXDATE:20261118T110000Z,20261119T110000Z\nRDATE:20261118T200000Z",
		}, map[string]string{"0h": "", "24h": "", "48h": "ines", "8h30m": "ines"}},
		{"swapped", []string{
			"UID:x\nSUMMARY:ines\nDTSTART:20261101T110000Z\nDTEND:20261101T130000Z\nRRULE:FREQ=DAILY",
			"UID:x\nSUMMARY:marc\nRECURRENCE-ID:20261118T110000Z\nDTSTART:20261118T110000Z\nDTEND:20261118T130000Z",
		}, map[string]string{"0h": "marc", "24h": "ines"}},
		{"cancelled", []string{week + "\nSTATUS:CANCELLED", "SUMMARY:olga\nDTSTART:20261118T100000Z\nDTEND:20261118T140000Z\nSTATUS:CONFIRMED"}, map[string]string{"0h": "olga"}},
		{"until", []string{"SUMMARY:ines\nDTSTART:20261101T110000Z\nDTEND:20261101T130000Z\nRRULE:FREQ=DAILY;UNTIL=20261118T110000Z"}, map[string]string{"0h": "ines", "24h": ""}},
		{"of nobody", []string{"SUMMARY:Public holiday\nDTSTART:20261118T000000Z\nDTEND:20261119T000000Z", week}, map[string]string{"0h": "ines"}},
		{"for ever", []string{"SUMMARY:ines\nDTSTART:20000103T080000Z\nDTEND:20000104T080000Z\nRRULE:FREQ=DAILY"}, map[string]string{"0h": "ines", "700h": "ines"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cal, err := ParseCalendar(calendarOf(c.events...), everybody, calendarNow)
			if err != nil {
				t.Fatal(err)
			}
			for after, want := range c.want {
				d, err := time.ParseDuration(after)
				if err != nil {
					t.Fatal(err)
				}
				if got := strings.Join(cal.OnCall(calendarNow.Add(d)), " "); got != want {
					t.Errorf("%s later: %q, want %q", after, got, want)
				}
			}
		})
	}
}

// TestCalendarZone: times without a zone are those of the calendar's; a name of several words is found.
func TestCalendarZone(t *testing.T) {
	raw := strings.Replace(string(calendarOf("SUMMARY:Ines  Doe (1st)\nDTSTART:20261118T120000\nDTEND:20261118T130000")), "VERSION", "X-WR-TIMEZONE:Europe/Berlin\r\nVERSION", 1)
	cal, err := ParseCalendar([]byte(raw), []string{"ines doe", "..."}, calendarNow)
	if err != nil {
		t.Fatal(err)
	}
	if got := cal.OnCall(calendarNow.Add(-30 * time.Minute)); len(got) != 1 || got[0] != "ines doe" {
		t.Errorf("%v", got)
	}
	if got := cal.OnCall(calendarNow); len(got) > 0 {
		t.Errorf("an hour later: %v", got)
	}
}

// TestCalendarRefused: what cannot be told apart from a mistake is one.
func TestCalendarRefused(t *testing.T) {
	event := func(more string) []byte { return calendarOf("SUMMARY:ines\nDTSTART:20261116T080000Z\n" + more) }
	many := func(n int, more string) (events []string) {
		for range n {
			events = append(events, "SUMMARY:ines\nDTSTART:20261116T080000Z\nDTEND:20261117T080000Z"+more)
		}
		return events
	}
	for _, c := range []struct {
		name string
		raw  []byte
		want string
	}{
		{"nothing", nil, "read a calendar"},
		{"a page to log in", []byte("<html><body>Sign in</body></html>"), "read a calendar"},
		{"cut off in a parameter", []byte("0;0="), "a line is malformed"},
		{"cut off", event("DTEND:20261117T080000Z")[:120], "read a calendar"},
		{"two calendars", append(event("DTEND:20261117T080000Z"), event("DTEND:20261117T080000Z")...), "more than one calendar"},
		{"nobody's", calendarOf("SUMMARY:eve\nDTSTART:20261116T080000Z\nDTEND:20261117T080000Z"), "no event names any"},
		{"empty", calendarOf(), "no event names any"},
		{"no beginning", calendarOf("SUMMARY:ines"), "DTSTART is missing"},
		{"a zone that nobody knows", calendarOf("SUMMARY:ines\nDTSTART;TZID=Atlantis:20261116T080000\nDTEND:20261117T080000Z"), "DTSTART"},
		{"a zone that is a file", calendarOf("SUMMARY:ines\nDTSTART;TZID=../../etc/passwd:20261116T080000\nDTEND:20261117T080000Z"), "DTSTART"},
		{"an end before the beginning", event("DTEND:20261115T080000Z"), "it lasts -24h"},
		{"years", event("DTEND:20291115T080000Z"), "it lasts"},
		{"by the second", event("DTEND:20261117T080000Z\nRRULE:FREQ=SECONDLY"), "by the year, month, week and day"},
		{"by hours of the day", event("DTEND:20261117T080000Z\nRRULE:FREQ=DAILY;BYHOUR=8,9"), "by the year, month, week and day"},
		{"on a day that never comes", event("DTEND:20261117T080000Z\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"), "days of the week"},
		{"by Easter", event("DTEND:20261117T080000Z\nRRULE:FREQ=YEARLY;BYEASTER=1"), "RRULE"},
		{"since long ago", calendarOf("SUMMARY:ines\nDTSTART:19700101T000000Z\nDTEND:19700102T000000Z\nRRULE:FREQ=DAILY"), "repeated since 1970"},
		{"a rule that is none", event("DTEND:20261117T080000Z\nRRULE:FREQ=SOMETIMES"), "rrule"},
		{"too many events", calendarOf(many(MaxEvents+1, "")...), "5001 events"},
		{"too many that repeat", calendarOf(many(MaxRepeating+1, "\nRRULE:FREQ=DAILY")...), "more than 500 events repeat"},
		{"too large", make([]byte, MaxCalendar+1), "more than 1048576 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := ParseCalendar(c.raw, everybody, calendarNow); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("err = %v, want %q", err, c.want)
			}
		})
	}
}

// FuzzCalendar: nothing that stands at an address makes reading it fail otherwise than by an error.
func FuzzCalendar(f *testing.F) {
	f.Add(calendarOf("SUMMARY:ines\nDTSTART:20261101T110000Z\nDTEND:20261101T130000Z\nRRULE:FREQ=MONTHLY;BYDAY=-1FR;BYSETPOS=1\nEXDATE:20261118T110000Z"))
	f.Add(calendarOf("SUMMARY:ines\nDTSTART;TZID=Europe/Berlin:20261007T080000\nDURATION:P1W\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;INTERVAL=3"))
	f.Add([]byte("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if c, err := ParseCalendar(raw, everybody, calendarNow); err == nil {
			c.OnCall(calendarNow)
		}
	})
}
