package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/app"
	"github.com/detour-net/detour/internal/incident"
)

// TestReplayLines has every difference there is, a line each, and what it all comes to.
func TestReplayLines(t *testing.T) {
	choice := func(v events.Verdict, m events.Mode) incident.Choice {
		return incident.Choice{Verdict: v, Mode: m, Plan: "p", Rule: "r"}
	}
	held := choice(events.Ask, events.Live)
	held.Held, held.Why = []string{"approval", "capacity"}, "an approver is needed"
	other := choice(events.Allow, events.Live)
	other.Plan, other.Action = "q", "drain link x (hard)"
	replayed := &app.Replayed{Decisions: 12, Commits: 34, Same: 4, Acts: 1, Spares: 2, Otherwise: 3, More: 1, WhyUnknown: map[string]int{"b": 2, "a": 1}}
	for i, choices := range [][2]incident.Choice{
		{choice(events.Allow, events.Live), held},
		{held, choice(events.Allow, events.DryRun)},
		{choice(events.Defer, events.DryRun), {Outcome: events.Restored}},
		{choice(events.Allow, events.Live), other},
		{choice(events.Deny, events.Live), choice(events.Allow, events.Live)},
	} {
		replayed.Differences = append(replayed.Differences, app.Difference{
			Position: uint64(i), At: time.Date(2026, 11, 21, 16, 35, i, 0, time.UTC), Incident: "x-1", Then: choices[0], Now: choices[1],
		})
	}
	var out, words bytes.Buffer
	if err := (&cli{stdout: &out, stderr: &words}).writeReplay(replayed); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(out.String() + words.String()) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	want := []string{
		"AT POSITION INCIDENT THEN BY THIS POLICY WHY",
		"2026-11-21 16:35:00Z 0 x-1 acts asks an approver is needed",
		"2026-11-21 16:35:01Z 1 x-1 asks acts (dry run) no longer held by approval, capacity",
		"2026-11-21 16:35:02Z 2 x-1 waits (dry run) restored it would have ended as restored",
		"2026-11-21 16:35:03Z 3 x-1 acts acts by another plan: drain link x (hard)",
		"2026-11-21 16:35:04Z 4 x-1 refuses acts by rule r",
		"and 1 differences more",
		"not made once more, 1: a",
		"not made once more, 2: b",
		"4 of 12 decisions in 34 commits are the same; routers would have been set 1 times where they were not, and not been set 2 times where they were; 3 differ otherwise",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}
