package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
)

// play runs a scenario as `detour demo --scenario NAME --exit -o json` does and returns its last line and its story.
func play(t *testing.T, name string) (Result, string, error) {
	t.Helper()
	var out, words bytes.Buffer
	err := Run(t.Context(), Options{Scenario: name, Exit: true, JSON: true, Listen: "127.0.0.1:0", Out: &out, Words: &words})
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var r Result
	if decodeErr := json.Unmarshal([]byte(lines[len(lines)-1]), &r); decodeErr != nil {
		t.Fatalf("last line %q: %v; %v\n%s", lines[len(lines)-1], decodeErr, err, words.String())
	}
	return r, words.String(), err
}

// TestScenarios plays the short ones; every one is played by the continuous integration.
func TestScenarios(t *testing.T) {
	for _, c := range []struct {
		name, outcome string
		sets          int
		says          string
	}{
		{"one-end-refuses", string(events.RolledBack), 3, "kcy did not take it (router)"},
		{"maintenance", string(events.WasDryRun), 0, "dry run: maintenance window"},
		{"frozen", outcomeWaiting, 0, "freeze is network"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, story, err := play(t, c.name)
			if err != nil || !r.AsExpected || !r.LedgerVerified || r.Outcome != c.outcome || r.Sets != c.sets {
				t.Errorf("%v: %+v\n%s", err, r, story)
			}
			if !strings.Contains(story, c.says) {
				t.Errorf("the story does not say %q:\n%s", c.says, story)
			}
		})
	}
}

// TestUnexpectedEndIsAnError holds the check itself to account: a scenario that promises another end must fail.
func TestUnexpectedEndIsAnError(t *testing.T) {
	sc, err := Find("frozen")
	if err != nil {
		t.Fatal(err)
	}
	sc.Want = string(events.Restored)
	var out, words bytes.Buffer
	o := Options{Exit: true, JSON: true, Listen: "127.0.0.1:0", Out: &out, Words: &words}
	if err := run(t.Context(), o, sc); err == nil || !strings.Contains(err.Error(), "the outcome is waiting, want restored") {
		t.Errorf("error %v", err)
	}
}

func TestFind(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Scenarios() {
		if seen[s.Name] || s.Summary == "" || s.Want == "" || s.play == nil || s.check == nil {
			t.Errorf("scenario %q is not whole, or there are two of it", s.Name)
		}
		seen[s.Name] = true
		if found, err := Find(s.Name); err != nil || found.Name != s.Name {
			t.Errorf("Find(%q): %v, %v", s.Name, found.Name, err)
		}
	}
	if _, err := Find("nonsense"); err == nil {
		t.Error("a scenario that does not exist was found")
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %q, want %q", n, got, want)
		}
	}
}

// TestDuct wants three links between the same two routers in one risk group, and every other link in none.
func TestDuct(t *testing.T) {
	r, err := network.NewResolver(withDuct())
	if err != nil {
		t.Fatal(err)
	}
	scope := events.ScopeOf("srlg", duct)
	if diff := cmp.Diff([]string{theLink, second, third}, r.Links(scope)); diff != "" {
		t.Errorf("links in the duct (-want +got):\n%s", diff)
	}
	for _, link := range r.Links(scope) {
		if target, _ := r.Link(link); target.Ends[0].Device != "den" || target.Ends[1].Device != "kcy" {
			t.Errorf("%s joins %v", link, target.Ends)
		}
	}
}

// pauser hears the story, and loses patience when it is told to wait.
type pauser struct {
	bytes.Buffer
	leave context.CancelFunc
}

// Write takes a part of the story.
func (p *pauser) Write(text []byte) (int, error) {
	if bytes.Contains(text, []byte("the story begins in 1h0m0s")) {
		p.leave()
	}
	return p.Buffer.Write(text)
}

// TestWait: nothing happens before somebody has had the time to open the console, whose address is told first.
func TestWait(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	words := &pauser{leave: cancel}
	err := Run(ctx, Options{Scenario: "link-errors", Exit: true, JSON: true, Listen: "127.0.0.1:0", Wait: time.Hour, Out: io.Discard, Words: words})
	if story := words.String(); !errors.Is(err, context.Canceled) || !strings.Contains(story, "console and API at http://127.0.0.1:") || strings.Contains(story, "begins to lose") {
		t.Errorf("%v:\n%s", err, story)
	}
}
