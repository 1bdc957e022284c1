package web_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/webtest"
)

func TestIncidents(t *testing.T) {
	s := start(t, people())
	for query, want := range map[string][]string{
		"":                          {webtest.Held, webtest.Asking, webtest.Waiting, webtest.Stuck, webtest.Refused},
		"?open=true":                {webtest.Held, webtest.Asking, webtest.Waiting, webtest.Stuck},
		"?open=false":               {webtest.Refused},
		"?phase=stuck&phase=asking": {webtest.Asking, webtest.Stuck},
		"?phase=closed&open=true":   nil,
		"?open=true&limit=2":        {webtest.Held, webtest.Asking},
	} {
		list := into[api.Incidents](t, s.do("GET", "/api/v1/incidents"+query, "viewer", ""))
		var got []string
		for _, i := range list.Incidents {
			got = append(got, i.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
		if wantMore := map[bool]int{true: 2}[strings.Contains(query, "limit=2")]; list.More != wantMore {
			t.Errorf("%s: %d more, want %d", query, list.More, wantMore)
		}
	}
}

// The whole incident is what the Board holds, and comes back as it was.
func TestIncident(t *testing.T) {
	s := start(t, people())
	for _, id := range []string{webtest.Held, webtest.Asking, webtest.Waiting, webtest.Refused, webtest.Stuck} {
		got := into[api.Incident](t, s.do("GET", "/api/v1/incidents/"+id, "viewer", ""))
		s.View(func(b *incident.Board) {
			want, _ := b.Incident(id)
			if diff := cmp.Diff(*want, got.Incident, cmp.AllowUnexported(events.Value{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: %s", id, diff)
			}
		})
		if got.Sentence == "" || got.Held == nil || got.Unblock == nil {
			t.Errorf("%s: %+v", id, got)
		}
	}
}

// The history is every record of the incident, with the position and digest of its commit.
func TestHistory(t *testing.T) {
	s := start(t, people())
	h := into[api.History](t, s.do("GET", "/api/v1/incidents/"+webtest.Stuck+"/records", "viewer", ""))
	var kinds []string
	for _, e := range h.Entries {
		body, err := e.Record()
		if err != nil {
			t.Fatal(err)
		}
		if body.Kind() != e.Kind || e.Digest == "" || e.By != "replica-1" {
			t.Errorf("%+v", e)
		}
		kinds = append(kinds, string(body.Kind()))
	}
	if got, want := strings.Join(kinds, " "), "opened observed planned ruled admitted intended applied unknown stuck"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	short := into[api.History](t, s.do("GET", "/api/v1/incidents/"+webtest.Stuck+"/records?limit=2", "viewer", ""))
	if len(short.Entries) != 2 || short.Earlier != 2 || short.Entries[1].Kind != events.KindStuck {
		t.Errorf("%+v, want the newest two commits and two left off", short)
	}
}

func TestWhy(t *testing.T) {
	s := start(t, people())
	why := into[api.Why](t, s.do("GET", "/api/v1/events/018f-3/why", "viewer", ""))
	if why.Event == nil || why.Event.Incident != webtest.Waiting || why.Incident == nil || why.Incident.Held[0].Name != "budget-device" {
		t.Errorf("%+v", why)
	}
	why = into[api.Why](t, s.do("GET", "/api/v1/events/018f-0/why", "viewer", ""))
	if why.Incident != nil || why.Event.Disposition != events.WasNowhere {
		t.Errorf("%+v, want an event without an incident", why)
	}
	if d := into[api.Decisions](t, s.do("GET", "/api/v1/decisions", "viewer", "")); len(d.Decisions) != 5 || d.Decisions[1].Verdict != events.Ask {
		t.Errorf("%+v", d)
	}
}

func TestDrains(t *testing.T) {
	list := into[api.Drains](t, start(t, people()).do("GET", "/api/v1/drains", "viewer", ""))
	var got []string
	for _, d := range list.Drains {
		got = append(got, d.Link+" "+d.Owner+" "+d.Incident)
	}
	want := []string{"den-kcy detour den-kcy-1", "lax-hou detour lax-hou-1", "ipl-atl other "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if v := list.Drains[0].Verdict; v == nil || v.Prospect.Drained.SurvivePermil != 912 || v.Prospect.InService.WorstPermil != 520 || !strings.HasPrefix(v.Sentence, "after the drain worst link den-sea 69 %") {
		t.Errorf("the newest verdict on the first is %+v", v)
	}
	if v := list.Drains[1].Verdict; v == nil || v.Prospect.Drained.SurvivePermil != 990 {
		t.Errorf("the second waits for a person, and has %+v", v)
	}
	if v := list.Drains[2].Verdict; v == nil || v.Prospect.Drained.SurvivePermil != 990 || v.Prospect.Drained.WorstPermil != 780 {
		t.Errorf("somebody else's costs %+v", v)
	}
	if d := list.Drains[0]; !d.Seen || d.Worst != "den-sea" || d.Permil != 412 || d.Expires.IsZero() || d.Since.IsZero() {
		t.Errorf("%+v", d)
	}
}

// The ledger is served as it lies on the stream, in parts and as a whole, altered lines included.
func TestLedger(t *testing.T) {
	s := start(t, people())
	part := into[api.Ledger](t, s.do("GET", "/api/v1/ledger?from=4&limit=3", "viewer", ""))
	if len(part.Lines) != 3 || part.Next != 7 || part.Last != 15 || !bytes.HasPrefix(part.Lines[0], []byte(`{"position":4,`)) {
		t.Errorf("%+v", part)
	}
	end := into[api.Ledger](t, s.do("GET", "/api/v1/ledger?limit=2", "viewer", ""))
	if len(end.Lines) != 2 || end.Next != 0 || !bytes.HasPrefix(end.Lines[0], []byte(`{"position":14,`)) {
		t.Errorf("%+v", end)
	}
	if beyond := into[api.Ledger](t, s.do("GET", "/api/v1/ledger?from=99", "viewer", "")); len(beyond.Lines) != 0 {
		t.Errorf("%+v", beyond)
	}
	s.Alter(7, []byte("major"), []byte("minor"))
	whole := s.do("GET", "/api/v1/ledger/export", "viewer", "")
	if n := bytes.Count(whole.body, []byte("\n")); n != 15 || !bytes.Contains(bytes.Split(whole.body, []byte("\n"))[6], []byte("minor")) {
		t.Errorf("%d lines: %s", n, whole.body)
	}
}

func TestHealth(t *testing.T) {
	s := start(t, people())
	if a := s.do("GET", "/readyz", "", ""); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for name, spoil := range map[string]func(*api.Status){
		"bus": func(st *api.Status) { st.Connected = false }, "ledger": func(st *api.Status) { st.CaughtUp = false },
		"policy": func(st *api.Status) { st.Policy = "" }, "acting": func(st *api.Status) { st.Halted = "a record of an unknown kind" },
	} {
		s := start(t, people())
		s.SetStatus(spoil)
		a := s.do("GET", "/readyz", "", "")
		ready := into[api.Ready](t, a)
		if a.status != http.StatusServiceUnavailable || ready.Ready {
			t.Errorf("%s: %d %+v", name, a.status, ready)
		}
		for _, c := range ready.Checks {
			if c.OK == (c.Name == name) || c.Detail == "" {
				t.Errorf("%s: %+v", name, c)
			}
		}
		if a := s.do("GET", "/livez", "", ""); a.status != http.StatusOK {
			t.Errorf("%s: livez %d", name, a.status)
		}
	}
}

// TestHealthOfWhatHoldsNothingUp: a chat that is away costs that channel alone, and that no checkpoint leaves the cluster nothing.
// Both are told.
func TestHealthOfWhatHoldsNothingUp(t *testing.T) {
	for _, c := range []struct {
		name, state string
		want        api.Condition // zero: nothing is said
	}{
		{"chat", "", api.Condition{}},
		{"chat", web.ChatConnected, api.Condition{Name: "chat", OK: true, Detail: "connected"}},
		{"chat", "socket: cut off", api.Condition{Name: "chat", Detail: "no button works in a chat that is away, decide at the console, the command line or by the API: socket: cut off"}},
		{"checkpoints", "", api.Condition{}},
		{"checkpoints", web.CheckpointsShipped, api.Condition{Name: "checkpoints", OK: true, Detail: "shipped"}},
		{"checkpoints", "to file none", api.Condition{Name: "checkpoints", Detail: "what is changed in every copy of the ledger is not found by the newest checkpoint: to file none"}},
	} {
		s := start(t, people())
		s.SetStatus(func(st *api.Status) {
			*map[string]*string{"chat": &st.Chat, "checkpoints": &st.Checkpoints}[c.name] = c.state
		})
		a := s.do("GET", "/readyz", "", "")
		ready, got := into[api.Ready](t, a), api.Condition{}
		for _, check := range ready.Checks {
			if check.Name == c.name {
				got = check
			}
		}
		if a.status != http.StatusOK || !ready.Ready || got != c.want {
			t.Errorf("%s %q: %d, %+v, want %+v", c.name, c.state, a.status, got, c.want)
		}
	}
}

func TestMetrics(t *testing.T) {
	s := start(t, people())
	s.do("GET", "/api/v1/incidents/"+webtest.Held, "viewer", "")
	s.do("GET", "/api/v1/incidents/nobody-1", "viewer", "")
	got := string(s.do("GET", "/metrics", "", "").body)
	for _, want := range []string{
		`detour_http_requests_total{route="GET /api/v1/incidents/{id}",status="200"} 1`,
		`detour_http_requests_total{route="GET /api/v1/incidents/{id}",status="404"} 1`,
		`detour_http_request_seconds_count{route="GET /api/v1/incidents/{id}"} 2`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
}

// Incidents that were decided together name the one that speaks for them.
func TestTogether(t *testing.T) {
	s := start(t, people())
	if _, err := s.Append(webtest.Start, webtest.Together()...); err != nil {
		t.Fatal(err)
	}
	for _, i := range into[api.Incidents](t, s.do("GET", "/api/v1/incidents?open=true", "viewer", "")).Incidents {
		want := map[string]string{webtest.Lead: webtest.Lead, webtest.Child: webtest.Lead}[i.ID]
		if i.Lead != want || (i.Cause != "") != (want != "") {
			t.Errorf("%s: spoken for by %q, cause %q", i.ID, i.Lead, i.Cause)
		}
	}
	why := into[api.Why](t, s.do("GET", "/api/v1/incidents/"+webtest.Lead+"/why", "viewer", ""))
	if diff := cmp.Diff([]string{webtest.Child}, why.Incident.Children); diff != "" || !strings.Contains(why.Incident.Sentence, "2 of 2 links alarmed, and it speaks for "+webtest.Child) {
		t.Errorf("why: %+v", why.Incident)
	}
}

// A summary says what people are asked, and until when a drain stands.
func TestSummary(t *testing.T) {
	s := start(t, people())
	rows := map[string]api.Summary{}
	for _, i := range into[api.Incidents](t, s.do("GET", "/api/v1/incidents", "viewer", "")).Incidents {
		rows[i.ID] = i
	}
	asking, held, refused := rows[webtest.Asking], rows[webtest.Held], rows[webtest.Refused]
	want := &api.Question{Plan: plan(t, s), Quorum: 1, Approved: []string{}, Roles: []string{"approver"}, Asked: webtest.Start.Add(7 * time.Second), Expires: webtest.Start.Add(time.Hour), Checks: []string{}}
	if diff := cmp.Diff(want, asking.Question); diff != "" {
		t.Errorf("what is asked (-want +got):\n%s", diff)
	}
	if len(asking.Unblock) == 0 || asking.Rule != "drain-sick-links" || asking.Plan != "drain link chi-nyc softly: IS-IS metric 16777214 on both ends" {
		t.Errorf("%+v", asking)
	}
	if held.Question != nil || !held.Expires.Equal(webtest.Start.Add(24*time.Hour)) || !held.Until.Equal(webtest.Start.Add(30*time.Minute)) {
		t.Errorf("%+v", held)
	}
	if refused.Unblock != nil || !refused.Expires.IsZero() {
		t.Errorf("%+v", refused)
	}
}

// A long list is read in parts, and none of it twice.
func TestIncidentsInParts(t *testing.T) {
	s := start(t, people())
	var got []string
	for skip, more := 0, 1; more > 0; skip += 2 {
		part := into[api.Incidents](t, s.do("GET", fmt.Sprintf("/api/v1/incidents?limit=2&skip=%d", skip), "viewer", ""))
		more = part.More
		for _, i := range part.Incidents {
			got = append(got, i.ID)
		}
	}
	if want := []string{webtest.Held, webtest.Asking, webtest.Waiting, webtest.Stuck, webtest.Refused}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	wantProblem(t, s.do("GET", "/api/v1/incidents?skip=-1", "viewer", ""), http.StatusBadRequest, api.ProblemInvalid)
}
