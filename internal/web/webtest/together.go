package webtest

import (
	"time"

	"github.com/detour-net/detour/events"
)

// Two incidents with one cause, which Together tells of: people are asked about both by way of the first.
const (
	Lead  = "ipl-kcy-1"
	Child = "ipl-kcz-1"
)

// Together is a commit that may follow the story: two links of one duct fall sick at once.
func Together() []events.Record {
	scope := events.ScopeOf("srlg", "duct-7")
	var records []events.Record
	say := func(id string, bodies ...events.Body) {
		for _, b := range bodies {
			records = append(records, events.Record{Incident: id, Body: b})
		}
	}
	first, second := target("ipl", "kcy"), target("ipl", "kcz")
	lead, child := plan(first), plan(second)
	lead.Plan.Together = []events.Companion{{Incident: Child, Plan: child.Digest}}
	lead.Digest = lead.Plan.Digest()
	cause := &events.Cause{Scope: scope, Links: 2, Alarmed: 2, Lead: Lead}
	asked, waits := ruled(lead, events.Ask), ruled(child, events.Defer, events.Check{Name: "one-cause", Value: "2 of 2 links in srlg:duct-7",
		Detail: "people are asked about it together with " + Lead, Remedy: "who may approve decides on " + Lead})
	asked.Cause, waits.Cause = cause, cause
	say(Lead, append(opened(first, "018f-8"), lead, asked,
		events.Asked{Plan: lead.Digest, Quorum: 1, Roles: []string{"approver"}, Expires: Start.Add(time.Hour)})...)
	say(Child, append(opened(second, "018f-9"), child, waits)...)
	return records
}
