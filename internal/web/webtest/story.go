package webtest

import (
	"time"

	"github.com/detour-net/detour/events"
)

// Start is when the story begins.
var Start = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// The incidents of the story.
const (
	Held    = "den-kcy-1" // drained and held
	Asking  = "chi-nyc-1" // waits for an approver
	Waiting = "sea-den-1" // held by a budget
	Refused = "atl-hou-1" // ended: denied
	Stuck   = "lax-hou-1" // one end does not answer
)

// EventID is the event that opened Held.
const EventID = "018f-1/den"

const policyDigest = events.Digest("sha256:1111111111111111111111111111111111111111111111111111111111111111")

// moment is one commit of the story.
type moment struct {
	after   time.Duration
	records []events.Record
}

// tale builds the story.
type tale struct {
	moments []moment
	at      time.Duration
}

func (t *tale) say(id string, bodies ...events.Body) {
	t.at += time.Second
	m := moment{after: t.at}
	for _, b := range bodies {
		m.records = append(m.records, events.Record{Incident: id, Body: b})
	}
	t.moments = append(t.moments, m)
}

// position is that of the next commit.
func (t *tale) position() uint64 { return uint64(len(t.moments) + 1) }

func story() []moment {
	t := &tale{}
	t.say("", events.PolicyLoaded{Digest: policyDigest, Mode: events.Live, Source: "policy.yaml"})
	t.say("", &events.Observed{Event: "018f-0", Source: "/telemetry/test", Anomaly: anomaly("nowhere", "ethernet-1/1"), Disposition: events.WasNowhere, Detail: "nowhere/ethernet-1/1 is not in the inventory"})
	t.held()
	t.asking()
	t.waiting()
	t.refused()
	t.stuck()
	t.say("", events.Frozen{Scope: "site:sea", By: person("olga", "operator"), Reason: "fibre work on the west coast"})
	t.say("", events.MaintenanceBegun{Window: "mw-0001", Scope: "device:chi", Until: Start.Add(2 * time.Hour), By: person("olga", "operator"), Reason: "line card swap"})
	return t.moments
}

func person(name string, roles ...string) events.Person {
	return events.Person{Name: name, Role: roles, Via: "cli"}
}

func anomaly(device, iface string) events.Anomaly {
	return events.Anomaly{Kind: events.LinkErrors, State: events.Firing, Severity: events.Major, Resource: events.Resource{Device: device, Interface: iface},
		ObservedAt: Start, Value: 3.2e-4, Unit: "ratio", Threshold: 1e-4, Window: "30s"}
}

func target(a, b string) events.Target {
	return events.Target{Kind: events.TargetLink, Name: a + "-" + b, Capacity: 10e9, Ends: []events.End{{Device: a, Interface: "ethernet-1/1"}, {Device: b, Interface: "ethernet-1/2"}},
		Scopes: []events.Scope{events.Network, events.ScopeOf("link", a+"-"+b), events.ScopeOf("device", a), events.ScopeOf("device", b), events.ScopeOf("site", a), events.ScopeOf("site", b)}}
}

func plan(tg events.Target) events.Planned {
	var step events.Step
	for n, e := range tg.Ends {
		ref := events.LeafRef{Leaf: events.ISISMetric, Interface: e.Interface, Level: 2, Family: events.IPv4}
		step.Changes = append(step.Changes, events.Change{Device: e.Device, Settings: []events.Setting{{LeafRef: ref, Before: events.UintValue(uint64(100 + n)), After: events.UintValue(16777214)}}})
	}
	p := events.Plan{Remediator: "linkdrain", Sentence: "drain link " + tg.Name + " softly: IS-IS metric 16777214 on both ends", Target: tg,
		Steps: []events.Step{step}, Checks: []string{events.CheckTrafficLeft, events.CheckNothingBroke}}
	facts := events.Facts{At: Start, Network: events.NetworkFacts{Routers: 11, Seen: 11, Links: 14, WorstLink: "den-sea", WorstPermil: 300}, Prospect: ahead(Start, 710, 930)}
	return events.Planned{Plan: p, Digest: p.Digest(), Rule: "drain-sick-links", Mode: events.Live, ModeWhy: "live by configuration", Facts: facts}
}

// ahead is what was computed of a drain: how full it makes the fullest link, and one failure more.
func ahead(at time.Time, worst, survives int) *events.Prospect {
	return &events.Prospect{
		At: at, Inputs: "sha256:2222222222222222222222222222222222222222222222222222222222222222", Method: events.MethodExact,
		Matrix: "traffic.csv", MatrixAt: Start.Add(-4 * time.Minute), Fit: events.Fit{Links: 28, Close: 28},
		InService: events.Outlook{WorstPermil: 520, WorstLink: "den-sea, den to sea", SurvivePermil: 810, Failure: "hou-atl", Link: "kcy-ipl, kcy to ipl", Failures: 25},
		Drained:   events.Outlook{WorstPermil: worst, WorstLink: "den-sea, den to sea", SurvivePermil: survives, Failure: "sea-svl", Link: "den-sea, sea to den", Failures: 25},
		Moved:     2_500_000_000, Way: events.Uniform("den-kcy", 16777214),
	}
}

func opened(tg events.Target, event string) []events.Body {
	a := anomaly(tg.Ends[0].Device, tg.Ends[0].Interface)
	return []events.Body{
		events.Opened{Target: tg, Epoch: 1, Symptom: a.Kind, Severity: a.Severity},
		&events.Observed{Event: event, Source: "/telemetry/test", Anomaly: a, Disposition: events.DidOpen},
	}
}

func ruled(p events.Planned, v events.Verdict, more ...events.Check) events.Ruled {
	checks := append([]events.Check{
		{Name: "coverage", OK: true, Value: "11 of 11 routers", Limit: "at least 90 %"},
		{Name: "worst-link", OK: true, Value: "30.0 %", Limit: "70.0 %"},
	}, more...)
	return events.Ruled{Verdict: v, Rule: p.Rule, Plan: p.Digest, Policy: policyDigest, Checks: checks}
}

// admitted is the commit that ends with the intent.
func (t *tale) admitted(tg events.Target, event string) (p events.Planned, fence uint64) {
	p, fence = plan(tg), t.position()
	at := Start.Add(t.at)
	t.say(tg.Slug()+"-1", append(opened(tg, event), p, ruled(p, events.Allow), events.Admitted{Plan: p.Digest, Claims: tg.Scopes},
		events.Intended{Changes: []int{0, 1}, Owner: "replica-1", Attempt: 1, Deadline: at.Add(5 * time.Second), Margin: events.Duration(2 * time.Second), Verify: at.Add(time.Minute)})...)
	return p, fence
}

func (t *tale) held() {
	tg := target("den", "kcy")
	_, fence := t.admitted(tg, EventID)
	for n := range tg.Ends {
		t.say(Held, events.Applied{Act: events.Act{Change: n, Fence: fence}, Bars: []events.Bar{events.BarArbitration, events.BarDeadline}, Took: events.Duration(12 * time.Millisecond), Sets: 1})
	}
	t.say(Held, events.Verified{Pass: true, Checks: []events.Check{
		{Name: events.CheckTrafficLeft, OK: true, Value: "0.1 % of line rate", Limit: "1.0 %"},
		{Name: events.CheckNothingBroke, OK: true, Value: "worst other link 41.2 %", Limit: "90.0 %"},
	}, Facts: events.Facts{At: Start.Add(t.at), Network: events.NetworkFacts{Routers: 11, Seen: 11, Links: 14, WorstLink: "den-sea", WorstPermil: 412}, Prospect: ahead(Start.Add(t.at), 690, 912)}},
		events.Held{Until: Start.Add(30 * time.Minute), Expires: Start.Add(24 * time.Hour), Cycle: 1})
}

func (t *tale) asking() {
	tg := target("chi", "nyc")
	p := plan(tg)
	t.say(Asking, append(opened(tg, "018f-2"), p,
		ruled(p, events.Ask, events.Check{Name: "autonomy", OK: false, Value: "approve", Limit: "auto", Detail: "the rule wants a person's approval", Remedy: "an approver: detour approve"}),
		events.Asked{Plan: p.Digest, Quorum: 1, Roles: []string{"approver"}, Expires: Start.Add(time.Hour)})...)
}

func (t *tale) waiting() {
	tg := target("sea", "den")
	p := plan(tg)
	t.say(Waiting, append(opened(tg, "018f-3"), p, ruled(p, events.Defer, events.Check{Name: "budget-device", OK: false, Value: "1 link of den", Limit: "1 link",
		Detail: "den-kcy-1 already drains a link of den", Remedy: "wait until den-kcy-1 is released, or an operator: detour undrain den-kcy-1"}))...)
}

func (t *tale) refused() {
	tg := target("atl", "hou")
	p := plan(tg)
	t.say(Refused, append(opened(tg, "018f-4"), p, ruled(p, events.Deny, events.Check{Name: "last-link", OK: false, Value: "0 other links", Limit: "at least 1", Detail: "it would cut atl off"}),
		events.Closed{Outcome: events.WasRefused, Reason: "last-link: it would cut atl off", CoolDown: Start.Add(time.Hour)})...)
}

func (t *tale) stuck() {
	tg := target("lax", "hou")
	_, fence := t.admitted(tg, "018f-5")
	t.say(Stuck, events.Applied{Act: events.Act{Change: 0, Fence: fence}, Sets: 1})
	t.say(Stuck, events.Unknown{Act: events.Act{Change: 1, Fence: fence}, Code: "Unavailable", Sets: 1, Detail: "the connection broke after the request was sent"})
	t.say(Stuck, events.Stuck{Why: "hou has not answered for 5 minutes: nobody can tell whether it took the change", Remedy: "reach hou out of band; then detour abort " + Stuck})
}
