package browser_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Everything can be done without a mouse.
func TestKeyboardOnly(t *testing.T) {
	r := serve(t)
	p := open(t, r, "/", deskWidth, deskHeight)
	p.fresh()
	p.tabTo("Sign in", `document.activeElement?.dataset?.act === "sign-in"`)
	p.keys(kb.Enter)
	p.wait("the field for the token", `document.activeElement?.name === "token"`)
	p.keys("admin-secret" + kb.Enter)
	p.wait("the session", `document.querySelector('[data-act="sign-out"]') && !document.querySelector("dialog")`)
	p.wait("Approve to be enabled", `document.querySelector('`+approveCard+`').disabled === false`)
	p.do(chromedp.Evaluate[chromedp.Void](`document.activeElement?.blur(); undefined`))
	p.keys("j")
	p.wait("the first card", `document.activeElement?.dataset?.id === "chi-nyc-1"`)
	p.shot("focus")
	p.keys("a")
	p.wait("the question", `document.activeElement?.dataset?.act === "go"`)
	p.keys(kb.Enter)
	p.says("#said", "chi-nyc-1 approved")
	p.wait("the card to keep the focus", `document.activeElement?.closest("[data-id]")?.dataset.id === "chi-nyc-1"`)

	p.keys("f")
	p.wait("the reason", `document.activeElement?.name === "reason"`)
	p.keys("a storm" + kb.Enter)
	p.says("#banners", "FROZEN: network", "a storm", "ada")
	p.keys("?")
	p.says("dialog", "approve, reject, abort, undrain")
	p.keys(kb.Escape)
	p.wait("no dialog", `!document.querySelector("dialog")`)

	p.keys("gd")
	p.says("h1", "Drain debt")
	p.keys("gn")
	p.says("#needs", "chi-nyc-1")
	p.keys("jj" + kb.Enter)
	p.says("h1", "lax-hou-1")
	p.keys("x")
	p.wait("the reason", `document.activeElement?.name === "reason"`)
	p.keys("by hand" + kb.Enter)
	p.says("#said", "lax-hou-1 aborted")
	p.keys("/")
	p.wait("the search", `document.activeElement?.id === "search"`)
	p.keys("storm" + kb.Enter)
	p.wait("what was found", `document.querySelectorAll(".hit").length === 1`)
	p.says(".hits", "network frozen by ada: a storm")
	p.tabTo("the record", `document.activeElement?.closest(".hit") !== null && document.activeElement.tagName === "SUMMARY"`)
	p.keys(kb.Enter)
	p.wait("the whole record", `document.querySelector(".hit").open`)
	p.keys("/") // back to the search
	p.wait("the search", `document.activeElement?.id === "search" && document.activeElement.value === "storm"`)
	p.tabTo("the kind", `document.activeElement?.name === "kind"`)
	p.keys("thawed")
	p.tabTo("Search", `document.activeElement?.dataset?.act === "search"`)
	p.keys(kb.Enter)
	p.wait("nothing to be found", `document.querySelectorAll(".hit").length === 0`)
	p.tabTo("Export", `document.activeElement?.dataset?.act === "export"`)
	p.shot("ledger")
	got := p.downloads("detour-ledger.ndjson", func() { p.keys(kb.Enter) })
	if lines := strings.Count(got, "\n"); uint64(lines) != r.Status().Position || !strings.Contains(got, `"a storm"`) {
		t.Errorf("exported are %d lines of %d: %.300s", lines, r.Status().Position, got)
	}
	p.clean()
}
