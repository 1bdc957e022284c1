package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/web"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/webtest"
)

// What each replica said of its policy is told, and what it refused until it takes another.
func TestPolicies(t *testing.T) {
	s := start(t, people())
	list := into[api.Policies](t, s.do("GET", "/api/v1/policy", "viewer", ""))
	first := s.Status().Policy
	want := []api.ReplicaPolicy{{Replica: "replica-1", Policy: first, Mode: events.Live, Source: "policy.yaml", Since: webtest.Start.Add(time.Second)}}
	if diff := cmp.Diff(want, list.Replicas); diff != "" || list.Position != 15 {
		t.Errorf("position %d (-want +got):\n%s", list.Position, diff)
	}
	refused := events.PolicyRefused{Source: "policy.yaml", Bytes: "sha256:22", Why: "policy.yaml:1:1: unknown key", InForce: first}
	loaded := events.PolicyLoaded{Digest: "sha256:33", Mode: events.Live, Source: "policy.yaml"}
	for _, step := range []struct {
		say  events.Body
		want api.ReplicaPolicy
	}{
		{refused, api.ReplicaPolicy{Replica: "replica-1", Policy: first, Mode: events.Live, Source: "policy.yaml", Since: webtest.Start.Add(time.Second), Refused: &refused}},
		{loaded, api.ReplicaPolicy{Replica: "replica-1", Policy: "sha256:33", Mode: events.Live, Source: "policy.yaml", Since: webtest.Start.Add(time.Hour)}},
	} {
		if _, err := s.Append(webtest.Start.Add(time.Hour), events.Record{Body: step.say}); err != nil {
			t.Fatal(err)
		}
		list := into[api.Policies](t, s.do("GET", "/api/v1/policy", "viewer", ""))
		if diff := cmp.Diff([]api.ReplicaPolicy{step.want}, list.Replicas); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", step.say.Kind(), diff)
		}
	}
}

// A replica that refuses what its file holds is ready all the same, and says so wherever somebody looks.
func TestRefusedPolicyIsSeen(t *testing.T) {
	s := start(t, web.Auth{LocalViewer: true})
	const why = "policy.yaml:1:1: unknown key <b>"
	s.SetStatus(func(st *api.Status) { st.PolicyFrom, st.PolicyRefused = "policy.yaml", why })
	a := s.do("GET", "/readyz", "", "")
	ready := into[api.Ready](t, a)
	if a.status != http.StatusOK || !ready.Ready {
		t.Errorf("%d %+v", a.status, ready)
	}
	for _, c := range ready.Checks {
		if c.Name == "policy" && !(c.OK && strings.Contains(c.Detail, s.Status().Policy.Short()+"; what policy.yaml holds now is refused: "+why)) {
			t.Errorf("%+v", c)
		}
	}
	if st := into[api.Status](t, s.do("GET", "/api/v1/status", "", "")); st.PolicyRefused != why || st.PolicyFrom != "policy.yaml" {
		t.Errorf("%+v", st)
	}
}
