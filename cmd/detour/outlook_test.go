package main

import (
	"testing"

	"github.com/detour-net/detour/events"
)

func TestAfterOne(t *testing.T) {
	for want, o := range map[string]events.Outlook{
		"93 % den-kcy, den to kcy if sea-den fails": {SurvivePermil: 930, Failure: "sea-den", Link: "den-kcy, den to kcy"},
		"93 % den-kcy, den to kcy":                  {SurvivePermil: 930, Link: "den-kcy, den to kcy"},
		"at most 93 %":                              {SurvivePermil: 930, AtMost: true},
	} {
		if got := afterOne(o); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
