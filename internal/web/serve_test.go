package web_test

import (
	"context"
	"net"
	"net/http"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/webtest"
)

// serve serves on a real listener until the returned function is called, which returns what Serve did.
func serve(t *testing.T, c web.Config) (s *server, stop func() error) {
	t.Helper()
	w, err := web.New(c)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Serve(ctx, l) }()
	t.Cleanup(func() { cancel(); http.DefaultClient.CloseIdleConnections() })
	return &server{t: t, url: "http://" + l.Addr().String()}, func() error { cancel(); return <-done }
}

// An orderly end ends the streams that are being read.
func TestServeEnds(t *testing.T) {
	s, stop := serve(t, webtest.New().Config(people()))
	changes, tail := open(t, s, "/api/v1/stream", "viewer"), open(t, s, "/api/v1/ledger/stream", "viewer")
	changes.change()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*reader{"changes": changes, "tail": tail} {
		for m := r.next(); m != (message{}); m = r.next() {
			if m.comment == "" {
				t.Errorf("%s goes on: %+v", name, m)
			}
		}
	}
}

// A listener that fails is an error that names it.
func TestServeFails(t *testing.T) {
	w, err := web.New(webtest.New().Config(people()))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := w.Serve(t.Context(), l); err == nil {
		t.Fatal("a closed listener is served")
	}
}

type broken struct{ *webtest.Replica }

// View panics, as a defect would.
func (broken) View(func(*incident.Board)) { panic("a defect") }

// A defect in one answer is a problem document and a line in the log, not the end of the process.
func TestPanic(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	s := start(t, people(), func(c *web.Config) { c.Board, c.Log = broken{}, zap.New(core) })
	wantProblem(t, s.do("GET", "/api/v1/incidents", "viewer", ""), http.StatusInternalServerError, api.ProblemInternal)
	if logs.Len() != 1 || logs.All()[0].ContextMap()["panic"] != "a defect" {
		t.Errorf("%v", logs.All())
	}
}

type torn struct{ *webtest.Replica }

// Lines breaks off after the first line, as a bus that went away would.
func (r torn) Lines(ctx context.Context, from, _ uint64, fn func(uint64, []byte) error) error {
	for range 2000 {
		if err := r.Replica.Lines(ctx, from, from, fn); err != nil {
			return err
		}
	}
	return context.DeadlineExceeded
}

// An export that cannot be finished is cut off, so that nobody takes it for whole.
func TestExportCutOff(t *testing.T) {
	s := start(t, people(), func(c *web.Config) { c.Ledger = torn{webtest.New()} })
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"/api/v1/ledger/export", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer viewer-secret")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buf := make([]byte, 1<<20)
	for err == nil {
		_, err = resp.Body.Read(buf)
	}
	if err.Error() == "EOF" {
		t.Fatal("the export looks whole")
	}
}
