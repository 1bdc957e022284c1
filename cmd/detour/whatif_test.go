package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/policy"
)

// outlook draws an outlook whose figures lie about the limits.
func outlook(r *rand.Rand) events.Outlook {
	o := events.Outlook{WorstPermil: 780 + r.IntN(40), WorstLink: "x-y, x to y", SurvivePermil: 980 + r.IntN(100), Failure: "y-z", Link: "x-y, x to y", Failures: 1 + r.IntN(3)}
	for range r.IntN(3) {
		o.CutOffNames = append(o.CutOffNames, fmt.Sprintf("r%d > s", r.IntN(5)))
		o.CutOff += 10
	}
	return o
}

// TestJudgedAlike holds the offline verdict against the policy's own, which decides for real: they are never two opinions.
func TestJudgedAlike(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	r := rand.New(rand.NewPCG(1, 2))
	count := map[bool]int{}
	for range 5000 {
		edge := []string{"refuse", "ask", "allow"}[r.IntN(3)]
		rules, err := policy.Parse("drawn", fmt.Appendf(nil, "prospect: {worst_permil: %d, survive_permil: %d, worse_by_permil: %d, new_violations: %d, edge: %s}\n",
			790+r.IntN(20), 990+r.IntN(20), r.IntN(60), r.IntN(2), edge))
		if err != nil {
			t.Fatal(err)
		}
		f := events.Prospect{
			At: now, MatrixAt: now, Method: events.MethodExact, Fit: events.Fit{Links: 4, Close: 4},
			InService: outlook(r), Drained: outlook(r), NewViolations: r.IntN(3),
		}
		want := rules.Bearable(&f, now, false)
		l := rules.Prospects()
		got := []events.Check{connectivity(f, true), capacity(f, l), survives(f, l)}
		ok := true
		for _, c := range got {
			ok = ok && c.OK
			if c.Value == "" || c.Limit == "" || c.Detail == "" {
				t.Fatalf("a check says nothing: %+v", c)
			}
		}
		count[ok]++
		if ok != want.OK {
			t.Fatalf("%+v by %+v: %v here %+v, %v by the policy: %s", f, l, ok, got, want.OK, want.Detail)
		}
	}
	if count[true] < 100 || count[false] < 100 {
		t.Errorf("%d safe and %d not: want many of both", count[true], count[false])
	}
}

func TestParseRate(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "40G": 40_000_000_000, "2.5 Gbit/s": 2_500_000_000, "100k": 100_000, "100K": 100_000, "10Mbps": 10_000_000, " 1T ": 1_000_000_000_000,
		"1e9": 1_000_000_000, "7 bit/s": 7, "3 b/s": 3,
	} {
		if got, err := parseRate(text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "G", "-1G", "0", "0.1", "NaN", "Inf", "1e300", "2000T", "40GG", "40 apples", "4G0", strings.Repeat("9", 1000)} {
		if got, err := parseRate(text); err == nil || len(err.Error()) > 200 {
			t.Errorf("%q is taken for %d: %v", text, got, err)
		}
	}
}

func TestNearNames(t *testing.T) {
	w := &workbench{network: &network.Topology{}}
	for _, name := range []string{"den-kcy", "den-sea", "kcy-hou", "chi-nyc", "ams--fra--2"} {
		w.network.Links = append(w.network.Links, network.Link{Name: name})
	}
	for name, want := range map[string]string{
		"den-kyc":     "do you mean den-kcy?",
		"kcy-den":     "do you mean den-kcy?",
		"Den-kcy":     "do you mean den-kcy?",
		"den-se":      "do you mean den-sea?",
		"fra--ams--2": "do you mean ams--fra--2?",
		"lisbon":      "--all lists its 5 links",
	} {
		if err := w.has(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	if err := w.has("chi-nyc"); err != nil {
		t.Error(err)
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("%q to %q: %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

// A computation that does not end by itself is left when its person has had enough, or its time is over.
func TestInterruptible(t *testing.T) {
	forever := make(chan struct{})
	defer close(forever)
	wait := func() (int, error) { <-forever; return 1, nil }

	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := interruptible(stopped, wait); !errors.Is(err, errInterrupted) || exitCode(err) != exitFailed {
		t.Errorf("interrupted: %v, exit code %d", err, exitCode(err))
	}
	late, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	if _, err := interruptible(late, wait); exitCode(err) != exitTimeout {
		t.Errorf("timed out: %v, exit code %d", err, exitCode(err))
	}
	if got, err := interruptible(t.Context(), func() (int, error) { return 7, nil }); got != 7 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
	bad := errors.New("bad")
	if _, err := interruptible(t.Context(), func() (int, error) { return 0, bad }); !errors.Is(err, bad) {
		t.Errorf("%v", err)
	}
}

// Whoever interrupts the verb gets back at once.
func TestWhatifInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var said strings.Builder
	args := []string{"whatif", "--all", "--gml", "../../internal/network/testdata/topologyzoo/Abilene.gml", "--gravity", "30G"}
	if got := execute(ctx, args, strings.NewReader(""), io.Discard, &said); got != exitFailed || !strings.Contains(said.String(), "interrupted") {
		t.Errorf("exit code %d: %s", got, said.String())
	}
}

func TestSentence(t *testing.T) {
	two := [][]push{{}, {}}
	f := events.Prospect{
		InService: events.Outlook{WorstPermil: 400},
		Drained:   events.Outlook{WorstPermil: 710, WorstLink: "den-kcy, den to kcy", SurvivePermil: 930, Failure: "sea-den"},
	}
	cut := f
	cut.Drained.CutOff, cut.Drained.CutOffNames = 2_500_000_000, []string{"a > b"}
	isolated := f
	isolated.InService.CutOff, isolated.Drained.CutOff = 5, 5
	for _, tt := range []struct {
		name  string
		p     prediction
		f     events.Prospect
		known bool
		want  string
	}{
		{"safe", prediction{Pushes: two}, f, true, "after the drain worst link den-kcy 71 %, one more failure worst 93 % if sea-den fails, nothing cut off, two metric steps"},
		{"cuts off", prediction{Pushes: two[:1], CutOff: cut.Drained.CutOffNames}, cut, true, "after the drain worst link den-kcy 71 %, one more failure worst 93 % if sea-den fails, 2.5 Gbit/s cut off, one metric step"},
		{"cut off before", prediction{Pushes: two}, isolated, false, "nothing newly cut off, two metric steps"},
		{"without traffic", prediction{Pushes: two, CutOff: cut.Drained.CutOffNames}, cut, false, "2500000000 pairs of routers cut off, two metric steps"},
		{"loops", prediction{Pushes: two, Loops: true}, f, false, "nothing cut off, two metric steps, and packets may loop in the last: more steps would be too many"},
	} {
		if diff := cmp.Diff(tt.want, tt.p.sentence(tt.f, tt.known)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if got := counted(11, "metric step") + ", " + counted(0, "link"); got != "11 metric steps, no links" {
		t.Error(got)
	}
}
