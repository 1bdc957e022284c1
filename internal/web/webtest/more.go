package webtest

import (
	"fmt"
	"time"

	"github.com/detour-net/detour/events"
)

// Changed is a commit that may follow the story: the plan that people are asked about has become another, and they are
// asked again.
func Changed() []events.Record {
	tg := target("chi", "nyc")
	p := plan(tg)
	p.Plan.Sentence = "drain link chi-nyc softly in another way"
	p.Digest = p.Plan.Digest()
	var records []events.Record
	for _, b := range []events.Body{p, ruled(p, events.Ask), events.Asked{Plan: p.Digest, Quorum: 1, Roles: []string{"approver"}, Expires: Start.Add(2 * time.Hour)}} {
		records = append(records, events.Record{Incident: Asking, Body: b})
	}
	return records
}

// Hostile is a commit that may follow the story: somebody outside has put markup, controls and characters that turn the
// direction of writing wherever outsiders can write anything.
func Hostile(text string) []events.Record {
	tg := target("svl", "lax")
	a := anomaly("svl", "ethernet-1/1")
	a.Unit, a.Window, a.Labels, a.Evidence = text, text, map[string]string{text: text, "site": text}, map[string]float64{text: 1}
	p := plan(tg)
	p.Plan.Sentence, p.ModeWhy, p.Rule = text, text, text
	p.Plan.Steps[0].Changes[0].Device = text
	p.Plan.Steps[0].Changes[0].Settings[0].Interface = text
	p.Plan.Steps[0].Changes[0].Settings[0].Before = events.JSONValue(fmt.Sprintf("%q", "x<b>"))
	p.Digest = p.Plan.Digest()
	deny := events.Check{Name: text, Value: text, Limit: text, Detail: text, Remedy: text}
	say := func(bodies ...events.Body) (records []events.Record) {
		for _, b := range bodies {
			records = append(records, events.Record{Incident: tg.Slug() + "-1", Body: b})
		}
		return records
	}
	records := say(events.Opened{Target: tg, Epoch: 1, Symptom: events.AnomalyKind(text), Severity: events.Critical},
		&events.Observed{Event: "018f-7" + text, Source: text, Anomaly: a, Disposition: events.DidOpen, Detail: text},
		p, ruled(p, events.Ask, deny), events.Asked{Plan: p.Digest, Quorum: 1, Roles: []string{text}, Expires: Start.Add(time.Hour), Checks: []string{text}})
	return append(records, events.Record{Body: events.Frozen{Scope: "site:x", By: events.Person{Name: text, Via: text}, Reason: text}})
}

// Many opens n incidents more, a hundred in a commit.
func (r *Replica) Many(n int) error {
	for from := 0; from < n; from += 100 {
		var records []events.Record
		for k := from; k < min(n, from+100); k++ {
			tg := target("many", fmt.Sprintf("n%05d", k))
			for _, b := range opened(tg, fmt.Sprintf("many-%d", k)) {
				records = append(records, events.Record{Incident: tg.Slug() + "-1", Body: b})
			}
		}
		if _, err := r.Append(Start.Add(time.Hour), records...); err != nil {
			return fmt.Errorf("open incidents %d to %d: %w", from, from+99, err)
		}
	}
	return nil
}
