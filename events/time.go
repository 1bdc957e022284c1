package events

import "time"

// day is one in UTC, and how a time of it is written in JSON up to the time of day.
type day struct {
	begins time.Time
	date   [len(`"2006-01-02T`)]byte
}

// time takes a time. Those of a ledger and of a storm are mostly of one day, in UTC: then only the time of day is read.
func (s *scan) time(into *time.Time) bool {
	start := s.at
	text, ok := s.plain()
	if !ok {
		return false
	}
	token, last := s.raw[start:s.at], &s.last.day
	if len(text) > len(last.date) && string(token[:len(last.date)]) == string(last.date[:]) {
		if since, ok := timeOfDay(token[len(last.date) : len(token)-1]); ok {
			*into = last.begins.Add(since)
			return true
		}
	}
	if into.UnmarshalJSON(token) != nil {
		return false
	}
	if into.Location() == time.UTC {
		last.begins = into.Truncate(24 * time.Hour)
		copy(last.date[:], token)
	}
	return true
}

// timeOfDay reads "15:04:05Z", with or without a fraction, as RFC 3339 has it.
func timeOfDay(text []byte) (since time.Duration, ok bool) {
	const whole = len("15:04:05")
	if len(text) <= whole || text[2] != ':' || text[5] != ':' || text[len(text)-1] != 'Z' {
		return 0, false
	}
	hour, ok1 := twoDigits(text[0:2], 24)
	minute, ok2 := twoDigits(text[3:5], 60)
	second, ok3 := twoDigits(text[6:8], 60)
	if !ok1 || !ok2 || !ok3 {
		return 0, false
	}
	since = hour*time.Hour + minute*time.Minute + second*time.Second
	fraction := text[whole : len(text)-1]
	if len(fraction) == 0 {
		return since, true
	}
	if fraction[0] != '.' || len(fraction) == 1 || len(fraction) > len(".123456789") {
		return 0, false
	}
	unit := time.Second
	for _, digit := range fraction[1:] {
		if digit < '0' || digit > '9' {
			return 0, false
		}
		unit /= 10
		since += time.Duration(digit-'0') * unit
	}
	return since, true
}

func twoDigits(text []byte, below time.Duration) (n time.Duration, ok bool) {
	high, low := text[0]-'0', text[1]-'0'
	n = 10*time.Duration(high) + time.Duration(low)
	return n, high <= 9 && low <= 9 && n < below
}
