package web_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/webtest"
)

// What is wrong with a request is said with the status, the type and a remedy.
func TestProblems(t *testing.T) {
	const incidents, approve = "/api/v1/incidents", "/api/v1/incidents/" + webtest.Asking + "/approve"
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		kind, detail             string
	}{
		{"no such path", "GET", "/api/v2/incidents", "", 404, api.ProblemNotFound, "no such path"},
		{"wrong method", "DELETE", incidents, "", 405, api.ProblemInvalid, "DELETE is not answered"},
		{"no such incident", "GET", incidents + "/nobody-1", "", 404, api.ProblemNotFound, `incident "nobody-1": not found`},
		{"why of no incident", "GET", incidents + "/nobody-1/why", "", 404, api.ProblemNotFound, "nobody-1"},
		{"records of no incident", "GET", incidents + "/nobody-1/records", "", 404, api.ProblemNotFound, "nobody-1"},
		{"no such event", "GET", "/api/v1/events/nothing/why", "", 404, api.ProblemNotFound, `id "nothing"`},
		{"no such router", "POST", "/api/v1/routers/xyz/prove", "", 404, api.ProblemNotFound, `router "xyz"`},
		{"no such freeze", "DELETE", "/api/v1/freeze", "", 404, api.ProblemNotFound, "freeze of network"},
		{"no such window", "DELETE", "/api/v1/maintenance/mw-9", "", 404, api.ProblemNotFound, "mw-9"},
		{"unknown parameter", "GET", incidents + "?fase=open", "", 400, api.ProblemInvalid, `"fase" is not known`},
		{"unknown phase", "GET", incidents + "?phase=asleep", "", 400, api.ProblemInvalid, `phase is "asleep"`},
		{"bad bool", "GET", incidents + "?open=maybe", "", 400, api.ProblemInvalid, "open is"},
		{"limit 0", "GET", incidents + "?limit=0", "", 400, api.ProblemInvalid, "limit is"},
		{"limit too high", "GET", "/api/v1/decisions?limit=1001", "", 400, api.ProblemInvalid, "limit is"},
		{"position 0", "GET", "/api/v1/ledger?from=0", "", 400, api.ProblemInvalid, "from is"},
		{"export to nowhere", "GET", "/api/v1/ledger/export?to=x", "", 400, api.ProblemInvalid, "to is"},
		{"stream from nowhere", "GET", "/api/v1/stream?from=-1", "", 400, api.ProblemInvalid, "from is"},
		{"no body", "POST", approve, "", 415, api.ProblemInvalid, "Content-Type"},
		{"not JSON", "POST", approve, "plan", 400, api.ProblemInvalid, "invalid character"},
		{"unknown field", "POST", approve, `{"plan":"x","force":true}`, 400, api.ProblemInvalid, `unknown field "force"`},
		{"two values", "POST", approve, `{} {}`, 400, api.ProblemInvalid, "more than one"},
		{"too large", "POST", approve, `{"plan":"` + strings.Repeat("a", 65<<10) + `"}`, 413, api.ProblemInvalid, "too large"},
		{"no plan", "POST", approve, `{"plan":""}`, 400, api.ProblemInvalid, "plan is missing"},
		{"short plan", "POST", approve, `{"plan":"0123456789a"}`, 400, api.ProblemInvalid, "is not a digest"},
		{"not hexadecimal", "POST", approve, `{"plan":"0123456789xyz"}`, 400, api.ProblemInvalid, "is not a digest"},
		{"another plan", "POST", approve, `{"plan":"0123456789ab"}`, 409, api.ProblemRefused, "plan 0123456789ab is not the one"},
		{"no reason", "POST", incidents + "/" + webtest.Held + "/undrain", `{"reason":" "}`, 400, api.ProblemInvalid, "reason is missing"},
		{"bad scope", "POST", "/api/v1/freeze", `{"scope":"moon","reason":"x"}`, 400, api.ProblemInvalid, `scope "moon"`},
		{"bad scope in query", "DELETE", "/api/v1/freeze?scope=moon", "", 400, api.ProblemInvalid, `scope "moon"`},
		{"a freeze of what is not there", "POST", "/api/v1/freeze", `{"scope":"site:denver","reason":"x"}`, 404, api.ProblemNotFound, "the nearest that there are: site:den"},
		{"maintenance of what is not there", "POST", "/api/v1/maintenance", `{"scope":"device:den-kcy","for":"1h","reason":"x"}`, 404, api.ProblemNotFound, "the nearest that there are: link:den-kcy"},
		{"a thaw of what is not frozen", "DELETE", "/api/v1/freeze?scope=site:den", "", 404, api.ProblemNotFound, "frozen are site:sea"},
		{"frozen already", "POST", "/api/v1/freeze", `{"scope":"site:sea","reason":"x"}`, 409, api.ProblemRefused, "frozen already by olga"},
		{"window without end", "POST", "/api/v1/maintenance", `{"reason":"x"}`, 400, api.ProblemInvalid, "how long"},
		{"window with two ends", "POST", "/api/v1/maintenance", `{"reason":"x","for":"1h","until":"2027-01-01T00:00:00Z"}`, 400, api.ProblemInvalid, "how long"},
		{"window too long", "POST", "/api/v1/maintenance", `{"reason":"x","for":"745h"}`, 400, api.ProblemInvalid, "would last"},
		{"window in the past", "POST", "/api/v1/maintenance", `{"reason":"x","until":"2020-01-01T00:00:00Z"}`, 409, api.ProblemRefused, "has passed"},
		{"nothing to undrain", "POST", incidents + "/" + webtest.Waiting + "/undrain", `{"reason":"x"}`, 409, api.ProblemRefused, "only what is held"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := wantProblem(t, start(t, people()).do(c.method, c.path, "admin", c.body), c.status, c.kind)
			if !strings.Contains(p.Detail, c.detail) {
				t.Errorf("detail %q, want %q in it", p.Detail, c.detail)
			}
		})
	}
}

// An approval is bound to the plan where it is carried out: a shortened digest stands for the plan that is asked about
// only if that begins so.
func TestApproveByPrefix(t *testing.T) {
	s := start(t, people())
	full := plan(t, s)
	a := s.do("POST", "/api/v1/incidents/"+webtest.Asking+"/approve", "approver", `{"plan":"`+strings.ToUpper(full.Short())+`"}`)
	if done := into[api.Done](t, a); a.status != http.StatusOK || done.Position != 16 || done.Incident != webtest.Asking || done.Digest == "" {
		t.Fatalf("%d %+v", a.status, done)
	}
	s.View(func(b *incident.Board) {
		if i, _ := b.Incident(webtest.Asking); len(i.Approvals) != 1 || i.Approvals[0].Plan != full {
			t.Errorf("approved: %+v, want the whole digest %s", i.Approvals, full)
		}
	})
}

func TestMaintenance(t *testing.T) {
	s := start(t, people())
	done := into[api.Done](t, s.do("POST", "/api/v1/maintenance", "operator", `{"scope":"site:den","for":"1h","reason":"work"}`))
	list := into[api.Windows](t, s.do("GET", "/api/v1/maintenance", "viewer", ""))
	if len(list.Windows) != 2 || list.Windows[0].ID != done.Window || !list.Windows[0].Until.Equal(webtest.Start.Add(70*time.Minute)) {
		t.Fatalf("%+v after %+v, want the new window first, an hour after the order", list, done)
	}
	if a := s.do("DELETE", "/api/v1/maintenance/"+done.Window, "operator", ""); a.status != http.StatusOK {
		t.Fatalf("%s", a.body)
	}
	if list := into[api.Windows](t, s.do("GET", "/api/v1/maintenance", "viewer", "")); len(list.Windows) != 1 {
		t.Fatalf("%+v", list)
	}
}

// A bus that does not answer is told apart from a refusal, and every order is in the log with who gave it.
func TestDeafBusAndAudit(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	s := start(t, people(), func(c *web.Config) { c.Log = zap.New(core) })
	if a := s.do("POST", "/api/v1/freeze", "operator", `{"scope":"site:den","reason":"storm"}`); a.status != http.StatusOK {
		t.Fatalf("%s", a.body)
	}
	s.Deafen()
	p := wantProblem(t, s.do("POST", "/api/v1/freeze", "operator", `{"reason":"storm"}`), http.StatusGatewayTimeout, api.ProblemTimeout)
	if !strings.Contains(p.Remedy, "/readyz") {
		t.Errorf("remedy %q", p.Remedy)
	}
	for message, order := range map[string]string{"order taken": "freeze", "order not taken": "freeze"} {
		entries := logs.FilterMessage(message).All()
		if len(entries) != 1 {
			t.Fatalf("%q is in the log %d times, want once", message, len(entries))
		}
		if f := entries[0].ContextMap(); f["who"] != "operator" || f["order"] != order || f["request"] == "" {
			t.Errorf("%q: %v", message, f)
		}
	}
}

// Whoever gives an order that is not carried out here is told to give it elsewhere, and of one that may be in force to look first.
func TestOrdersWithoutEffect(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		kind   string
		remedy string
	}{
		"this replica is halted": {fmt.Errorf("%w: the ledger was altered", incident.ErrAside), http.StatusServiceUnavailable, api.ProblemUnavailable, "to another replica"},
		"it ends":                {fmt.Errorf("%w: %w", incident.ErrAside, context.Canceled), http.StatusServiceUnavailable, api.ProblemUnavailable, "to another replica"},
		"it was not read back":   {fmt.Errorf("%w: %w", incident.ErrUnsure, context.DeadlineExceeded), http.StatusGatewayTimeout, api.ProblemTimeout, "at another whether the order was recorded"},
		"it is left in doubt":    {fmt.Errorf("%w: %w", incident.ErrUnsure, context.Canceled), http.StatusGatewayTimeout, api.ProblemTimeout, "at another whether the order was recorded"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, people(), func(w *web.Config) { w.Orders = away{err: c.err} })
			p := wantProblem(t, s.do("POST", "/api/v1/freeze", "operator", `{"reason":"storm"}`), c.status, c.kind)
			if !strings.Contains(p.Remedy, c.remedy) {
				t.Errorf("remedy %q", p.Remedy)
			}
		})
	}
}

// Who may order what is written down here once more, since the document is made from the same table as the routes.
func TestWhoMayOrder(t *testing.T) {
	const i = "/api/v1/incidents/nobody-1/"
	for _, c := range []struct{ method, path, body, role string }{
		{"POST", i + "approve", `{"plan":"0123456789ab"}`, "approver"},
		{"POST", i + "reject", `{"reason":"x"}`, "approver"},
		{"POST", i + "abort", `{"reason":"x"}`, "operator"},
		{"POST", i + "undrain", `{"reason":"x"}`, "operator"},
		{"POST", "/api/v1/freeze", `{"reason":"x"}`, "operator"},
		{"DELETE", "/api/v1/freeze", "", "operator"},
		{"POST", "/api/v1/maintenance", `{"reason":"x","for":"1h"}`, "operator"},
		{"DELETE", "/api/v1/maintenance/mw-0001", "", "operator"},
		{"POST", "/api/v1/routers/den/prove", "", "operator"},
		{"POST", "/api/v1/routers/den/reboot-trial", "{}", "operator"},
	} {
		s := start(t, people())
		for _, who := range []string{"viewer", "operator", "approver", "admin"} {
			a := s.do(c.method, c.path, who, c.body)
			if may := who == c.role || who == "admin"; may == (a.status == http.StatusForbidden) {
				t.Errorf("%s %s as %s: %d, allowed to be: %t", c.method, c.path, who, a.status, may)
			}
		}
	}
}
