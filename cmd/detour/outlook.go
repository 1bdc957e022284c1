package main

import (
	"fmt"
	"strings"

	"github.com/detour-net/detour/events"
)

// outlooks compares the network with a drain and without it, a line a figure.
func outlooks(p *events.Prospect) [][]string {
	return [][]string{
		{"worst link", loaded(p.InService.WorstLink, p.InService.WorstPermil), loaded(p.Drained.WorstLink, p.Drained.WorstPermil)},
		{"one more failure", afterOne(p.InService), afterOne(p.Drained)},
		{"no path for", events.Rate(p.InService.CutOff), events.Rate(p.Drained.CutOff)},
		{"moved", "", events.Rate(p.Moved)},
		{"expected loss", "", events.Rate(p.Harm)},
	}
}

// loaded is a direction of a link with how full it is.
func loaded(direction string, permil int) string {
	return strings.TrimSpace(events.Percent(permil) + " " + direction)
}

// filled is a link, as an Outlook names its direction, with how full it is: "den-kcy 71 %".
func filled(direction string, permil int) string {
	return strings.TrimSpace(events.LinkOf(direction) + " " + events.Percent(permil))
}

func afterOne(o events.Outlook) string {
	return atMost(o) + loaded(o.Link, o.SurvivePermil) + failing(o)
}

// atMost says of a bound that it is one.
func atMost(o events.Outlook) string {
	if o.AtMost {
		return "at most "
	}
	return ""
}

// failing names the worst failure more, if there is one that makes it worse.
func failing(o events.Outlook) string {
	if o.Failure == "" {
		return ""
	}
	return fmt.Sprintf(" if %s fails", o.Failure)
}
