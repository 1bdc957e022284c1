package browser_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/webtest"
)

// on looks at an incident on the Board.
func on(r *webtest.Replica, id string, look func(*incident.Incident)) {
	r.View(func(b *incident.Board) {
		if i, ok := b.Incident(id); ok {
			look(i)
		}
	})
}

// approvals are who has approved what is asked about, and how.
func approvals(r *webtest.Replica) (list []string) {
	on(r, webtest.Asking, func(i *incident.Incident) {
		for _, a := range i.Approvals {
			list = append(list, a.By.Name+" via "+a.By.Via+" "+a.Plan.Short())
		}
	})
	return list
}

func digest(r *webtest.Replica) (d events.Digest) {
	on(r, webtest.Asking, func(i *incident.Incident) { d = i.Ask.Plan })
	return d
}

const approveCard = `#needs [data-id="chi-nyc-1"] [data-act="approve"]`

// A person approves exactly the plan that was shown. It stands on the ledger with who and how, and every open console shows it.
func TestApprove(t *testing.T) {
	r := serve(t)
	other := open(t, r, "/", deskWidth, deskHeight)
	other.fresh()
	if !is[bool](other, `document.querySelector('`+approveCard+`').disabled`) {
		t.Error("who only looks can press Approve")
	}
	p := open(t, r, "/", deskWidth, deskHeight)
	p.fresh()
	p.signIn("approver-secret")
	p.press(approveCard)
	p.says("dialog", "Approve chi-nyc-1?", "drain link chi-nyc softly", digest(r.Replica).Short())
	p.shot("asked")
	p.press(`dialog [data-act="go"]`)
	p.says("#said", "chi-nyc-1 approved, recorded at position 16")
	if got, want := strings.Join(approvals(r.Replica), ";"), "ana via console "+digest(r.Replica).Short(); got != want {
		t.Errorf("on the ledger: %s, want %s", got, want)
	}
	other.says("#needs", "1 of 1 approval (ana)")
	other.says("#timeline", "ana approved plan")
	if !is[bool](p, `document.querySelector('#needs [data-id="lax-hou-1"] [data-act="abort"]').disabled`) {
		t.Error("an approver can press Abort, which takes an operator")
	}
	p.press(`[data-act="sign-out"]`)
	p.wait("signed out", `document.querySelector('[data-act="sign-in"]') && document.querySelector('`+approveCard+`').disabled`)
	p.clean()
	other.clean()
}

// A plan that changes while somebody reads it can be approved no more from there.
func TestPlanChangesWhileItIsRead(t *testing.T) {
	r := serve(t)
	p := open(t, r, "/", deskWidth, deskHeight)
	p.fresh()
	p.signIn("approver-secret")
	p.press(approveCard)
	if _, err := r.Append(webtest.Start.Add(time.Minute), webtest.Changed()...); err != nil {
		t.Fatal(err)
	}
	p.says("dialog", "Not this plan any more.", "it is "+digest(r.Replica).Short()+" now")
	if !is[bool](p, `document.querySelector('dialog [data-act="go"]').disabled`) {
		t.Error("the old plan can still be approved")
	}
	p.shot("changed")
	p.press(`dialog [data-act="cancel"]`)
	p.says("#needs", "in another way")
	p.press(approveCard)
	p.press(`dialog [data-act="go"]`)
	p.says("#said", "chi-nyc-1 approved")
	if got, want := strings.Join(approvals(r.Replica), ";"), "ana via console "+digest(r.Replica).Short(); got != want {
		t.Errorf("on the ledger: %s, want %s", got, want)
	}
	p.clean()
}

// A browser that has not heard of the change asks for the old plan, is refused, and says so.
func TestStaleDigest(t *testing.T) {
	behind := webtest.New()
	r := serve(t, func(c *web.Config) { c.Board = behind })
	if _, err := r.Append(webtest.Start.Add(time.Minute), webtest.Changed()...); err != nil {
		t.Fatal(err)
	}
	p := open(t, r, "/", deskWidth, deskHeight)
	p.fresh()
	p.signIn("approver-secret")
	p.press(approveCard)
	p.says("dialog", digest(behind).Short())
	p.press(`dialog [data-act="go"]`)
	p.says("dialog .wrong", "Refused", digest(behind).Short())
	p.shot("refused")
	if !is[bool](p, `document.querySelector('dialog [data-act="go"]').disabled`) {
		t.Error("what was refused can be asked for again")
	}
	if got := approvals(r.Replica); got != nil {
		t.Errorf("on the ledger: %v", got)
	}
	p.clean()
}

// An order that nobody answered is not repeated, and is not said to be done.
func TestOrderWithoutAnswer(t *testing.T) {
	r := serve(t)
	p := open(t, r, "/", deskWidth, deskHeight)
	p.fresh()
	p.signIn("admin-secret")
	p.press(`#top [data-act="freeze"]`)
	r.Deafen()
	p.do(chromedp.SendKeys(chromedp.CSS(`dialog input[name="reason"]`), "storm\r"))
	p.says("dialog .wrong", "Timed out", "look whether the order was recorded")
	p.says("#banners", "Bus lost")
	p.clean()
}

// A server that goes away is seen at once: the age counts up, nothing can be pressed; when it is back everything goes on.
func TestLostServer(t *testing.T) {
	r := serve(t)
	p := open(t, r, "/", deskWidth, deskHeight)
	p.fresh()
	p.signIn("admin-secret")
	p.wait("Approve to be enabled", `document.querySelector('`+approveCard+`').disabled === false`)
	r.lose()
	p.says("#age", "STALE")
	p.says("#banners", "Connection lost", "no order can be given from here")
	if n := is[int](p, `document.querySelectorAll("button.order:not(:disabled)").length`); n != 0 {
		t.Errorf("%d controls can still be pressed", n)
	}
	p.shot("stale")
	old := is[string](p, `document.querySelector("#age").innerText`)
	p.wait("the age to count up", fmt.Sprintf(`document.querySelector("#age").innerText !== %q && document.querySelector("#age").innerText.includes("STALE")`, old))
	if _, err := r.Append(webtest.Start, events.Record{Body: events.Frozen{Scope: "site:nyc", By: events.Person{Name: "olga"}, Reason: "meanwhile"}}); err != nil {
		t.Fatal(err)
	}
	r.regain()
	p.says("#banners", "FROZEN: site:nyc")
	p.wait("fresh data", `document.body.dataset.stale === "false" && !document.querySelector("#banners").innerText.includes("Connection lost")`)
	p.wait("Approve to be enabled", `document.querySelector('`+approveCard+`').disabled === false`)
}

// A connection that stands and brings nothing is stale too.
func TestSilentServer(t *testing.T) {
	r := serve(t, func(c *web.Config) { c.Heartbeat = time.Hour })
	p := open(t, r, "/", deskWidth, deskHeight)
	p.fresh()
	p.says("#age", "STALE")
	p.says("#banners", "Nothing has come for a while")
	for n, deadline := 0, time.Now().Add(patience); ; n++ { // on a busy machine it may be stale again before anybody looks
		r.SetStatus(func(s *api.Status) { s.Halted = fmt.Sprintf("by the test, %d", n) })
		p.says("#banners", "Not acting", fmt.Sprintf("by the test, %d", n))
		if is[bool](p, `document.body.dataset.stale === "false"`) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("it stays stale, whatever comes")
		}
	}
}

// A freeze is loud on every console until it is thawed. One of what is not there, or of what is no scope, is refused, of the former
// with what may have been meant, and the form is still there to be corrected.
func TestFreezeAndThaw(t *testing.T) {
	r := serve(t)
	watcher := open(t, r, "/drains", phoneWidth, phoneHeight)
	p := open(t, r, "/policy", deskWidth, deskHeight)
	p.fresh()
	p.signIn("operator-secret")
	p.press(`#top [data-act="freeze"]`)
	p.do(chromedp.SetValue(chromedp.CSS(`dialog input[name="scope"]`), "site:denver"))
	p.do(chromedp.SendKeys(chromedp.CSS(`dialog input[name="reason"]`), "fibre cut near Denver\r"))
	p.says("dialog .wrong", "Not found", `nothing of the network is in scope "site:denver", so nothing would be stopped`, "site:den", "detour routers lists devices and sites")
	p.shot("refused")
	p.do(chromedp.SetValue(chromedp.CSS(`dialog input[name="scope"]`), "site:den"))
	p.shot("dialog")
	p.press(`dialog [data-act="go"]`)
	watcher.says("#banners", "FROZEN: site:den", "fibre cut near Denver", "olga (console)")
	p.press(`[data-act="thaw site:den"]`)
	p.press(`dialog [data-act="go"]`)
	watcher.wait("the thaw", `!document.querySelector("#banners").innerText.includes("site:den")`)
	p.press(`#top [data-act="freeze"]`)
	p.do(chromedp.SetValue(chromedp.CSS(`dialog input[name="scope"]`), "planet:earth"))
	p.do(chromedp.SendKeys(chromedp.CSS(`dialog input[name="reason"]`), "x\r"))
	p.says("dialog .wrong", "The request is not valid")
	p.clean()
}

// What is stuck can be let go of as it stands, and what is held be undrained, each with a reason on the record.
func TestLetGoAndUndrain(t *testing.T) {
	r := serve(t)
	p := open(t, r, "/incidents/"+webtest.Stuck, phoneWidth, phoneHeight)
	p.fresh()
	p.signIn("operator-secret")
	p.press(`main [data-act="let-go"]`)
	p.says("dialog", "the routers stay as they are now")
	p.do(chromedp.SendKeys(chromedp.CSS(`dialog input[name="reason"]`), "repaired by hand\r"))
	p.says("#said", "lax-hou-1 is let go")
	on(r.Replica, webtest.Stuck, func(i *incident.Incident) {
		if a := i.Abort; a == nil || !a.AsIs || a.Reason != "repaired by hand" || a.By.Name != "olga" || a.By.Via != "console" {
			t.Errorf("on the ledger: %+v", a)
		}
	})
	q := open(t, r, "/drains", phoneWidth, phoneHeight)
	q.fresh()
	q.signIn("operator-secret")
	q.press(`[data-act="undrain den-kcy-1"]`)
	q.do(chromedp.SendKeys(chromedp.CSS(`dialog input[name="reason"]`), "clean again\r"))
	q.says("#said", "den-kcy-1 is taken back")
	on(r.Replica, webtest.Held, func(i *incident.Incident) {
		if i.Release == nil || i.Release.By == nil || i.Release.By.Name != "olga" {
			t.Errorf("on the ledger: %+v", i.Release)
		}
	})
	p.clean()
	q.clean()
}

// Without a token nothing is shown where nobody may look without one.
func TestSignInFirst(t *testing.T) {
	r := serve(t, func(c *web.Config) { c.Auth.LocalViewer = false })
	p := open(t, r, "/", deskWidth, deskHeight)
	p.says("main", "Sign in with your token")
	if is[bool](p, `document.body.innerText.includes("chi-nyc")`) {
		t.Error("something is shown")
	}
	p.shot("welcome")
	p.press(`[data-act="sign-in"]`)
	p.do(chromedp.SendKeys(chromedp.CSS(`dialog input[name="token"]`), "guessed\r"))
	p.says("dialog .wrong", "not one of those configured")
	p.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('dialog input[name="token"]').value = ""; undefined`))
	p.do(chromedp.SendKeys(chromedp.CSS(`dialog input[name="token"]`), "operator-secret\r"))
	p.fresh()
	p.says("#needs", "chi-nyc-1")
	if cookies := is[string](p, `document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)`); strings.Contains(cookies, "secret") || strings.Contains(cookies, "detour-") {
		t.Errorf("a script can read %s", cookies)
	}
	p.clean()
}

// What a stranger wrote is text: it runs nothing, makes nothing, and turns nothing round.
func TestHostileNames(t *testing.T) {
	const text = "<img src=x onerror=\"alert(1)\"><script>alert(2)</script>\u202egpj.exe\u0007\u001b[31m'\"`${alert(3)}\u200b</textarea>&lt;"
	r := serve(t)
	if _, err := r.Append(webtest.Start.Add(20*time.Second), webtest.Hostile(text)...); err != nil {
		t.Fatal(err)
	}
	top := r.Topology()
	for n := range top.Routers[:3] {
		top.Routers[n].Site = text
	}
	top.Routers = append(top.Routers, api.Place{Name: text})
	top.Links = append(top.Links, api.Span{Name: text, A: "sea", B: text, Capacity: 1})
	r.SetTopology(top)
	r.Break(text)
	for _, path := range []string{"/", "/incidents", "/incidents/svl-lax-1", "/drains", "/ledger", "/policy"} {
		t.Run(path, func(t *testing.T) {
			p := open(t, r, path, deskWidth, deskHeight)
			if err := chromedp.Listen(p.ctx, func(ev any) {
				if _, alert := ev.(*page.EventJavascriptDialogOpening); alert {
					t.Error("a script of a stranger's ran")
				}
			}); err != nil {
				t.Fatal(err)
			}
			p.fresh()
			p.says("#banners", "<img src=x", "⟨202E⟩gpj.exe⟨0007⟩⟨001B⟩[31m")
			if path != "/drains" {
				p.says("main", map[string]string{"/incidents": "svl-lax-1", "/policy": "<script>alert(2)</script>"}[path])
			}
			if path == "/" || path == "/incidents/svl-lax-1" {
				p.says("main", "<img src=x", "⟨202E⟩")
			}
			const made = `document.querySelectorAll("img:not([src='/assets/icon.svg']), script:not([src='/assets/main.js']), textarea, [onerror]").length`
			if n := is[int](p, made); n != 0 {
				t.Errorf("%d elements of a stranger's", n)
			}
			const raw = `[...document.documentElement.outerHTML].filter((c) => "\u202e\u0007\u001b\u200b".includes(c)).length`
			if n := is[int](p, raw); n != 0 {
				t.Errorf("%d characters that cannot be seen", n)
			}
			p.shot("hostile")
			p.clean()
		})
	}
}

// The ledger is proven by the browser itself, from the bytes: what was altered or taken out is found, and named.
func TestProof(t *testing.T) {
	r := serve(t)
	p := open(t, r, "/ledger", deskWidth, deskHeight)
	p.fresh()
	p.press(`[data-act="prove"]`)
	p.says("main", "✓ intact:", "15 commits up to position 15", string(r.Status().Digest))
	p.shot("intact")
	r.Alter(7, []byte("major"), []byte("minor"))
	p.press(`[data-act="prove"]`)
	p.says("main", "✗ NOT INTACT:", "position 7: has been altered", "6 commits up to position 6")
	r.Alter(4, nil, nil)
	p.press(`[data-act="prove"]`)
	p.says("main", "position 4: is missing; the next is 5")
	p.clean()
}

// Whoever has the id of an incident or of an event is told why, from the keyboard alone; and a hand-over goes as far back as is
// chosen.
func TestWhyAndHandover(t *testing.T) {
	r := serve(t)
	p := open(t, r, "/", deskWidth, deskHeight)
	p.fresh()
	p.keys("gw")
	p.wait("the field", `document.activeElement?.name === "id"`)
	p.keys("018f-3" + kb.Enter)
	p.says("#why", "018f-3", webtest.Waiting, "held by budget-device")
	p.wait("the address", `location.pathname === "/why/018f-3"`)
	p.do(chromedp.Click(chromedp.CSS("#why h3 a[href^='/incidents/']")))
	p.says("main h1", webtest.Waiting)
	p.keys("gh")
	p.says("#handover", "WAS REFUSED", "atl-hou-1")
	if _, err := r.Append(webtest.Start.Add(13*time.Hour), events.Record{Incident: webtest.Waiting, Body: events.Closed{Outcome: events.LetGo, Reason: "too old"}}); err != nil {
		t.Fatal(err)
	}
	p.wait("what waited to have expired", `![...document.querySelectorAll("#handover section")].some((s) => s.ariaLabel === "Waits")`)
	p.clean()
}
