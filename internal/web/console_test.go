package web_test

import (
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/detour-net/detour/internal/web"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/console"
	"github.com/detour-net/detour/internal/web/webtest"
)

// The console is one document at every address of it, for anyone: it says nothing about the network.
func TestConsole(t *testing.T) {
	s := start(t, web.Auth{})
	for _, address := range []string{"/", "/incidents", "/incidents/" + webtest.Held, "/drains", "/handover", "/why", "/why/018f-1%2Fden", "/ledger", "/policy"} {
		a := s.do("GET", address, "", "")
		csp := a.header.Get("Content-Security-Policy")
		if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || strings.Contains(string(a.body), webtest.Held) {
			t.Errorf("%s: %d %s", address, a.status, a.body)
		}
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"} {
			if !strings.Contains(csp, want) || strings.Contains(csp, "unsafe") {
				t.Errorf("%s: %q has no %q", address, csp, want)
			}
		}
	}
	for _, address := range []string{"/assets/../console.go", "/assets/", "/assets/none.js", "/console.html", "/incidents/a/b"} {
		wantProblem(t, s.do("GET", address, "", ""), http.StatusNotFound, api.ProblemNotFound)
	}
}

// markup is what the browser's policy would refuse, or what could turn text into elements.
var markup = regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|\beval\(|new Function|setHTML|srcdoc|javascript:|https?://(?:[^w]|w[^w])`)

// Everything that the console uses is served with its type, comes from here, and makes no markup of text.
func TestConsoleAssets(t *testing.T) {
	s := start(t, web.Auth{})
	types := map[string]string{".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
	used := regexp.MustCompile(`(?:from|import) "\./([a-z]+\.js)"|"/assets/([a-z.]+)"`)
	served := map[string]bool{}
	err := fs.WalkDir(console.Files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := console.Files.ReadFile(name)
		for _, m := range used.FindAllStringSubmatch(string(raw), -1) {
			served[m[1]+m[2]] = served[m[1]+m[2]] || false
		}
		if found := markup.Find(raw); found != nil && path.Ext(name) != ".svg" {
			t.Errorf("%s has %q in it", name, found)
		}
		if name == "console.html" {
			return err
		}
		a := s.do("GET", "/"+name, "", "")
		if got := a.header.Get("Content-Type"); a.status != http.StatusOK || !strings.HasPrefix(got, types[path.Ext(name)]) || string(a.body) != string(raw) {
			t.Errorf("%s: %d %s", name, a.status, got)
		}
		served[path.Base(name)] = true
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, there := range served {
		if !there {
			t.Errorf("%s is used and not there", name)
		}
	}
}
