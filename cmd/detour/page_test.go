package main

import (
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/policy"
)

// The newest ruling of an incident is not always the one that it acted on, and is not said to be.
func TestRuledWhen(t *testing.T) {
	ruling := func(names ...string) *events.Ruled {
		r := &events.Ruled{Verdict: events.Defer}
		for _, name := range names {
			r.Checks = append(r.Checks, events.Check{Name: name, OK: true})
		}
		return r
	}
	for _, tt := range []struct {
		hold bool
		by   *events.Ruled
		want string
	}{
		{false, nil, "checks before acting"},
		{false, ruling(policy.CheckPlan, policy.CheckApproval), "checks before acting"},
		{true, ruling(policy.CheckPlan, policy.CheckApproval), "checks before acting"},
		{true, ruling(policy.CheckBearable), "checks while it stands"},
		{true, ruling(policy.CheckPlan, policy.CheckCapacity), "checks before putting back"},
	} {
		i := api.Incident{Incident: incident.Incident{Ruling: tt.by}}
		if tt.hold {
			i.Hold = &events.Held{}
		}
		if got := ruledWhen(i); got != tt.want {
			t.Errorf("%+v, held: %t: %q, want %q", tt.by, tt.hold, got, tt.want)
		}
	}
}

// What could not be computed is shown to be so, and a verdict without a matrix names none.
func TestVerdictOnThePage(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	shown := func(f *events.Prospect) string {
		p := &page{i: api.Incident{Verdict: &incident.Verdict{At: f.At, Sentence: f.Sentence(1), Prospect: f}}}
		p.verdict()
		return p.buf.String()
	}
	bound := shown(&events.Prospect{At: at, Inputs: "sha256:333333333333", Method: events.MethodBound, Besides: []string{"chi-nyc"}, NewViolations: 2})
	for _, want := range []string{"worst link at most 0 %", "new violations", "bound, on what was seen at 2026-11-21 12:00:00Z, inputs 333333333333, beside chi-nyc\n"} {
		if !strings.Contains(bound, want) {
			t.Errorf("%q is not in\n%s", want, bound)
		}
	}
	if got, want := shown(&events.Prospect{Missing: "link den-kcy is not seen"}), "\nVERDICT\n  what the drain would do is not known: link den-kcy is not seen\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
