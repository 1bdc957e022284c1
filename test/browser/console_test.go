package browser_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/detour-net/detour/internal/web/webtest"
)

// A desk and a telephone.
const (
	deskWidth, deskHeight   = 1400, 1000
	phoneWidth, phoneHeight = 390, 844
)

// pages are the console's, each with what must be readable there.
func pages() map[string][]string {
	return map[string][]string{
		"/": {"chi-nyc-1", "drain link chi-nyc softly", "it needs a person: hou has not answered", "owner Detour", "budget-device"},
		"/incidents/" + webtest.Held: {"drained, held until", "detour undrain den-kcy-1", "3.2e-4 ratio, threshold 1.0e-4", "isis-metric ethernet-1/1 L2 ipv4", "16777214", "as planned", "coverage",
			"at least 90 %", "traffic-left", "0.1 % of line rate", "if sea-svl fails", "93.0 %", "Nobody was asked", "change 2 stands on its router"},
		"/incidents/" + webtest.Asking: {"1 person with one of the roles approver", "Nobody has answered yet", "autonomy", "says no"},
		"/incidents/" + webtest.Stuck:  {"not known: it is looked up", "reach hou out of band"},
		"/incidents/nobody-9":          {"nobody-9", "not found"},
		"/incidents":                   {"den-kcy-1", "lax-hou-1", "link-errors on link/sea-den"},
		"/drains":                      {"10 of 11 routers", "den-kcy", "Detour", "69.0 % den-sea, den to sea", "91.2 % if sea-svl fails", "ipl-atl", "others", "78.0 % den-sea, den to sea; in service 52.0 %", "99.0 % if sea-svl fails"},
		"/handover": {"NEEDS A PERSON", "lax-hou-1", "PEOPLE ARE ASKED", "chi-nyc-1", "autonomy: approve, limit auto", "STANDS", "den-kcy-1", "expires 2026-11-21 12:00:00Z", "an operator: detour undrain den-kcy-1",
			"WAITS", "budget-device: 1 link of den, limit 1 link", "WAS REFUSED", "it would cut atl off", "1 refused"},
		"/why":                    {"Why"},
		"/why/" + webtest.Waiting: {"held by budget-device", "budget-device: 1 link of den, limit 1 link; den-kcy-1 already drains a link of den", "an operator: detour undrain den-kcy-1"},
		"/why/018f-1%2Fden":       {"018f-1/den", "It was opened, at position 3", "den-kcy-1", "drained, held until"},
		"/why/018f-0":             {"It was unknown-target", "is not in the inventory", "whoever keeps the inventory"},
		"/why/nothing":            {"Not found"},
		"/ledger":                 {"fibre work on the west coast", "15", "change 1 stands on its router"},
		"/policy":                 {"drain-sick-links", "5\nincidents", "refused", "silent-losses", "It has answered nothing", "policy.yaml"},
	}
}

// Every page says what it promises, at a desk and on a telephone, where nothing is wider than the screen and every button
// is big enough for a thumb.
func TestPages(t *testing.T) {
	r := serve(t)
	r.Break("hou-atl")
	for size, screen := range map[string][2]int64{"desk": {deskWidth, deskHeight}, "phone": {phoneWidth, phoneHeight}} {
		for path, words := range pages() {
			t.Run(size+path, func(t *testing.T) {
				p := open(t, r, path, screen[0], screen[1])
				p.fresh()
				p.says("main", words...)
				p.says("#banners", "FROZEN: site:sea", "fibre work on the west coast", "by olga", "since 12:00:14Z", "waiting: sea-den-1", "expired meanwhile: nothing", "Maintenance: device:chi", "dry-run there until 14:00:00Z: line card swap")
				if path == "/" {
					p.wait("the map", `document.querySelector("svg.map").dataset.drawn`)
				}
				p.shot("page")
				if wide := is[int](p, `Math.max(0, document.documentElement.scrollWidth - innerWidth)`); wide > 0 {
					t.Errorf("it is %d pixels wider than the screen", wide)
				}
				if size == "phone" {
					const small = `[...document.querySelectorAll("main .card .row button")].filter((b) => b.getBoundingClientRect().height < 38).map((b) => b.innerText)`
					if names := is[[]string](p, small); len(names) > 0 {
						t.Errorf("too small for a thumb: %q", names)
					}
				}
				p.clean()
			})
		}
	}
}

// What matters most stands first, for those who read and for those who listen.
func TestOrder(t *testing.T) {
	r := serve(t)
	p := open(t, r, "/", phoneWidth, phoneHeight)
	p.fresh()
	p.wait("the map", `document.querySelector("svg.map").dataset.drawn`)
	const order = `["#mode", "#age", "#top [data-act=freeze]", "#banners .frozen", "#needs", "#needs .left", "#needs [data-act=approve]", "#active", "#active [data-act=abort]", "#map", "#timeline"]
		.map((s) => document.querySelector(s)).every((e, n, all) => e && (n === 0 || all[n - 1].compareDocumentPosition(e) & (Node.DOCUMENT_POSITION_FOLLOWING | Node.DOCUMENT_POSITION_CONTAINED_BY)) )`
	if !is[bool](p, order) {
		t.Error("the first page is not in order")
	}
	const below = `["#top", "#banners", "#needs", "#active", "#map", "#timeline"].map((s) => document.querySelector(s).getBoundingClientRect().top).every((y, n, all) => n === 0 || all[n - 1] <= y)`
	if !is[bool](p, below) {
		t.Error("on a telephone the parts do not stand below each other in that order")
	}
}

// On the map what is drained by Detour, drained by others, down and alarmed differ by stroke, by shape and by words; and
// what has not changed stays the same element.
func TestMap(t *testing.T) {
	r := serve(t)
	r.Break("hou-atl")
	p := open(t, r, "/", deskWidth, deskHeight)
	p.fresh()
	p.wait("the map", `document.querySelectorAll(".map .mark").length === 6`)
	const looks = `["ours", "others", "failed", "alarm"].map((k) => {
		const line = document.querySelector(".map .link." + k + " .outer"), style = getComputedStyle(line);
		return JSON.stringify([
			document.querySelectorAll(".map .link." + k + ":first-of-type line").length && document.querySelector(".map .link." + k).querySelectorAll("line").length + style.strokeDasharray,
			[...document.querySelector(".map .mark." + k).children].map((c) => c.tagName + (c.getAttribute("d") ?? "")).join(),
			document.querySelector(".map .word." + k).textContent]);
	})`
	drawn := is[[]string](p, looks)
	for n, one := range drawn {
		for _, other := range drawn[:n] {
			for part := range 3 {
				const at = "JSON.parse(%q)[%d]"
				if is[string](p, fmt.Sprintf("String("+at+")", one, part)) == is[string](p, fmt.Sprintf("String("+at+")", other, part)) && part > 0 {
					t.Errorf("%s and %s look alike", one, other)
				}
			}
		}
	}
	if got := is[[]string](p, `[...document.querySelectorAll(".spoken li")].map((e) => e.textContent)`); len(got) != 6 || got[0] != "sea-den: alarm" {
		t.Errorf("who listens hears %q", got)
	}
	p.do(chromedp.Evaluate[chromedp.Void](`for (const e of document.querySelectorAll(".map .link")) e.probe = true; undefined`))
	before := is[string](p, `document.querySelector("svg.map").dataset.drawn`)
	r.Break("hou-atl", "nyc-wdc")
	if _, err := r.Append(webtest.Start, webtest.Changed()...); err != nil {
		t.Fatal(err)
	}
	p.wait("the map to be drawn anew", fmt.Sprintf(`document.querySelector("svg.map").dataset.drawn !== %q`, before))
	if n := is[int](p, `[...document.querySelectorAll(".map .link")].filter((e) => !e.probe).length`); n != 1 {
		t.Errorf("%d links were made anew, want the one that went down", n)
	}
	p.clean()
}

// However many incidents there are, only what is seen is in the document, and the last one is reached.
func TestTenThousandIncidents(t *testing.T) {
	r := serve(t)
	if err := r.Many(10_000); err != nil {
		t.Fatal(err)
	}
	p := open(t, r, "/incidents", deskWidth, deskHeight)
	p.wait("the list", `document.querySelector(".rows")?.dataset.total === "10004" && document.querySelector("[aria-posinset='1']")`)
	few := func(where string) {
		if n := is[int](p, `document.querySelectorAll(".line").length`); n < 10 || n > 100 {
			t.Errorf("%s %d rows are in the document", where, n)
		}
	}
	few("at the beginning")
	const late = `const get = fetch, held = []; // the rows before the last ones are a long time on their way
		window.fetch = (what, how) => String(what).includes("skip=9800") ? new Promise((go) => held.push(() => go(get(what, how)))) : get(what, how);
		window.release = () => held.forEach((go) => go());
		document.querySelector(".long").scrollTop = 1e9; undefined`
	p.do(chromedp.Evaluate[chromedp.Void](late))
	p.wait("the last", `document.querySelector("[aria-posinset='10004']")?.innerText.includes("many-n09999-1")`)
	few("at the end, while some are on their way,")
	if busy := is[int](p, `document.querySelectorAll(".line[aria-busy]").length`); busy < 6 {
		t.Errorf("%d rows say that they are on their way", busy)
	}
	p.do(chromedp.Evaluate[chromedp.Void](`release(); undefined`))
	p.wait("all of them", `!document.querySelector(".line[aria-busy]")`)
	few("at the end")
	p.shot("end")
	home := open(t, r, "/", deskWidth, deskHeight)
	home.fresh()
	home.says("#others", "10001", "and 9971 more")
	home.says("#needs", "chi-nyc-1")
	home.clean()
}
