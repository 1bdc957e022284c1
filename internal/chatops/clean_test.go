package chatops

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident/boardtest"
)

func TestClean(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"plain", "ge-0/0/1.100 <b> & *bold* ünïcode 東京", "ge-0/0/1.100 <b> & *bold* ünïcode 東京"},
		{"lines", "a\nb\r\tc", "a b  c"},
		{"controls", "a\x00b\x1b[31mred\x7f", "a\uFFFDb\uFFFD[31mred\uFFFD"},
		{"direction", "a\u202Egnp.exe\u2066\u200B", "a\uFFFDgnp.exe\uFFFD\uFFFD"},
		{"separators", "a\u2028b\u2029c", "a\uFFFDb\uFFFDc"},
		{"invisible", "a\u034Fb\u115Fc\u17B4d\u2800e\u3164f\uFE0Fg\uFFA0h\U000E0100i\u00ADj", "a\uFFFDb\uFFFDc\uFFFDd\uFFFDe\uFFFDf\uFFFDg\uFFFDh\uFFFDi\uFFFDj"},
		{"no text", "a\xff\xfeb", "a\uFFFDb"},
		{"long", strings.Repeat("ü", 1500+1), strings.Repeat("ü", 1500-1) + "…"},
	} {
		if got := Clean(c.text); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{"", "den", "\x1b]0;x\a", "\u202E", "<!channel>", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := Clean(text)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > 1500 || strings.ContainsAny(got, "\n\r\t\x00\x1b\u202E\u2066") || Clean(got) != got {
			t.Errorf("%q became %q", text, got)
		}
	})
}

// TestHostileNames puts markup and control characters into everything that comes from outside: no part of a card, no notice
// and no answer carries them on.
func TestHostileNames(t *testing.T) {
	const evil = "<!channel>\u202E\x1b[2J\nX"
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		d, _ := s.desk(0)
		p := boardtest.Plan("den-kcy", 16777214)
		p.Plan.Sentence, p.Rule, p.ModeWhy = evil, evil, evil
		p.Plan.Target.Name = evil
		p.Plan.Steps[0].Changes[0].Device, p.Plan.Steps[0].Changes[0].Settings[0].Interface = evil, evil
		p.Digest = p.Plan.Digest()
		id := p.Plan.Target.Slug() + "-1"
		r := boardtest.Ruled(p, events.Ask)
		r.Checks[1].Name, r.Checks[1].Value, r.Checks[1].Limit, r.Checks[1].Detail, r.Checks[1].Remedy = evil, evil, evil, evil, evil
		s.Say(id, events.Opened{Target: p.Plan.Target, Epoch: 1, Symptom: evil, Severity: events.Major}, &events.Observed{Event: evil, Source: evil, Disposition: events.DidOpen, Anomaly: events.Anomaly{
			Kind: evil, State: events.Firing, Severity: events.Major, Resource: events.Resource{Link: evil}, Unit: evil, ObservedAt: time.Now().UTC(), Labels: map[string]string{"asked_by": evil},
		}}, p, r, boardtest.Asked(p, 1, time.Now().Add(time.Minute)))
		s.settle(time.Second)
		s.press(d, "U4", id, Why)
		shown := append(s.threads(), s.replies()...)
		s.Say(id, events.Rejected{By: events.Person{Name: evil, Via: evil}, Reason: evil})
		s.Say(id, events.Closed{Outcome: events.WasRejected, Reason: evil})
		s.settle(time.Second)
		texts := []string{strings.ReplaceAll(s.heard("U4"), "\n", "")}
		for _, m := range append(append(shown, s.threads()...), s.replies()...) {
			texts = append(texts, m.card.Title)
			for _, part := range m.card.Parts {
				texts = append(texts, part.Lines...)
			}
			for _, b := range m.card.Buttons {
				texts = append(texts, b.Confirm)
			}
		}
		if len(texts) < 12 {
			t.Errorf("only %d texts", len(texts))
		}
		for _, text := range texts {
			if strings.ContainsAny(text, "\u202E\x1b\n") {
				t.Errorf("%q", text)
			}
		}
	})
}
