package web_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/detour-net/detour/internal/web"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/webtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// people bear one token for each role, named like the role, and one with a role that only the policy knows besides.
func people() web.Auth {
	return web.Auth{Tokens: []web.Token{
		web.NewToken("viewer", "viewer-secret", "viewer"), web.NewToken("operator", "operator-secret", "operator"),
		web.NewToken("approver", "approver-secret", "approver", "noc-lead"), web.NewToken("admin", "admin-secret", "admin"),
	}}
}

// server is a server under test.
type server struct {
	t   *testing.T
	url string
	web *web.Server
	*webtest.Replica
	login web.Login // nil without one

	documented map[string][]int // statuses, by pattern
	patterns   *http.ServeMux
}

func start(t *testing.T, auth web.Auth, more ...func(*web.Config)) *server {
	t.Helper()
	r := webtest.New()
	c := r.Config(auth)
	for _, f := range more {
		f(&c)
	}
	s, err := web.New(c)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(func() { s.Close(); srv.Close(); http.DefaultClient.CloseIdleConnections() })
	return (&server{t: t, url: srv.URL, web: s, Replica: r, login: c.Login}).held()
}

// held has every answer held against the document.
func (s *server) held() *server {
	s.documented, s.patterns = web.Documented(s.web), http.NewServeMux()
	for pattern := range s.documented {
		s.patterns.Handle(pattern, http.NotFoundHandler())
	}
	return s
}

// said wants the status of an answer to be one that the document names for the operation.
func (s *server) said(req *http.Request, status int) {
	s.t.Helper()
	if s.patterns == nil {
		return
	}
	_, pattern := s.patterns.Handler(req)
	if list, known := s.documented[pattern]; known && !slices.Contains(list, status) {
		s.t.Errorf("%s answers with %d, of which the document does not speak", pattern, status)
	}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do asks as the bearer of a token of that name, or of none for "".
func (s *server) do(method, path, name, body string, headers ...string) answer {
	s.t.Helper()
	var payload io.Reader
	if body != "" {
		payload = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, payload)
	if err != nil {
		s.t.Fatal(err)
	}
	if name != "" {
		req.Header.Set("Authorization", "Bearer "+name+"-secret")
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for n := 0; n < len(headers); n += 2 {
		req.Header.Set(headers[n], headers[n+1])
		if headers[n] == "Host" {
			req.Host = headers[n+1]
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	s.said(req, resp.StatusCode)
	return answer{resp.StatusCode, resp.Header, raw}
}

// raw sends text as it is and returns what comes back until the server ends it.
func (s *server) raw(text string) string {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		s.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		s.t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(got)
}

// into decodes the body, strictly.
func into[T any](t *testing.T, a answer) T {
	t.Helper()
	var v T
	d := json.NewDecoder(strings.NewReader(string(a.body)))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("status %d: %v in %s", a.status, err, a.body)
	}
	return v
}

// wantProblem checks a problem document and returns it.
func wantProblem(t *testing.T, a answer, status int, kind string) api.Problem {
	t.Helper()
	if got := a.header.Get("Content-Type"); got != api.ContentTypeProblem {
		t.Fatalf("status %d, Content-Type %q: %s", a.status, got, a.body)
	}
	p := into[api.Problem](t, a)
	if a.status != status || p.Status != status || p.Type != kind || p.Title == "" || p.Detail == "" || p.Remedy == "" {
		t.Fatalf("status %d %+v, want status %d of type %s, with title, detail and remedy", a.status, p, status, kind)
	}
	if p.Instance != "urn:uuid:"+a.header.Get(web.RequestIDHeader) {
		t.Fatalf("instance %q does not name request %q", p.Instance, a.header.Get(web.RequestIDHeader))
	}
	return p
}
