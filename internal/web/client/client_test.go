package client_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/web"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/client"
	"github.com/detour-net/detour/internal/web/webtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// file writes text to a file of its own.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// connect makes a client that ends with the test.
func connect(t *testing.T, c client.Config) *client.Client {
	t.Helper()
	cl, err := client.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// replica is a served replica and an admin's client of it.
func replica(t *testing.T) (*webtest.Replica, *web.Server, *client.Client) {
	t.Helper()
	r := webtest.New()
	s, err := web.New(r.Config(web.Auth{Tokens: []web.Token{web.NewToken("root", "root-secret", "admin")}}))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(func() { s.Close(); srv.Close() })
	return r, s, connect(t, client.Config{Server: srv.URL + "/", TokenFile: file(t, "root-secret\n"), Via: "cli"})
}

// Every call asks for what it says, and its answer decodes.
func TestCalls(t *testing.T) {
	_, _, cl := replica(t)
	ctx := t.Context()
	asking, err := cl.Incident(ctx, webtest.Asking)
	if err != nil {
		t.Fatal(err)
	}
	open := true
	for name, call := range map[string]func() (any, error){
		"status": func() (any, error) { return cl.Status(ctx) },
		"incidents": func() (any, error) {
			return cl.Incidents(ctx, client.Filter{Phases: []string{"stuck"}, Open: &open, Limit: 3})
		},
		"history":   func() (any, error) { return cl.History(ctx, webtest.Held) },
		"why":       func() (any, error) { return cl.WhyIncident(ctx, webtest.Held) },
		"event":     func() (any, error) { return cl.WhyEvent(ctx, webtest.EventID) },
		"decisions": func() (any, error) { return cl.Decisions(ctx) },
		"drains":    func() (any, error) { return cl.Drains(ctx) },
		"freezes":   func() (any, error) { return cl.Freezes(ctx) },
		"freeze":    func() (any, error) { return cl.Freeze(ctx, "site:den", "storm") },
		"thaw":      func() (any, error) { return cl.Thaw(ctx, "site:sea") },
		"windows":   func() (any, error) { return cl.Windows(ctx) },
		"begin": func() (any, error) {
			return cl.BeginMaintenance(ctx, api.NewWindow{For: events.Duration(time.Hour), Reason: "x"})
		},
		"end":      func() (any, error) { return cl.EndMaintenance(ctx, "mw-0001") },
		"policies": func() (any, error) { return cl.Policies(ctx) },
		"routers":  func() (any, error) { return cl.Routers(ctx) },
		"prove":    func() (any, error) { return cl.Prove(ctx, "den") },
		"reboot":   func() (any, error) { return cl.TryReboot(ctx, "den", api.TryReboot{}) },
		"ledger":   func() (any, error) { return cl.Ledger(ctx, 3, 2) },
		"compare":  func() (any, error) { return cl.Compare(ctx) },
		"approve":  func() (any, error) { return cl.Approve(ctx, webtest.Asking, string(asking.Plan.Digest)) },
		"abort":    func() (any, error) { return cl.Abort(ctx, webtest.Stuck, "by hand", true) },
		"undrain":  func() (any, error) { return cl.Undrain(ctx, webtest.Held, "clean") },
	} {
		if v, err := call(); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if text := fmt.Sprintf("%+v", v); len(text) < 10 {
			t.Errorf("%s: %s", name, text)
		}
	}
	if _, err := cl.Reject(ctx, "nobody-1", "", "x"); !isProblem(err, api.ProblemNotFound) {
		t.Errorf("%v", err)
	}
	lines, err := cl.Export(ctx, 4, 5)
	if err != nil {
		t.Fatal(err)
	}
	defer lines.Close()
	if raw, err := io.ReadAll(lines); err != nil || bytes.Count(raw, []byte("\n")) != 2 {
		t.Errorf("%v: %s", err, raw)
	}
}

func isProblem(err error, kind string) bool {
	var p *api.Problem
	return errors.As(err, &p) && p.Type == kind
}

// A watcher who loses the stream and opens it again behind the last position that it knows misses nothing.
func TestChangesResume(t *testing.T) {
	r, s, cl := replica(t)
	var known uint64
	enough := errors.New("enough")
	err := cl.Changes(t.Context(), 0, func(c api.Change) error {
		known = c.Position
		s.Close() // the server ends while the stream is read
		return nil
	})
	if !errors.Is(err, client.ErrCut) || known != 15 {
		t.Fatalf("%v at %d, want the stream cut off at 15", err, known)
	}
	if _, err := r.Append(webtest.Start.Add(time.Hour), events.Record{Incident: webtest.Waiting, Body: events.Closed{Outcome: events.WasCleared}}); err != nil {
		t.Fatal(err)
	}
	again, err := web.New(r.Config(web.Auth{LocalViewer: true}))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(again.Handler())
	defer srv.Close()
	defer again.Close()
	err = connect(t, client.Config{Server: srv.URL}).Changes(t.Context(), known, func(c api.Change) error {
		if len(c.Incidents) != 1 || c.Incidents[0].ID != webtest.Waiting || c.Incidents[0].Outcome != events.WasCleared {
			t.Errorf("%+v, want the one that has ended meanwhile", c.Incidents)
		}
		return enough
	})
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
}

func TestTail(t *testing.T) {
	r, _, cl := replica(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []uint64
	err := cl.Tail(ctx, 13, func(position uint64, line []byte) error {
		got = append(got, position)
		switch position {
		case 15:
			_, err := r.Append(webtest.Start.Add(time.Hour), events.Record{Body: events.Thawed{Scope: "site:sea"}})
			return err
		case 16:
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || fmt.Sprint(got) != "[14 15 16]" {
		t.Fatalf("%v: %v", got, err)
	}
}

// What is wrong on the way is told apart: nobody there, not Detour, too slow.
func TestTrouble(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	if _, err := connect(t, client.Config{Server: gone.URL}).Status(t.Context()); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("nobody there: %v", err)
	}
	var leaked string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { leaked = r.Header.Get("Authorization") }))
	defer other.Close()
	for name, h := range map[string]http.HandlerFunc{
		"a proxy's error page": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"a redirect":           func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) },
		"not JSON":             func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
	} {
		srv := httptest.NewServer(h)
		cl := connect(t, client.Config{Server: srv.URL, TokenFile: file(t, "secret")})
		if _, err := cl.Status(t.Context()); err == nil {
			t.Errorf("%s: no error", name)
		}
		cl.Close()
		srv.Close()
	}
	if leaked != "" {
		t.Errorf("the token followed a redirect: %q", leaked)
	}
	hang := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer slow.Close()
	defer close(hang)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := connect(t, client.Config{Server: slow.URL}).Status(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("too slow: %v", err)
	}
}

// A server's certificate must be signed by who the operator says.
func TestTLS(t *testing.T) {
	r := webtest.New()
	s, err := web.New(r.Config(web.Auth{LocalViewer: true}))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewTLSServer(s.Handler())
	defer srv.Close()
	ca := file(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})))
	if _, err := connect(t, client.Config{Server: srv.URL, CAFile: ca}).Status(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := connect(t, client.Config{Server: srv.URL}).Status(t.Context()); !errors.Is(err, client.ErrUnreachable) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown authority: %v", err)
	}
}

func TestNew(t *testing.T) {
	for name, c := range map[string]client.Config{
		"no scheme": {Server: "127.0.0.1:8080"}, "other scheme": {Server: "ftp://x"}, "no host": {Server: "http://"},
		"no token file": {Server: "http://x", TokenFile: "/nowhere"}, "empty token": {Server: "http://x", TokenFile: file(t, "\n")},
		"two words": {Server: "http://x", TokenFile: file(t, "a b")}, "not PEM": {Server: "http://x", CAFile: file(t, "x")}, "no CA": {Server: "http://x", CAFile: "/nowhere"},
	} {
		if cl, err := client.New(c); err == nil {
			cl.Close()
			t.Errorf("%s: no error", name)
		}
	}
}

// A beat says that the stream is alive, and is no change.
func TestChangesPassOverBeats(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "id: 3\nevent: beat\ndata: {\"position\":3}\n\nid: 4\nevent: change\ndata: {\"position\":4}\n\nid: 4\nevent: beat\ndata: {\"position\":4}\n\n")
	}))
	defer srv.Close()
	var got []uint64
	err := connect(t, client.Config{Server: srv.URL}).Changes(t.Context(), 0, func(c api.Change) error {
		got = append(got, c.Position)
		return nil
	})
	if !errors.Is(err, client.ErrCut) || len(got) != 1 || got[0] != 4 {
		t.Errorf("%v: told of changes at %v, want one at 4", err, got)
	}
}
