package browser_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/web"
	"github.com/detour-net/detour/internal/web/login"
	"github.com/detour-net/detour/internal/web/login/logintest"
	"github.com/detour-net/detour/internal/web/webtest"
)

// withProvider serves a replica at which people sign in at a provider. The provider must know beforehand where the replica is, so
// browsers reach that by way of a proxy.
func withProvider(t *testing.T, more ...func(*web.Config)) (*replica, *logintest.Provider) {
	t.Helper()
	op := logintest.Start(t)
	op.FastForward(time.Until(webtest.Start.Add(10 * time.Minute)).Round(time.Second))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	front := "http://" + l.Addr().String()
	r := serve(t, append(more, func(c *web.Config) {
		client := op.Client(front + web.CallbackPath)
		client.Now = c.Now
		p := login.New(client)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = p.Run(ctx) })
		t.Cleanup(func() { cancel(); running.Wait() })
		logintest.Settle(t, p, "")
		c.Login = p
	})...)
	behind, err := url.Parse(r.url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &http.Server{Handler: &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(behind)
		p.Out.Host = p.In.Host
	}, ErrorLog: zap.NewStdLog(zap.NewNop())}, ReadHeaderTimeout: patience}
	var running sync.WaitGroup
	running.Go(func() { _ = proxy.Serve(l) })
	t.Cleanup(func() { proxy.Close(); running.Wait() })
	r.url = front
	return r, op
}

// A person is led to the provider and back to where they were, approves as who the provider says that they are, and is led
// there again for what takes a younger sign-in.
func TestSignInAtProvider(t *testing.T) {
	r, op := withProvider(t)
	nora := logintest.User{Email: "nora@example.net", Groups: []string{"noc"}}
	just := nora
	just.Bend = func(c jwt.MapClaims) { c["auth_time"] = c["iat"] }
	op.QueueUser(nora)
	op.QueueUser(just)
	p := open(t, r, "/incidents/"+webtest.Asking, deskWidth, deskHeight)
	p.fresh()
	p.press(`[data-act="sign-in"]`)
	p.shot("ways")
	p.press(`dialog [data-act="provider"]`)
	p.wait("Nora's session", `document.querySelector('[data-act="sign-out"]') && document.querySelector("#top").innerText.includes("nora@example.net")`)
	p.wait("where she was", `location.pathname === "/incidents/chi-nyc-1" && !location.search`)
	p.fresh()
	p.press(`main [data-act="approve"]`)
	p.press(`dialog [data-act="go"]`)
	p.says("dialog .wrong", "Sign in again", "younger than 15m0s")
	p.shot("again")
	if got := approvals(r.Replica); got != nil {
		t.Errorf("on the ledger: %v", got)
	}
	p.press(`dialog .wrong [data-act="sign-in-again"]`)
	p.press(`dialog [data-act="provider"]`)
	p.wait("the page to be loaded anew", `!document.querySelector("dialog") && document.querySelector('[data-act="sign-out"]')`)
	p.fresh()
	p.press(`main [data-act="approve"]`)
	p.press(`dialog [data-act="go"]`)
	p.says("#said", "chi-nyc-1 approved")
	if got, want := strings.Join(approvals(r.Replica), ";"), "nora@example.net via console "+digest(r.Replica).Short(); got != want {
		t.Errorf("on the ledger: %s, want %s", got, want)
	}
	if kept := is[string](p, `document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)`); strings.Contains(kept, "detour-") {
		t.Errorf("a script can read %s", kept)
	}
	p.press(`[data-act="sign-out-everywhere"]`)
	p.wait("signed out", `document.querySelector('[data-act="sign-in"]')`)
	p.clean()
}

// Whoever may do nothing here is told so, on a page that leads back.
func TestTurnedAway(t *testing.T) {
	r, op := withProvider(t, func(c *web.Config) { c.Auth.LocalViewer = false })
	op.QueueUser(logintest.User{Email: "eve@example.net", Groups: []string{"<b>sales</b>"}})
	p := open(t, r, "/", phoneWidth, phoneHeight)
	p.says("main", "Sign in to look and to decide.")
	p.press(`[data-act="sign-in"]`)
	p.press(`dialog [data-act="provider"]`)
	p.says("main", "Not signed in", "none of the groups")
	p.shot("page")
	p.do(chromedp.Click(chromedp.CSS("main a")))
	p.says("main", "Sign in to look and to decide.")
	p.clean()
}

// Whoever the chat has sent here signs in, is asked whether the account is theirs, and takes it back again. What let them link it
// stands in no address and in no store afterwards.
func TestLinkAccount(t *testing.T) {
	r, op := withProvider(t, func(c *web.Config) { c.URL = "http://console.test" }, func(c *web.Config) { c.Auth.LocalViewer = false })
	op.QueueUser(logintest.User{Email: "nora@example.net", Groups: []string{"noc"}})
	const name = "nory <img src=x>\u202e"
	address, err := r.web.Invite(events.ChatAccount{Chat: "slack", Team: "T1", Account: "U9"}, name)
	if err != nil {
		t.Fatal(err)
	}
	_, ticket, _ := strings.Cut(address, "#")
	p := open(t, r, "/link#"+ticket, phoneWidth, phoneHeight)
	p.press(`[data-act="sign-in"]`)
	p.press(`dialog [data-act="provider"]`)
	p.says("#question", "Is this slack account yours?", "nory <img src=x>⟨202E⟩ (U9), in the workspace T1", "will decide as nora@example.net")
	p.wait("where she was", `location.pathname === "/link" && !location.hash`)
	p.shot("question")
	p.press(`#question [data-act="link"]`)
	p.says("#said", "U9 is linked to nora@example.net")
	p.says("#links", "U9 in slack (T1) is nora@example.net")
	if kept := is[string](p, `location.href + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)`); strings.Contains(kept, ticket) {
		t.Errorf("it is kept: %s", kept)
	}
	if wide := is[int](p, `Math.max(0, document.documentElement.scrollWidth - innerWidth)`); wide > 0 {
		t.Errorf("it is %d pixels wider than the screen", wide)
	}
	p.shot("linked")
	p.press(`#links [data-act="unlink"]`)
	p.says("#said", "U9 is linked no more")
	p.says("#links", "No account is linked")
	p.do(chromedp.Navigate(r.url + "/link#" + ticket))
	p.says("#question", "Is this slack account yours?")
	p.press(`#question [data-act="link"]`)
	p.says("#question", "Refused", "used already")

	// Who has signed in too long ago is led to the provider again, and what lets them link it outlives the way there and back.
	r.SetClock(func() time.Time { return webtest.Start.Add(40 * time.Minute) }) // the stage's runs from 10 minutes on
	op.FastForward(30 * time.Minute)
	just := logintest.User{Email: "nora@example.net", Groups: []string{"noc"}, Bend: func(c jwt.MapClaims) { c["auth_time"] = c["iat"] }}
	op.QueueUser(just)
	if address, err = r.web.Invite(events.ChatAccount{Chat: "slack", Team: "T1", Account: "U9"}, name); err != nil {
		t.Fatal(err)
	}
	_, ticket, _ = strings.Cut(address, "#")
	p.do(chromedp.Navigate(r.url + "/link#" + ticket))
	p.says("#question", "Is this slack account yours?")
	p.press(`#question [data-act="link"]`)
	p.says("#question", "Sign in again", "younger than 15m0s")
	p.press(`#question [data-act="sign-in-again"]`)
	p.press(`dialog [data-act="provider"]`)
	p.says("#question", "Is this slack account yours?")
	p.press(`#question [data-act="link"]`)
	p.says("#said", "U9 is linked to nora@example.net")
	p.clean()
}
