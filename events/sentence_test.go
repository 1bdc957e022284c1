package events

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSentence(t *testing.T) {
	known := Prospect{
		Method:    MethodExact,
		InService: Outlook{WorstPermil: 400},
		Drained:   Outlook{WorstPermil: 710, WorstLink: "den-kcy, den to kcy", SurvivePermil: 930, Failure: "sea-den", Failures: 9},
	}
	for _, tt := range []struct {
		name  string
		spoil func(*Prospect)
		steps int
		want  string
	}{
		{"safe", func(*Prospect) {}, 2, "after the drain worst link den-kcy 71 %, one more failure worst 93 % if sea-den fails, nothing cut off, two metric steps"},
		{"cuts off", func(p *Prospect) { p.Drained.CutOff, p.Drained.CutOffNames = 2_500_000_000, []string{"a > b"} }, 1,
			"after the drain worst link den-kcy 71 %, one more failure worst 93 % if sea-den fails, 2.5 Gbit/s cut off, one metric step"},
		{"cuts off what is not measured", func(p *Prospect) { p.Drained.CutOffNames = []string{"a > b", "b > a"} }, 1,
			"after the drain worst link den-kcy 71 %, one more failure worst 93 % if sea-den fails, a > b, b > a cut off, one metric step"},
		{"cut off before", func(p *Prospect) {
			p.InService.CutOff, p.Drained.CutOff = 5, 5
			p.InService.CutOffNames, p.Drained.CutOffNames = []string{"a > b"}, []string{"a > b"}
		}, 2, "after the drain worst link den-kcy 71 %, one more failure worst 93 % if sea-den fails, nothing newly cut off, two metric steps"},
		{"a bound", func(p *Prospect) { p.Method = MethodBound }, 11,
			"after the drain worst link den-kcy at most 71 %, one more failure worst at most 93 % if sea-den fails, nothing cut off, 11 metric steps"},
		{"one more failure bounded", func(p *Prospect) { p.Drained.AtMost, p.Drained.Failure = true, "" }, 2,
			"after the drain worst link den-kcy 71 %, one more failure worst at most 93 %, nothing cut off, two metric steps"},
		{"no failure makes it worse", func(p *Prospect) { p.Drained.SurvivePermil, p.Drained.Failure = 710, "" }, 2,
			"after the drain worst link den-kcy 71 %, one more failure worst 71 %, nothing cut off, two metric steps"},
		{"no failure looked at", func(p *Prospect) { p.Drained.Failures = 0 }, 2,
			"after the drain worst link den-kcy 71 %, no failure more looked at, nothing cut off, two metric steps"},
		{"no load at all", func(p *Prospect) { p.Drained.WorstPermil, p.Drained.WorstLink = 0, "" }, 2,
			"after the drain worst link 0 %, one more failure worst 93 % if sea-den fails, nothing cut off, two metric steps"},
		{"paths alone", func(p *Prospect) { p.Method, p.Drained.CutOff = "", 20 }, 2, "20 pairs of routers cut off, two metric steps"},
		{"loops", func(p *Prospect) { p.Loops = true }, 10,
			"after the drain worst link den-kcy 71 %, one more failure worst 93 % if sea-den fails, nothing cut off, ten metric steps, and packets may loop in the last: more steps would be too many"},
		{"nothing", func(p *Prospect) { p.Missing = "link den-kcy is not seen from both of its ends" }, 1,
			"what the drain would do is not known: link den-kcy is not seen from both of its ends"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := known
			tt.spoil(&p)
			if diff := cmp.Diff(tt.want, p.Sentence(tt.steps)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNewlyCut(t *testing.T) {
	p := Prospect{InService: Outlook{CutOffNames: []string{"a > b"}}, Drained: Outlook{CutOffNames: []string{"a > b", "c > d", "tul"}}}
	if diff := cmp.Diff([]string{"c > d", "tul"}, p.NewlyCut()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPercent(t *testing.T) {
	for permil, want := range map[int]string{0: "0 %", 5: "0.5 %", 710: "71 %", 714: "71.4 %", 1000: "100 %", 1234: "123.4 %"} {
		if got := Percent(permil); got != want {
			t.Errorf("Percent(%d) = %q, want %q", permil, got, want)
		}
	}
}

func TestRate(t *testing.T) {
	for bps, want := range map[int64]string{0: "0 bit/s", 999: "999 bit/s", 1000: "1 kbit/s", 2_500_000_000: "2.5 Gbit/s", 1 << 60: "1.153e+06 Tbit/s"} {
		if got := Rate(bps); got != want {
			t.Errorf("Rate(%d) = %q, want %q", bps, got, want)
		}
	}
}

func TestFigures(t *testing.T) {
	for got, want := range map[string]string{
		Counted(11, "metric step"): "11 metric steps", Counted(0, "link"): "no links", Counted(1, "link"): "one link",
		LinkOf("den-kcy, den to kcy"): "den-kcy", LinkOf("den-kcy"): "den-kcy", LinkOf(""): "",
		Some(nil): "", Some([]string{"a", "b", "c"}): "a, b, c", Some([]string{"a", "b", "c", "d", "e"}): "a, b, c and 2 more",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
