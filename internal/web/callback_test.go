package web_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/detour-net/detour/internal/web"
	"github.com/detour-net/detour/internal/web/api"
)

// TestCallbacks: another program's request gets to its handler without a token, with more in it than the API takes and less
// than no end; nothing else gets there, and the API does not tell of it.
func TestCallbacks(t *testing.T) {
	const large = 200 << 10 // more than the API takes
	s := start(t, people(), func(c *web.Config) {
		c.Callbacks = map[string]http.Handler{"/chat/test": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			raw, err := io.ReadAll(r.Body)
			var tooLarge *http.MaxBytesError
			switch {
			case errors.As(err, &tooLarge):
				w.WriteHeader(http.StatusRequestEntityTooLarge)
			case err != nil || len(raw) != large:
				t.Errorf("read %d bytes, %v", len(raw), err)
			case len(raw) == 0:
				panic("nothing to read")
			}
		})}
	})
	for _, c := range []struct {
		name, method, path string
		size               int
		headers            []string
		status             int
	}{
		{"a callback", "POST", "/chat/test", large, nil, http.StatusOK},
		{"too large", "POST", "/chat/test", 300 << 10, nil, http.StatusRequestEntityTooLarge},
		{"read, not called", "GET", "/chat/test", 0, nil, http.StatusMethodNotAllowed},
		{"another path", "POST", "/chat/other", large, nil, http.StatusNotFound},
		{"by a page of another origin", "POST", "/chat/test", large, []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		{"the API takes no more than before", "POST", "/api/v1/session", large, nil, http.StatusRequestEntityTooLarge},
	} {
		body := strings.Repeat(" ", c.size)
		if got := s.do(c.method, c.path, "", body, c.headers...); got.status != c.status {
			t.Errorf("%s: answered with %d, want %d: %s", c.name, got.status, c.status, got.body)
		}
	}
	doc := into[document](t, loose(s.do("GET", "/api/v1/openapi.json", "", "")))
	if _, listed := doc.Paths["/chat/test"]; listed {
		t.Error("the API tells of another program's path")
	}
	wantProblem(t, s.do("GET", "/chat/test", "", ""), http.StatusMethodNotAllowed, api.ProblemInvalid)
}
