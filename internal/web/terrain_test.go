package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/webtest"
)

func TestMap(t *testing.T) {
	s := start(t, people())
	s.Break("hou-atl", "den-kcy")
	if top := into[api.Topology](t, s.do("GET", "/api/v1/topology", "viewer", "")); len(top.Routers) != 11 || len(top.Links) != 14 || top.Links[0].A != "sea" || top.Routers[0].Latitude != 47.61 {
		t.Errorf("%+v", top)
	}
	m := into[api.Map](t, s.do("GET", "/api/v1/map", "viewer", ""))
	want := []api.Mark{
		{Link: "chi-nyc", Incident: webtest.Asking, Phase: incident.Asking, Firing: true},
		{Link: "den-kcy", Down: true, Drained: events.Identity, Incident: webtest.Held, Phase: incident.Holding, Firing: true},
		{Link: "hou-atl", Down: true},
		{Link: "ipl-atl", Drained: api.OwnerOther},
		{Link: "lax-hou", Drained: events.Identity, Incident: webtest.Stuck, Phase: incident.Stuck, Firing: true}, // no router shows it, and it may stand
		{Link: "sea-den", Incident: webtest.Waiting, Phase: incident.Waiting, Firing: true},
	}
	if diff := cmp.Diff(want, m.Marks); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
	if len(m.Loads) != 14 || m.Loads[0] != 200 || m.Loads[13] != -1 || !cmp.Equal(m.Unseen, []string{"kcy"}) || m.Position != 15 {
		t.Errorf("%+v", m)
	}
}

// Every rule is accounted for: what it did, and that it did nothing.
func TestRules(t *testing.T) {
	s := start(t, people())
	got := into[api.Rules](t, s.do("GET", "/api/v1/policy/rules", "viewer", ""))
	want := []api.Rule{
		{Name: "drain-sick-links", InForce: true, Autonomy: "auto", Remediation: "link-drain", Kinds: []events.AnomalyKind{events.LinkErrors, events.LinkFlap},
			Incidents: 5, Open: 4, Asked: 1, Drained: 1, Sets: 4, Outcomes: map[events.Outcome]int{events.WasRefused: 1}, Held: map[string]int{"autonomy": 1, "budget-device": 1, "last-link": 1}},
		{Name: "silent-losses", InForce: true, Autonomy: "shadow", Remediation: "link-drain", Kinds: []events.AnomalyKind{events.SilentLoss}, Outcomes: map[events.Outcome]int{}, Held: map[string]int{}},
	}
	if diff := cmp.Diff(want, got.Rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if !got.Whole || !got.Since.Equal(webtest.Start.Add(10*time.Minute-7*24*time.Hour)) || got.Policy == "" {
		t.Errorf("%+v", got)
	}
	s.SetClock(func() time.Time { return webtest.Start.Add(8*time.Second + 24*time.Hour) })
	if late := into[api.Rules](t, s.do("GET", "/api/v1/policy/rules?days=1", "viewer", "")).Rules[0]; late.Incidents != 3 {
		t.Errorf("a day later %d incidents were opened within a day, want 3", late.Incidents)
	}
	for _, days := range []string{"0", "32", "week"} {
		wantProblem(t, s.do("GET", "/api/v1/policy/rules?days="+days, "viewer", ""), http.StatusBadRequest, api.ProblemInvalid)
	}
}

// A rule that is in the policy no more is still accounted for.
func TestRulesOfBefore(t *testing.T) {
	s := start(t, people())
	p := events.Planned{Plan: events.Plan{Remediator: "linkdrain", Sentence: "drain"}, Rule: "old-rule", Mode: events.DryRun, ModeWhy: "shadow"}
	p.Digest = p.Plan.Digest()
	target := events.Target{Kind: events.TargetLink, Name: "svl-lax", Scopes: []events.Scope{events.Network}}
	_, err := s.Append(webtest.Start.Add(time.Minute), events.Record{Incident: "svl-lax-1", Body: events.Opened{Target: target, Epoch: 1, Symptom: events.LinkErrors, Severity: events.Minor}}, events.Record{Incident: "svl-lax-1", Body: p})
	if err != nil {
		t.Fatal(err)
	}
	rules := into[api.Rules](t, s.do("GET", "/api/v1/policy/rules", "viewer", "")).Rules
	if last := rules[len(rules)-1]; len(rules) != 3 || last.Name != "old-rule" || last.InForce || last.Incidents != 1 || last.Drained != 0 {
		t.Errorf("%+v", rules)
	}
}

func TestSearch(t *testing.T) {
	s := start(t, people())
	search := func(query string) (found []string, h api.Hits) {
		h = into[api.Hits](t, s.do("GET", "/api/v1/ledger/search?"+query, "viewer", ""))
		for _, one := range h.Hits {
			found = append(found, one.Incident+" "+string(one.Kind))
		}
		return found, h
	}
	for query, want := range map[string][]string{
		"text=FIBRE":                              {" frozen"},
		"kind=stuck&kind=frozen":                  {" frozen", webtest.Stuck + " stuck"},
		"incident=" + webtest.Stuck:               {"lax-hou-1 stuck", "lax-hou-1 unknown", "lax-hou-1 applied", "lax-hou-1 intended", "lax-hou-1 admitted", "lax-hou-1 ruled", "lax-hou-1 planned", "lax-hou-1 observed", "lax-hou-1 opened"},
		"incident=lax-hou":                        nil,
		"text=closed&kind=closed&before=10":       {webtest.Refused + " closed"},
		"text=closed&kind=closed&before=9":        nil,
		"text=%3Cscript%3E":                       nil,
		"incident=" + webtest.Held + "&kind=held": {webtest.Held + " held"},
	} {
		if got, _ := search(query); !cmp.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	// In parts it finds what it finds at once, each record once, and says when it has come to the beginning.
	all, whole := search("limit=1000")
	var parts []string
	for query, more := "limit=4", uint64(1); more > 0; {
		found, h := search(query)
		parts, more = append(parts, found...), h.Older
		query = "limit=4&before=" + fmt.Sprint(more)
	}
	if diff := cmp.Diff(all, parts); diff != "" || whole.Older != 0 || whole.Read != 15 || whole.Last != 15 {
		t.Errorf("%+v; in parts (-at once +in parts):\n%s", whole, diff)
	}
	// What JSON escapes is found as it was written.
	const reason = `<script> & "fibre work" in C:\temp, Zürich`
	if _, err := s.Append(webtest.Start.Add(time.Hour), events.Record{Body: events.Frozen{Scope: "site:den", By: events.Person{Name: "olga"}, Reason: reason}}); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{reason, "<SCRIPT>", "> & ", `"fibre work"`, `work"`, `C:\t`, "zürich"} {
		if got, _ := search("kind=frozen&text=" + url.QueryEscape(text)); len(got) != 1 {
			t.Errorf("%q: %v", text, got)
		}
	}
	// What cannot be read is passed over: to name it is verify's.
	s.Alter(13, []byte(`"stuck"`), []byte(`"stuck`))
	s.Alter(14, nil, nil)
	if got, h := search("kind=stuck&kind=frozen&kind=maintenance-begun"); len(got) != 2 || h.Read != 16 {
		t.Errorf("%v of %d commits", got, h.Read)
	}
	wantProblem(t, s.do("GET", "/api/v1/ledger/search?before=0", "viewer", ""), http.StatusBadRequest, api.ProblemInvalid)
}
