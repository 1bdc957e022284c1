package browser_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/detour-net/detour/events"
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

// What somebody is about to press stays under the pointer, and what they have opened stays open, while alarms join the incident.
func TestNothingIsTakenAway(t *testing.T) {
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
