package web_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/webtest"
)

// document is what the test reads of the OpenAPI document.
type document struct {
	Paths      map[string]map[string]operation
	Components struct {
		Schemas   map[string]schema
		Responses map[string]response
	}
}

type operation struct {
	OperationID string `json:"operationId"`
	Description string
	Security    []map[string][]string
	Parameters  []struct{ Name, In string }
	RequestBody *response `json:"requestBody"`
	Responses   map[string]response
}

type response struct {
	Content map[string]struct{ Schema schema }
}

type schema struct {
	Ref                  string `json:"$ref"`
	Type                 string
	Properties           map[string]schema
	Required             []string
	Items                *schema
	AnyOf                []schema `json:"anyOf"`
	AdditionalProperties json.RawMessage
}

// examples is one good request for every operation of the document: a path, and a body where one is taken.
// more is another good body, and refused one that is not lawful of an incident that has ended or at all.
var examples = map[string]struct{ path, body, more, refused string }{
	"get /metrics":                       {path: "/metrics"},
	"get /livez":                         {path: "/livez"},
	"get /readyz":                        {path: "/readyz"},
	"get /api/v1/openapi.json":           {path: "/api/v1/openapi.json"},
	"get /api/v1/login":                  {path: "/api/v1/login"},
	"get /api/v1/status":                 {path: "/api/v1/status"},
	"get /api/v1/incidents":              {path: "/api/v1/incidents?phase=holding&phase=stuck&open=true&skip=0&limit=5"},
	"get /api/v1/incidents/{id}":         {path: "/api/v1/incidents/" + webtest.Held},
	"get /api/v1/incidents/{id}/why":     {path: "/api/v1/incidents/" + webtest.Waiting + "/why"},
	"get /api/v1/incidents/{id}/records": {path: "/api/v1/incidents/" + webtest.Held + "/records?limit=2"},
	"get /api/v1/events/{event}/why":     {path: "/api/v1/events/018f-1%2Fden/why"},
	"get /api/v1/decisions":              {path: "/api/v1/decisions?limit=3"},
	"get /api/v1/handover":               {path: "/api/v1/handover?since=8h"},
	"get /api/v1/drains":                 {path: "/api/v1/drains"},
	"get /api/v1/freeze":                 {path: "/api/v1/freeze"},
	"get /api/v1/maintenance":            {path: "/api/v1/maintenance"},
	"get /api/v1/policy":                 {path: "/api/v1/policy"},
	"get /api/v1/policy/rules":           {path: "/api/v1/policy/rules?days=3"},
	"get /api/v1/topology":               {path: "/api/v1/topology"},
	"get /api/v1/map":                    {path: "/api/v1/map"},
	"get /api/v1/links":                  {path: "/api/v1/links"},
	"get /api/v1/session":                {path: "/api/v1/session"},
	"get /api/v1/ledger/search":          {path: "/api/v1/ledger/search?text=errors&kind=opened&kind=ruled&incident=" + webtest.Held + "&before=9&limit=3"},
	"get /api/v1/routers":                {path: "/api/v1/routers"},
	"get /api/v1/stream":                 {path: "/api/v1/stream?from=1"},
	"get /api/v1/ledger":                 {path: "/api/v1/ledger?from=2&limit=3"},
	"get /api/v1/ledger/export":          {path: "/api/v1/ledger/export?from=1&to=4"},
	"get /api/v1/ledger/stream":          {path: "/api/v1/ledger/stream?from=3"},
	"get /api/v1/ledger/compare":         {path: "/api/v1/ledger/compare"},

	"post /api/v1/incidents/{id}/approve":          {path: "/api/v1/incidents/" + webtest.Asking + "/approve", body: `{"plan":"PLAN"}`},
	"post /api/v1/incidents/{id}/reject":           {path: "/api/v1/incidents/" + webtest.Asking + "/reject", body: `{"plan":"PLAN","reason":"no"}`},
	"post /api/v1/incidents/{id}/abort":            {path: "/api/v1/incidents/" + webtest.Stuck + "/abort", body: `{"reason":"by hand","as_is":true}`},
	"post /api/v1/incidents/{id}/undrain":          {path: "/api/v1/incidents/" + webtest.Held + "/undrain", body: `{"reason":"clean"}`},
	"post /api/v1/freeze":                          {path: "/api/v1/freeze", body: `{"scope":"site:den","reason":"storm"}`, refused: `{"scope":"site:sea","reason":"x"}`},
	"delete /api/v1/freeze":                        {path: "/api/v1/freeze?scope=site:sea"},
	"post /api/v1/maintenance":                     {path: "/api/v1/maintenance", body: `{"scope":"site:den","for":"1h","reason":"work"}`, more: `{"until":"2026-11-20T14:00:00Z","reason":"work"}`, refused: `{"until":"2020-01-01T00:00:00Z","reason":"x"}`},
	"delete /api/v1/maintenance/{id}":              {path: "/api/v1/maintenance/mw-0001"},
	"post /api/v1/session":                         {path: "/api/v1/session", body: `{"token":"viewer-secret"}`},
	"delete /api/v1/session":                       {path: "/api/v1/session?everywhere=true&person="},
	"post /api/v1/links":                           {path: "/api/v1/links", body: `{"ticket":"TICKET","confirm":true}`, refused: `{"ticket":"TAKEN","confirm":true}`},
	"delete /api/v1/links/{chat}/{team}/{account}": {path: "/api/v1/links/slack/T1/U1"},
	"post /api/v1/routers/{name}/prove":            {path: "/api/v1/routers/den/prove"},
	"post /api/v1/routers/{name}/reboot-trial":     {path: "/api/v1/routers/den/reboot-trial", body: `{"undo":false}`, refused: `{"undo":true}`},
}

// The document lists every route, every route answers as it says, and only to whom it says.
func TestOpenAPI(t *testing.T) {
	doc := into[document](t, loose(start(t, people()).do("GET", "/api/v1/openapi.json", "", "")))
	var listed []string
	for path, operations := range doc.Paths {
		for method := range operations {
			listed = append(listed, method+" "+path)
		}
	}
	slices.Sort(listed)
	if want := slices.Sorted(maps.Keys(examples)); !slices.Equal(listed, want) {
		t.Fatalf("the document lists\n%v\nthe test knows\n%v", strings.Join(listed, "\n"), strings.Join(want, "\n"))
	}
	ids := map[string]bool{}
	for _, name := range listed {
		method, path, _ := strings.Cut(name, " ")
		op := doc.Paths[path][method]
		if ids[op.OperationID] {
			t.Errorf("operation id %s is given twice", op.OperationID)
		}
		ids[op.OperationID] = true
		t.Run(name, func(t *testing.T) { doc.drive(t, name, op) })
	}
}

// loose lets into skip what the test does not read of the document.
func loose(a answer) answer {
	var v document
	if err := json.Unmarshal(a.body, &v); err != nil {
		return a
	}
	a.body, _ = json.Marshal(v)
	return a
}

var pathParameter = regexp.MustCompile(`\{\w+\}`)

var needs = regexp.MustCompile(`Needs (?:the role (\w+)|any role)\.`)

func (d document) drive(t *testing.T, name string, op operation) {
	method, _, _ := strings.Cut(name, " ")
	method = strings.ToUpper(method)
	example := examples[name]
	allowed := []string{"", "viewer", "operator", "approver", "admin"}
	if len(op.Security) > 0 {
		m := needs.FindStringSubmatch(op.Description)
		if m == nil {
			t.Fatalf("the description does not say which role it needs: %q", op.Description)
		}
		if allowed = allowed[1:]; m[1] != "" {
			allowed = []string{m[1], "admin"}
		}
	}
	if (example.body != "") != (op.RequestBody != nil) {
		t.Errorf("the document says of a body: %t", op.RequestBody != nil)
	}
	for _, caller := range []string{"", "viewer", "operator", "approver", "admin"} {
		s := start(t, people(), atConsole) // an order can be given once
		body := s.given(t, example.body)
		s.linked("U1", caller)
		switch {
		case slices.Contains(allowed, caller):
			d.answers(t, s, method, example.path, caller, body, op)
		case caller == "":
			a := s.do(method, example.path, caller, body)
			wantProblem(t, a, http.StatusUnauthorized, api.ProblemUnauthorized)
			if a.header.Get("WWW-Authenticate") == "" {
				t.Error("no WWW-Authenticate")
			}
		default:
			wantProblem(t, s.do(method, example.path, caller, body), http.StatusForbidden, api.ProblemForbidden)
		}
	}
}

// answers checks one answer against the document.
func (d document) answers(t *testing.T, s *server, method, path, caller, body string, op operation) {
	t.Helper()
	media := slices.Collect(maps.Keys(op.Responses["200"].Content))
	if media[0] == "text/event-stream" {
		if got := firstEvent(t, s, path, caller); got == "" {
			t.Error("no event came")
		}
		return
	}
	a := s.do(method, path, caller, body)
	got, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	if a.status != http.StatusOK || got != media[0] {
		t.Fatalf("as %q: status %d, %s, want 200 and %s: %s", caller, a.status, got, media[0], a.body)
	}
	if media[0] != "application/json" {
		return
	}
	var v any
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range d.check("reply", op.Responses["200"].Content[media[0]].Schema, v) {
		t.Error(wrong)
	}
}

// firstEvent reads the data of a stream's first event.
func firstEvent(t *testing.T, s *server, path, caller string) string {
	t.Helper()
	events := open(t, s, path, caller)
	return events.next().data
}

// check holds a value against a schema: the types, what is required, and that nothing stands there that is not in it.
func (d document) check(at string, s schema, v any) (wrong []string) {
	if s.Ref != "" {
		named, ok := d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
		if !ok {
			return []string{at + ": no schema " + s.Ref}
		}
		return d.check(at, named, v)
	}
	if len(s.AnyOf) > 0 {
		for _, one := range s.AnyOf {
			if len(d.check(at, one, v)) == 0 {
				return nil
			}
		}
		return d.check(at, s.AnyOf[0], v)
	}
	ok := true
	switch s.Type {
	case "string":
		_, ok = v.(string)
	case "boolean":
		_, ok = v.(bool)
	case "integer":
		n, isNumber := v.(float64)
		ok = isNumber && n == float64(int64(n))
	case "number":
		_, ok = v.(float64)
	case "null":
		ok = v == nil
	case "array":
		var list []any
		if list, ok = v.([]any); ok {
			for n, e := range list {
				wrong = append(wrong, d.check(fmt.Sprintf("%s[%d]", at, n), *s.Items, e)...)
			}
		}
	case "object":
		var o map[string]any
		if o, ok = v.(map[string]any); ok {
			wrong = d.checkObject(at, s, o)
		}
	}
	if !ok {
		return []string{fmt.Sprintf("%s is %v, want %s", at, v, s.Type)}
	}
	return wrong
}

func (d document) checkObject(at string, s schema, o map[string]any) (wrong []string) {
	for _, name := range s.Required {
		if _, ok := o[name]; !ok {
			wrong = append(wrong, at+"."+name+" is missing")
		}
	}
	var rest *schema
	if len(s.AdditionalProperties) > 0 && s.AdditionalProperties[0] == '{' {
		rest = &schema{}
		if err := json.Unmarshal(s.AdditionalProperties, rest); err != nil {
			return []string{err.Error()}
		}
	}
	for name, e := range o {
		property, known := s.Properties[name]
		switch {
		case known:
			wrong = append(wrong, d.check(at+"."+name, property, e)...)
		case rest != nil:
			wrong = append(wrong, d.check(at+"."+name, *rest, e)...)
		case string(s.AdditionalProperties) == "false":
			wrong = append(wrong, at+"."+name+" is not in the document")
		}
	}
	return wrong
}

// The check can fail: a field too many, one too few, and one of another type are all found.
func TestOpenAPICheckFails(t *testing.T) {
	doc := into[document](t, loose(start(t, people()).do("GET", "/api/v1/openapi.json", "", "")))
	for name, reply := range map[string]string{
		"too many": `{"position":1,"digest":"","unheard":true}`, "too few": `{"digest":""}`, "other type": `{"position":"1","digest":""}`,
	} {
		var v any
		if err := json.Unmarshal([]byte(reply), &v); err != nil {
			t.Fatal(err)
		}
		if len(doc.check("reply", schema{Ref: "#/components/schemas/Done"}, v)) == 0 {
			t.Errorf("%s: nothing found in %s", name, reply)
		}
	}
}
