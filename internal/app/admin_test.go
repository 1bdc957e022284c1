package app

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/detour-net/detour/internal/config"
)

// TestProfiles asks for profiles by the machine's own address, and by what a name that somebody else controls may lead to.
func TestProfiles(t *testing.T) {
	a := &App{cfg: &config.Config{Listen: config.Listen{Admin: "127.0.0.1:0"}}}
	if err := a.openAdmin(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.serveAdmin(ctx) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, c := range []struct {
		path, host string
		status     int
		says       string
	}{
		{"/debug/pprof/", "", 200, "goroutine"},
		{"/debug/pprof/goroutine?debug=1", "localhost:6060", 200, "serveAdmin"},
		{"/debug/pprof/heap", "[::1]:6060", 200, ""},
		{"/debug/pprof/cmdline", "127.0.0.1", 200, os.Args[0]},
		{"/debug/pprof/", "rebound.example.net:6060", 403, "address of this machine"},
		{"/debug/pprof/", "10.0.0.1", 403, "address of this machine"},
		{"/metrics", "", 404, ""},
	} {
		r := &http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "http", Host: a.admin.Addr().String()}, Host: c.host}
		path, query, _ := strings.Cut(c.path, "?")
		r.URL.Path, r.URL.RawQuery = path, query
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != c.status || !strings.Contains(string(body), c.says) {
			t.Errorf("%s as %q: %d %v\n%.200s", c.path, c.host, resp.StatusCode, err, body)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v", err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// TestNoProfiles: nothing listens that was not asked for.
func TestNoProfiles(t *testing.T) {
	a := &App{cfg: &config.Config{}}
	if err := a.openAdmin(); err != nil || a.admin != nil || len(a.teardown) > 0 {
		t.Errorf("%v %v", a.admin, err)
	}
}
