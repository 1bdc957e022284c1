package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/detour-net/detour/internal/chatops/slack/slacktest"
	"github.com/detour-net/detour/internal/incident"
)

const onCallRota = "zone: UTC\nlines: [{from: '2020-01-01 00:00', days: 1, people: [alice]}]\n"

// TestOnCall changes the rota under a replica that runs: who is called follows, a rota with a mistake in it changes nothing and
// is said, and whom each question called stands on the ledger.
func TestOnCall(t *testing.T) {
	t.Parallel()
	workspace := slacktest.New(t)
	workspace.Join(nil, "U0ALICE", "U0BOB", "U0CAROL")
	s := raise(t, setup{replicas: 1, proven: true, rules: rules{Autonomy: "approve", Click: true}, slack: workspace, rota: onCallRota})
	r := s.replicas[0]
	called := func(link string) string {
		t.Helper()
		i := s.asked(link)
		var who string
		s.wait("somebody to be called for "+i.ID, func() bool {
			told := s.latest(link).Told
			n := slices.IndexFunc(told, func(t incident.Telling) bool { return strings.HasPrefix(t.What, "asked ") && t.Message != "" })
			if n >= 0 {
				who = told[n].Called
			}
			return who != ""
		})
		return who
	}
	logged := func() string {
		t.Helper()
		raw, err := os.ReadFile(r.logs.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	age := func(want func(line string) bool) func() bool {
		return func() bool {
			for line := range strings.Lines(r.metrics(t)) {
				if strings.HasPrefix(line, "detour_on_call_age_seconds{") {
					return want(strings.TrimSpace(line))
				}
			}
			return false
		}
	}
	s.wait("the rota to be read", age(func(line string) bool { return !strings.HasSuffix(line, "+Inf") }))
	if who := called(linkPlain); who != "alice" {
		t.Errorf("%q was called, alice has the turn, though bob comes first on the table of people", who)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(s.dir, "rota.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(strings.Replace(onCallRota, "alice", "mallory", 1))
	s.wait("the mistake to be said", func() bool { return strings.Contains(logged(), "who is on call cannot be read") })
	write(strings.Replace(onCallRota, "alice", "bob", 1))
	s.wait("the new rota to be read", func() bool { return strings.Count(logged(), "who is on call was read") == 2 })
	if who := called(linkAbsent); who != "bob" {
		t.Errorf("%q was called, bob has the turn now", who)
	}
}
