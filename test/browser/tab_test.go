package browser_test

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/detour-net/detour/internal/web"
	"github.com/detour-net/detour/internal/web/webtest"
)

// people bear one token for each role, named like the role.
func people() web.Auth {
	return web.Auth{LocalViewer: true, Tokens: []web.Token{
		web.NewToken("olga", "operator-secret", "operator"), web.NewToken("ana", "approver-secret", "approver"), web.NewToken("ada", "admin-secret", "admin"),
	}}
}

// replica is a served replica that behaves.
type replica struct {
	*webtest.Replica
	url    string
	web    *web.Server
	server *httptest.Server
	door   *door
}

// door is a listener that can be shut: then whoever comes is sent away, as by a server that has gone.
type door struct {
	net.Listener
	shut atomic.Bool
}

// Accept waits for the next caller while the door is open.
func (d *door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil || !d.shut.Load() {
			return conn, err
		}
		conn.Close()
	}
}

// lose shuts the door, and closes every connection that is under way.
func (r *replica) lose() {
	r.door.shut.Store(true)
	r.server.CloseClientConnections()
}

// regain opens the door again.
func (r *replica) regain() { r.door.shut.Store(false) }

// serve serves a replica whose clock goes on from shortly after the story.
func serve(tb testing.TB, more ...func(*web.Config)) *replica {
	tb.Helper()
	r := &replica{Replica: webtest.New()}
	began := time.Now()
	r.SetClock(func() time.Time { return webtest.Start.Add(10 * time.Minute).Add(time.Since(began)) })
	c := r.Config(people())
	c.Refresh, c.Heartbeat = 20*time.Millisecond, 500*time.Millisecond
	for _, f := range more {
		f(&c)
	}
	s, err := web.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	r.web, r.server = s, httptest.NewUnstartedServer(s.Handler())
	r.door = &door{Listener: r.server.Listener}
	r.server.Listener = r.door
	r.server.Start()
	r.url = r.server.URL
	tb.Cleanup(func() { s.Close(); r.server.Close() })
	return r
}

// tab is one tab of the browser, with cookies of its own.
type tab struct {
	tb  testing.TB
	ctx context.Context

	mu       sync.Mutex
	mistakes []string // what the page threw, and what the browser refused it
}

// open opens a tab of a size in which path of a replica is shown.
func open(tb testing.TB, r *replica, path string, width, height int64) *tab {
	tb.Helper()
	browser := needBrowser(tb)
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	tb.Cleanup(cancel)
	t := &tab{tb: tb, ctx: ctx}
	if err := chromedp.Do(ctx); err != nil { // it lives as long as the context of this call
		tb.Fatalf("open a tab: %v", err)
	}
	t.do(chromedp.EmulateViewport(width, height))
	err := chromedp.Listen(ctx, func(ev any) {
		t.mu.Lock()
		defer t.mu.Unlock()
		switch e := ev.(type) {
		case *runtime.EventExceptionThrown:
			t.mistakes = append(t.mistakes, fmt.Sprint(e.ExceptionDetails.Text, " ", e.ExceptionDetails.URL, ":", e.ExceptionDetails.LineNumber))
		case *log.EventEntryAdded:
			if e.Entry.Source == "security" {
				t.mistakes = append(t.mistakes, e.Entry.Text)
			}
		}
	})
	if err != nil {
		tb.Fatal(err)
	}
	t.do(chromedp.Navigate(r.url + path))
	return t
}

// do carries out steps, within patience.
func (t *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	t.tb.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.shot("failed")
		t.tb.Fatal(err)
	}
}

// is asks the page something.
func is[T any](t *tab, expression string) T {
	t.tb.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.tb.Fatalf("%s: %v", expression, err)
	}
	return v
}

// wait waits until an expression is true in the page.
func (t *tab) wait(what, expression string) {
	t.tb.Helper()
	deadline := time.Now().Add(patience)
	for !is[bool](t, "Boolean("+expression+")") {
		if time.Now().After(deadline) {
			t.shot("failed")
			t.tb.Fatalf("waited in vain for %s; the page says:\n%s\nmistakes: %q", what, is[string](t, "document.body.innerText"), t.mistakes)
		}
		pause := time.NewTimer(20 * time.Millisecond)
		<-pause.C
	}
}

// says waits until the text of an element contains all of words.
func (t *tab) says(selector string, words ...string) {
	t.tb.Helper()
	for _, w := range words {
		t.wait(fmt.Sprintf("%s to say %q", selector, w), fmt.Sprintf("document.querySelector(%q)?.innerText.includes(%q)", selector, w))
	}
}

// press waits until a button can be pressed, and presses it.
func (t *tab) press(selector string) {
	t.tb.Helper()
	t.wait(selector+" to be enabled", fmt.Sprintf("document.querySelector(%q)?.disabled === false", selector))
	t.do(chromedp.Click(chromedp.CSS(selector)))
}

// keys types on the keyboard, wherever the focus is. A key goes down as on a real one: what hears that may keep the
// character from being written.
func (t *tab) keys(text string) {
	t.tb.Helper()
	for _, r := range text {
		strokes := kb.Encode(r)
		down, up := *strokes[0], *strokes[len(strokes)-1]
		if len(strokes) > 2 {
			down.Text = strokes[1].Text
		}
		for _, stroke := range []input.DispatchKeyEventParams{down, up} {
			t.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
				_, err := cdp.Call(ctx, target, input.DispatchKeyEvent, stroke)
				return err
			}))
		}
	}
}

// tabTo presses Tab until what is meant has the focus.
func (t *tab) tabTo(what, has string) {
	t.tb.Helper()
	for range 80 {
		if is[bool](t, has) {
			return
		}
		t.keys(kb.Tab)
	}
	t.tb.Fatalf("nobody comes to %s by Tab", what)
}

// downloads is what the browser keeps as a file of that name because of what act does.
func (t *tab) downloads(name string, act func()) string {
	t.tb.Helper()
	folder := t.tb.TempDir()
	t.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
			Behavior: browser.SetDownloadBehaviorBehaviorAllow, BrowserContextID: chromedp.FromContext(ctx).BrowserContextID, DownloadPath: folder,
		})
		return err
	}))
	act()
	over, look := time.After(patience), time.NewTicker(20*time.Millisecond)
	defer look.Stop()
	for {
		raw, err := os.ReadFile(filepath.Join(folder, name)) // it has another name until it is whole
		if err == nil {
			return string(raw)
		}
		select {
		case <-look.C:
		case <-over:
			t.tb.Fatal(err)
		}
	}
}

// signIn signs in with a token.
func (t *tab) signIn(secret string) {
	t.tb.Helper()
	t.press(`[data-act="sign-in"]`)
	t.do(chromedp.SendKeys(chromedp.CSS(`dialog input[name="token"]`), secret+"\r"))
	t.wait("the session", `document.querySelector('[data-act="sign-out"]') && !document.querySelector("dialog")`)
}

// fresh waits until the page has had the state.
func (t *tab) fresh() {
	t.tb.Helper()
	t.wait("fresh data", `document.body.dataset.stale === "false" && document.querySelector("#mode").innerText === "LIVE"`)
}

// clean wants that the page has thrown nothing, and that the browser has refused it nothing.
func (t *tab) clean() {
	t.tb.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.mistakes) > 0 {
		t.tb.Errorf("the page made mistakes:\n%s", strings.Join(t.mistakes, "\n"))
	}
}

// shot keeps a picture of the whole page where somebody wants one.
func (t *tab) shot(name string) {
	t.tb.Helper()
	folder := os.Getenv("DETOUR_SCREENSHOTS")
	if folder == "" {
		return
	}
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	raw, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.MkdirAll(folder, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, strings.ReplaceAll(t.tb.Name(), "/", "-")+"-"+name+".png"), raw, 0o644)
	}
	if err != nil {
		t.tb.Error(err)
	}
}
