package main

import (
	"bytes"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/webtest"
)

// hostile renames the window, wipes the screen, turns the direction of writing, shows nothing, and begins lines of its own.
const hostile = "x\x1b]0;owned\x07\x1b[2J\u202egpj.exe\u3164\u200b\nFORGED\r\tFORGED"

// TestHostileTerminal has every verb that shows what strangers have written show it: nothing of it reaches the terminal but
// letters, and no line is theirs.
func TestHostileTerminal(t *testing.T) {
	r := webtest.New()
	if _, err := r.Append(webtest.Start.Add(time.Hour), webtest.Hostile(hostile)...); err != nil {
		t.Fatal(err)
	}
	s, err := web.New(r.Config(web.Auth{LocalViewer: true}))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.Handler())
	defer srv.Close()
	defer s.Close()
	const id = "svl-lax-1"
	for _, verb := range [][]string{
		{"incidents"}, {"incidents", id}, {"why", id}, {"why", "018f-7" + hostile}, {"handover"}, {"drains"}, {"freeze", "--list"}, {"ledger", "tail", "-n", "1000"},
		{"ledger", "verify"}, {"policy", "show"}, {"routers"}, {"maintenance", "list"}, {"why", hostile}, {"incidents", hostile}, {"incidents", "--phase", hostile},
	} {
		for _, output := range []string{asTable, asJSON} {
			var out, words bytes.Buffer
			code := execute(t.Context(), append(slices.Clone(verb), "-o", output, "--server", srv.URL, "--token-file", ""), strings.NewReader(""), &out, &words)
			if slices.Contains(verb, hostile) == (code == exitDone) {
				t.Errorf("%q: exit code %d, %s", verb, code, words.String())
			}
			all := out.String() + words.String()
			bad := "\x1b\x07\r"
			if output == asTable {
				bad += "\u202e\u3164\u200b"
			}
			if n := strings.IndexAny(all, bad); n >= 0 {
				t.Errorf("%q: %q", verb, all[max(0, n-40):min(len(all), n+40)])
			}
			for line := range strings.Lines(all) {
				if strings.HasPrefix(strings.TrimSpace(line), "FORGED") {
					t.Errorf("%q: a line of theirs: %q", verb, line)
				}
			}
			if output == asTable && len(verb) == 2 && verb[1] == id && !strings.Contains(all, "gpj.exe") {
				t.Errorf("%q does not show it at all:\n%s", verb, all)
			}
		}
	}
}

// TestHarmless: whatever prints as text is made harmless, also inside a list; numbers and what is painted stay.
func TestHarmless(t *testing.T) {
	const evil, mild = "a\x1b[2J\nb", "a\uFFFD[2J b"
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	got := harmless([]any{evil, events.Scope(evil), incident.Phase(evil), errors.New(evil), []string{evil}, painted(evil), 7, true, nil, at, 3 * time.Second})
	want := []any{mild, mild, mild, mild, "[" + mild + "]", painted(evil), 7, true, nil, at.String(), "3s"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, s := range []style{{true}, {false}} {
		text := string(s.in(red, evil))
		if s.colour {
			text = strings.TrimSuffix(strings.TrimPrefix(text, "\x1b[31m"), "\x1b[0m")
		}
		if text != mild {
			t.Errorf("colour %t: %q", s.colour, text)
		}
	}
}

// TestHarmlessErrors: an error of this machine's keeps its lines, and a server's is one.
func TestHarmlessErrors(t *testing.T) {
	var words bytes.Buffer
	explain(&words, usage("policy.yaml:3:7: no such key\n  3 | rulez:\x1b[2J\n      ^"))
	explain(&words, &api.Problem{Title: "Refused", Detail: "frozen: " + hostile, Remedy: hostile})
	want := "detour: policy.yaml:3:7: no such key\n  3 | rulez:\uFFFD[2J\n      ^\n" +
		"detour: Refused: frozen: x\uFFFD]0;owned\uFFFD\uFFFD[2J\uFFFDgpj.exe\uFFFD\uFFFD FORGED  FORGED\n" +
		"        x\uFFFD]0;owned\uFFFD\uFFFD[2J\uFFFDgpj.exe\uFFFD\uFFFD FORGED  FORGED\n"
	if diff := cmp.Diff(want, words.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
