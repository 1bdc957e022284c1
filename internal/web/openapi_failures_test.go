package web_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/webtest"
	"github.com/detour-net/detour/policy"
)

// documentOf reads the document of a server.
func documentOf(t *testing.T) document {
	t.Helper()
	return into[document](t, loose(start(t, people()).do("GET", "/api/v1/openapi.json", "", "")))
}

// each calls f with every operation of the document, in order.
func (d document) each(f func(name, method, path string, op operation)) {
	var names []string
	for path, operations := range d.Paths {
		for method := range operations {
			names = append(names, method+" "+path)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		method, path, _ := strings.Cut(name, " ")
		f(name, strings.ToUpper(method), path, d.Paths[path][method])
	}
}

// The table of routes and the document name the same operations, and each of them is there: what answers is not the answer to
// a path that nobody knows.
func TestDocumentIsWhole(t *testing.T) {
	s := start(t, people())
	var listed []string
	documentOf(t).each(func(name, method, path string, _ operation) {
		listed = append(listed, method+" "+path)
		a := s.do(method, pathOf(path), "", "", "Origin", "https://elsewhere.example", "Sec-Fetch-Site", "cross-site")
		if strings.Contains(string(a.body), "no such path") || a.status == http.StatusMethodNotAllowed {
			t.Errorf("%s is in the document and nowhere else: %d %s", name, a.status, a.body)
		}
	})
	slices.Sort(listed)
	served := web.Routes(s.web)
	slices.Sort(served)
	if !slices.Equal(listed, served) {
		t.Errorf("the document lists\n%s\nserved are\n%s", strings.Join(listed, "\n"), strings.Join(served, "\n"))
	}
}

// pathOf is a path with names that nothing has.
func pathOf(path string) string {
	return pathParameter.ReplaceAllString(path, "nobody-9")
}

// A method that the document does not name for a path is answered with 405 and those that it does.
func TestOtherMethods(t *testing.T) {
	s, doc := start(t, people()), documentOf(t)
	for path, operations := range doc.Paths {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			if _, documented := operations[strings.ToLower(method)]; documented {
				continue
			}
			a := s.do(method, pathOf(path), "admin", "")
			wantProblem(t, a, http.StatusMethodNotAllowed, api.ProblemInvalid)
			for known := range operations {
				if allow := a.header.Values("Allow"); !slices.Contains(allow, strings.ToUpper(known)) || slices.Contains(allow, "GET") != slices.Contains(allow, "HEAD") {
					t.Errorf("%s %s: Allow is %q, without %s", method, path, a.header.Values("Allow"), known)
				}
			}
		}
	}
}

// Every query parameter of the document is used by a good request, and one of no use, or none that is known, is refused.
func TestEveryParameter(t *testing.T) {
	s := start(t, people())
	free := []string{"text", "kind", "incident", "person"} // any text will do
	documentOf(t).each(func(name, method, path string, op operation) {
		good, _, _ := strings.Cut(examples[name].path, "?")
		for _, p := range op.Parameters {
			if p.In != "query" {
				continue
			}
			if !strings.Contains(examples[name].path, p.Name+"=") {
				t.Errorf("%s: no good request has the parameter %s", name, p.Name)
			}
			if !slices.Contains(free, p.Name) {
				wantProblem(t, s.do(method, good+"?"+p.Name+"=:", "admin", ""), http.StatusBadRequest, api.ProblemInvalid)
			}
		}
	})
}

// Every field of every body of the document is in a good request; as another type, and beside one that nobody knows, it is
// refused.
func TestEveryField(t *testing.T) {
	doc := documentOf(t)
	doc.each(func(name, method, path string, op operation) {
		if op.RequestBody == nil {
			return
		}
		s, e := start(t, people()), examples[name]
		body := op.RequestBody.Content["application/json"].Schema
		for field := range doc.Components.Schemas[strings.TrimPrefix(body.Ref, "#/components/schemas/")].Properties {
			if !strings.Contains(e.body+e.more, fmt.Sprintf("%q:", field)) {
				t.Errorf("%s: no good request has the field %s", name, field)
			}
			wantProblem(t, s.do(method, e.path, "admin", fmt.Sprintf(`{%q:[]}`, field)), http.StatusBadRequest, api.ProblemInvalid)
		}
		wantProblem(t, s.do(method, e.path, "admin", `{"unheard":1}`), http.StatusBadRequest, api.ProblemInvalid)
		if e.more != "" {
			if a := s.do(method, e.path, "admin", e.more); a.status != http.StatusOK {
				t.Errorf("%s with %s: %d %s", name, e.more, a.status, a.body)
			}
		}
	})
}

// Every status that the document says of an operation is given, as a problem document, and for the reason that it is for.
func TestEveryStatus(t *testing.T) {
	doc := documentOf(t)
	hasty := start(t, people(), atConsole) // its clock stands, so nobody is allowed more
	for range 200 {
		hasty.do("GET", "/api/v1/session", "admin", "")
	}
	doc.each(func(name, method, path string, op operation) {
		for text := range op.Responses {
			status, err := strconv.Atoi(text)
			if err != nil {
				t.Errorf("%s: status %q", name, text)
			}
			if status == http.StatusOK || name == "get /readyz" && status == http.StatusServiceUnavailable {
				continue
			}
			t.Run(fmt.Sprint(name, " ", status), func(t *testing.T) {
				s := hasty
				if status != http.StatusTooManyRequests {
					s = start(t, people(), atConsole, troubles(status))
				}
				a := s.provoke(t, name, method, path, status)
				wantProblem(t, a, status, kinds[status])
				if after := a.header.Get("Retry-After"); (status == http.StatusTooManyRequests) != (after == "1") {
					t.Errorf("Retry-After is %q", after)
				}
			})
		}
	})
}

var kinds = map[int]string{
	400: api.ProblemInvalid, 401: api.ProblemUnauthorized, 403: api.ProblemForbidden, 404: api.ProblemNotFound, 409: api.ProblemRefused, 413: api.ProblemInvalid,
	415: api.ProblemInvalid, 429: api.ProblemTooMany, 500: api.ProblemInternal, 503: api.ProblemUnavailable, 504: api.ProblemTimeout,
}

// troubles is what a server has to suffer to answer with a status.
func troubles(status int) func(*web.Config) {
	return func(c *web.Config) {
		switch status {
		case http.StatusInternalServerError:
			d := &defective{}
			c.Board, c.Orders, c.Ledger, c.Network, c.Costs, c.Terrain, c.Policy, c.Health = d, d, d, d, d, d, d, d
		case http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			away := away{webtest.New(), map[int]error{http.StatusServiceUnavailable: context.Canceled, http.StatusGatewayTimeout: context.DeadlineExceeded}[status]}
			c.Orders, c.Ledger, c.Network = away, away, away
		}
	}
}

// provoke makes a request of the operation that is to end with a status.
func (s *server) provoke(t *testing.T, name, method, path string, status int) answer {
	t.Helper()
	e := examples[name]
	good, query, _ := strings.Cut(e.path, "?")
	body := s.given(t, e.body)
	if strings.Contains(e.path, "/links/") {
		s.linked("U1", "somebody")
	}
	switch status {
	case http.StatusBadRequest:
		return s.do(method, good+"?unheard=1", "admin", body)
	case http.StatusUnauthorized:
		return s.do(method, e.path, "", strings.Replace(body, "viewer-secret", "guessed", 1))
	case http.StatusForbidden:
		return s.do(method, e.path, "admin", body, "Sec-Fetch-Site", "cross-site", "Origin", "https://elsewhere.example")
	case http.StatusNotFound:
		if strings.Contains(path, "{") {
			return s.do(method, pathOf(path)+"?"+query, "admin", body)
		}
		if body == "" {
			return s.do(method, good+"?scope=site:nowhere", "admin", "")
		}
		return s.do(method, good, "admin", strings.Replace(body, "site:den", "site:nowhere", 1))
	case http.StatusConflict:
		at := e.path
		if strings.Contains(path, "{id}") {
			at = pathParameter.ReplaceAllString(path, webtest.Refused)
		}
		return s.do(method, at, "admin", or(s.given(t, e.refused), body))
	case http.StatusRequestEntityTooLarge:
		return s.do(method, e.path, "admin", `{"`+strings.Repeat("x", 65<<10)+`":1}`)
	case http.StatusUnsupportedMediaType:
		return s.do(method, e.path, "admin", body, "Content-Type", "text/plain")
	case http.StatusTooManyRequests:
		a := s.do(method, e.path, "admin", body)
		for n := 0; a.status != status && n < 100 && name == "post /api/v1/session"; n++ { // these are counted by themselves
			a = s.do(method, e.path, "admin", body)
		}
		return a
	}
	if strings.HasPrefix(good, "/api/v1/ledger/") && status >= http.StatusInternalServerError {
		return s.do(method, good, "admin", body) // from where it ends: the ledger is asked before the answer begins
	}
	return s.do(method, e.path, "admin", body)
}

// given is a body with what there is of the server in it: the plan that is asked about, and what a chat has been given to link
// an account that nobody has linked, or one that somebody has.
func (s *server) given(t *testing.T, body string) string {
	t.Helper()
	for word, make := range map[string]func() string{
		"PLAN":   func() string { return string(plan(t, s)) },
		"TICKET": func() string { return s.ticket("U2") },
		"TAKEN":  func() string { s.linked("U1", "somebody"); return s.ticket("U1") },
	} {
		if strings.Contains(body, word) {
			body = strings.ReplaceAll(body, word, make())
		}
	}
	return body
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// away is a replica whose bus and routers do not answer.
type away struct {
	*webtest.Replica
	err error
}

func (r away) Submit(context.Context, incident.Order) (events.Commit, error) {
	return events.Commit{}, r.err
}
func (r away) Prove(context.Context, string, events.Person) (events.Proved, error) {
	return events.Proved{}, r.err
}
func (r away) TryReboot(context.Context, string, events.Person, bool) (events.RebootTrial, error) {
	return events.RebootTrial{}, r.err
}
func (r away) LastPosition(context.Context) (uint64, error) { return 0, r.err }
func (r away) Lines(context.Context, uint64, uint64, func(uint64, []byte) error) error {
	return r.err
}
func (r away) Compare(context.Context) (api.Comparison, error) { return api.Comparison{}, r.err }

// defective is a replica all of which is a defect from when it serves on.
type defective struct{ begun bool }

func (defective) View(func(*incident.Board)) { panic("a defect") }
func (defective) Submit(context.Context, incident.Order) (events.Commit, error) {
	panic("a defect")
}
func (defective) Prove(context.Context, string, events.Person) (events.Proved, error) {
	panic("a defect")
}
func (defective) TryReboot(context.Context, string, events.Person, bool) (events.RebootTrial, error) {
	panic("a defect")
}
func (defective) LastPosition(context.Context) (uint64, error) { panic("a defect") }
func (defective) Lines(context.Context, uint64, uint64, func(uint64, []byte) error) error {
	panic("a defect")
}
func (defective) Routers() []api.Router                           { panic("a defect") }
func (defective) Facts() events.NetworkFacts                      { panic("a defect") }
func (defective) Compare(context.Context) (api.Comparison, error) { panic("a defect") }
func (defective) Cost(string) (incident.Verdict, bool)            { panic("a defect") }
func (defective) Topology() api.Topology                          { panic("a defect") }
func (defective) Loads() ([]int, []string)                        { panic("a defect") }
func (defective) Rules() []policy.Rule                            { panic("a defect") }
func (defective) Digest() events.Digest                           { panic("a defect") }

// Status is asked for once when the server is made.
func (d *defective) Status() api.Status {
	if d.begun {
		panic("a defect")
	}
	d.begun = true
	return api.Status{Replica: "replica-1"}
}
