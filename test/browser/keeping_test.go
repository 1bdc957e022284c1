package browser_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/webtest"
)

// joins has one more alarm join an incident.
func joins(t *testing.T, r *replica, id, source string) {
	t.Helper()
	at := webtest.Start.Add(time.Minute)
	a := events.Anomaly{Kind: events.LinkErrors, State: events.Firing, Severity: events.Major, Resource: events.Resource{Device: "chi", Interface: "ethernet-1/1"}, ObservedAt: at, Value: 3.2e-4, Unit: "ratio", Threshold: 1e-4, Window: "30s"}
	o := &events.Observed{Event: "joins " + source, Source: source, Anomaly: a, Disposition: events.DidJoin}
	if _, err := r.Append(at, events.Record{Incident: id, Body: o}); err != nil {
		t.Fatal(err)
	}
}

// heldAnew has another check hold what waits.
func heldAnew(t *testing.T, r *replica) {
	t.Helper()
	var ruled events.Ruled
	on(r.Replica, webtest.Waiting, func(i *incident.Incident) { ruled = *i.Ruling })
	ruled.Checks = []events.Check{{Name: "budget-network", Value: "1", Limit: "1", Detail: "network has no room"}}
	if _, err := r.Append(webtest.Start.Add(2*time.Minute), events.Record{Incident: webtest.Waiting, Body: ruled}); err != nil {
		t.Fatal(err)
	}
}

// What somebody is about to press stays under the pointer, and what they have opened stays open, while alarms join the incident.
func TestNothingIsTakenAway(t *testing.T) {
	r := serve(t)
	p := open(t, r, "/drains", deskWidth, deskHeight)
	p.fresh()
	p.wait("the button", `document.querySelector('main [data-act="undrain den-kcy-1"]')`)
	p.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('main [data-act="undrain den-kcy-1"]').probe = true; undefined`))
	stood := is[string](p, `document.querySelector("#drains [data-since]").innerText`)
	p.wait("time to pass", fmt.Sprintf(`document.querySelector("#drains [data-since]").innerText !== %q`, stood))
	stir(t, r)
	p.wait("the drains to be asked for again", fmt.Sprintf(`document.querySelector("#drains tbody").dataset.position === "%d"`, r.Status().Position))
	if !is[bool](p, `Boolean(document.querySelector('main [data-act="undrain den-kcy-1"]').probe)`) {
		t.Error("/drains: the button was made anew")
	}
	q := open(t, r, "/handover", deskWidth, deskHeight)
	q.fresh()
	q.says("main", "PEOPLE ARE ASKED")
	q.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('#handover [data-id="sea-den-1"]').focus(); undefined`))
	for _, change := range []func(){func() { joins(t, r, webtest.Asking, "/telemetry/second") }, func() { heldAnew(t, r) }} { // another's line, and its own
		change()
		q.wait("the hand-over to be up to date", fmt.Sprintf(`document.querySelector("#handover").innerText.includes("ledger position %d")`, r.Status().Position))
		if at := is[string](q, `document.activeElement.dataset.id ?? document.activeElement.tagName`); at != webtest.Waiting {
			t.Errorf("/handover: %s has the focus", at)
		}
	}
	q.says("main", "budget-network: 1, limit 1")
	q.clean()
	p.clean()
}

// The same holds on the pages that approvals are given on.
func TestButtonsStay(t *testing.T) {
	r := serve(t)
	const keep = `for (const e of document.querySelectorAll("main button, main details")) { e.probe = true; if (e.tagName === "DETAILS") e.open = true; } undefined`
	for path, told := range map[string]string{
		"/":                            `document.querySelector("#mode").title.includes("ledger position %[1]d,")`,
		"/incidents/" + webtest.Asking: `document.querySelector("main table.records tbody").innerText.includes("%[1]d")`,
	} {
		p := open(t, r, path, deskWidth, deskHeight)
		p.fresh()
		p.says("main", webtest.Asking)
		p.wait("the buttons", `document.querySelector('main [data-act="approve"]')`)
		joins(t, r, webtest.Asking, "/telemetry/first")
		p.wait("the page to be up to date", fmt.Sprintf(told, r.Status().Position))
		p.do(chromedp.Evaluate[chromedp.Void](keep))
		for n := range 3 {
			joins(t, r, webtest.Asking, fmt.Sprint("/telemetry/", path, n))
			p.wait("the page to be up to date", fmt.Sprintf(told, r.Status().Position))
		}
		if lost := is[[]string](p, `[...document.querySelectorAll('[data-id="chi-nyc-1"] button, [data-id="chi-nyc-1"] details')].filter((e) => !e.probe || e.tagName === "DETAILS" && !e.open).map((e) => e.innerText)`); len(lost) > 0 {
			t.Errorf("%s: made anew: %q", path, lost)
		}
		p.clean()
	}
}

// What changes while a page is being asked for is shown, too, though nothing comes after it.
func TestChangedMeanwhile(t *testing.T) {
	for path, asks := range map[string]string{"/incidents/" + webtest.Waiting: "/records", "/policy": "policy/rules"} {
		r := serve(t)
		p := open(t, r, path, deskWidth, deskHeight)
		p.fresh()
		p.wait("the page", `!document.querySelector("main").innerText.includes("Loading")`)
		const late = `const get = fetch; window.held = [];
			window.fetch = async (what, how) => { const reply = await get(what, how); if (String(what).includes(%q)) await new Promise((go) => held.push(go)); return reply; }; undefined`
		p.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(late, asks)))
		joins(t, r, webtest.Waiting, "/telemetry/second")
		p.wait("the page to ask", `held.length > 0`)
		heldAnew(t, r)
		p.wait("the change to be heard", fmt.Sprintf(`document.querySelector("#mode").title.includes("ledger position %d,")`, r.Status().Position))
		p.do(chromedp.Evaluate[chromedp.Void](`window.fetch = get; held.forEach((go) => go()); undefined`))
		p.says("main", "budget-network")
		p.clean()
	}
}
