package app

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/policy"
)

// pastLedger is an export that is written as it is read: so many incidents, one after the other and each of a link of its own,
// of which a drain was allowed.
type pastLedger struct {
	left, position int
	prev           events.Digest
	line           []byte
}

func (l *pastLedger) Read(into []byte) (int, error) {
	if len(l.line) == 0 {
		if l.left == 0 {
			return 0, io.EOF
		}
		l.left--
		l.position++
		var err error
		if l.line, err = l.next(); err != nil {
			return 0, err
		}
	}
	n := copy(into, l.line)
	l.line = l.line[n:]
	return n, nil
}

// next is the export's line of one incident, from its alarm to its end.
func (l *pastLedger) next() ([]byte, error) {
	at := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC).Add(time.Duration(l.position) * time.Second)
	name := fmt.Sprintf("l%d", l.position%5000)
	target := events.Target{Kind: events.TargetLink, Name: name, Capacity: 1e10, Scopes: []events.Scope{events.Network, events.ScopeOf("link", name)}}
	id := incident.ID(target, uint64(l.position/5000+1))
	plan := events.Plan{Target: target, Sentence: "drain link " + name}
	firing := events.Anomaly{Kind: events.LinkErrors, State: events.Firing, Severity: events.Major, ObservedAt: at, Resource: events.Resource{Link: name}}
	c := events.Commit{ID: fmt.Sprint("c", l.position), Prev: l.prev, At: at, By: "r1/1"}
	for _, body := range []events.Body{
		events.Opened{Target: target, Epoch: uint64(l.position/5000 + 1), Symptom: events.LinkErrors, Severity: events.Major},
		&events.Observed{Event: fmt.Sprint("e", l.position), Source: "/telemetry", Disposition: events.DidOpen, Anomaly: firing},
		events.Planned{Plan: plan, Digest: plan.Digest(), Rule: "drain", Mode: events.Live, Facts: events.Facts{At: at}},
		events.Ruled{Verdict: events.Allow, Rule: "drain", Plan: plan.Digest(), Policy: "sha256:then"},
		events.Closed{Outcome: events.WasCleared},
	} {
		c.Records = append(c.Records, events.Record{Incident: id, Body: body})
	}
	raw, digest, err := c.Encode()
	if err != nil {
		return nil, err
	}
	l.prev = digest
	return ledger.AppendLine(nil, ledger.Entry{Position: uint64(l.position), Subject: "detour.v1.ledger.d." + id, Stated: digest, Raw: raw})
}

func policyOf(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse("proposed.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestReplayIsBounded has more decisions that differ than are kept: all are counted.
func TestReplayIsBounded(t *testing.T) {
	const n = maxDifferences + 100
	r, err := Replay(&pastLedger{left: n}, policyOf(t, "{}"), nil)
	if err != nil || len(r.Findings) > 0 {
		t.Fatalf("%v, %v", err, r.Findings)
	}
	if r.Commits != n || r.Decisions != n || r.Spares != n || r.Same+r.Acts+r.Otherwise+r.Unknown != 0 || len(r.Differences) != maxDifferences || r.More != 100 {
		t.Errorf("%d commits, %d decisions, %d spared, %d differences and %d more", r.Commits, r.Decisions, r.Spares, len(r.Differences), r.More)
	}
	want := Difference{
		Position: 1, At: r.Differences[0].At, Incident: "l1-1", Target: "link/l1",
		Then: incident.Choice{Verdict: events.Allow, Mode: events.Live, Rule: "drain", Plan: r.Differences[0].Then.Plan, Action: "drain link l1"},
		Now: incident.Choice{
			Verdict: events.Deny, Outcome: events.LeftAlone, Held: []string{"rule"},
			Why: "rule: no rule of the policy answers link-errors of severity major on link/l1",
		},
	}
	if diff := cmp.Diff(want, r.Differences[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestReplayOfADamagedLedger says what is wrong with an export, and makes nothing of what is not there.
func TestReplayOfADamagedLedger(t *testing.T) {
	whole, err := io.ReadAll(&pastLedger{left: 5})
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	for name, c := range map[string]struct {
		text      []byte
		decisions int
		finding   string
	}{
		"whole":             {whole, 5, ""},
		"begun in between":  {bytes.Join(lines[2:], nil), 2, "position 1: missing"},
		"one is gone":       {bytes.Join([][]byte{lines[0], lines[1], lines[3], lines[4]}, nil), 3, "position 3: missing"},
		"one is altered":    {bytes.Replace(whole, []byte(`"allow"`), []byte(`"defer"`), 1), 4, "position 1: "},
		"one is no line":    {append([]byte("{}\n"), whole...), 5, "line 1"},
		"the end is missed": {whole[:len(whole)-20], 4, "line 5"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Replay(bytes.NewReader(c.text), policyOf(t, "{}"), nil)
			if err != nil {
				t.Fatal(err)
			}
			if r.Decisions != c.decisions || (len(r.Findings) > 0) != (c.finding != "") || c.finding != "" && !strings.Contains(r.Findings[0].String(), c.finding) {
				t.Errorf("%d decisions, findings %v; want %d, %q", r.Decisions, r.Findings, c.decisions, c.finding)
			}
		})
	}
	if _, err := Replay(strings.NewReader(""), policyOf(t, "{}"), nil); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("an empty export: %v", err)
	}
}

// BenchmarkReplay says how fast an export is written and gone through, five records and one decision a commit.
func BenchmarkReplay(b *testing.B) {
	const n = 2000
	p, records := policyOf(b, "{}"), 0
	for b.Loop() {
		r, err := Replay(&pastLedger{left: n}, p, nil)
		if err != nil {
			b.Fatal(err)
		}
		records += 5 * r.Commits
	}
	b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
}

// TestReplayCounts has one decision of each kind: what counts is whether routers are set by itself, then and now.
func TestReplayCounts(t *testing.T) {
	choice := func(v events.Verdict, m events.Mode, plan events.Digest) incident.Choice {
		return incident.Choice{Verdict: v, Mode: m, Plan: plan}
	}
	acts, asks, dry := choice(events.Allow, events.Live, "p"), choice(events.Ask, events.Live, "p"), choice(events.Allow, events.DryRun, "p")
	for name, tt := range map[string]struct {
		d    incident.Redecision
		want [5]int // same, acts, spares, otherwise, unknown
	}{
		"the same":                    {incident.Redecision{Was: acts, Now: acts}, [5]int{1}},
		"it acts":                     {incident.Redecision{Was: asks, Now: acts}, [5]int{0, 1}},
		"it acts, and did so dry":     {incident.Redecision{Was: dry, Now: acts}, [5]int{0, 1}},
		"it does not act":             {incident.Redecision{Was: acts, Now: asks}, [5]int{0, 0, 1}},
		"it acts dry":                 {incident.Redecision{Was: acts, Now: dry}, [5]int{0, 0, 1}},
		"it acts by another plan":     {incident.Redecision{Was: acts, Now: choice(events.Allow, events.Live, "q")}, [5]int{0, 0, 0, 1}},
		"it neither acts nor did":     {incident.Redecision{Was: asks, Now: dry}, [5]int{0, 0, 0, 1}},
		"it cannot be made once more": {incident.Redecision{Was: acts, Unknown: "why"}, [5]int{0, 0, 0, 0, 1}},
	} {
		r := &Replayed{WhyUnknown: map[string]int{}}
		r.take(events.Commit{}, tt.d)
		if got := [5]int{r.Same, r.Acts, r.Spares, r.Otherwise, r.Unknown}; got != tt.want || r.Decisions != 1 || len(r.Differences) != tt.want[1]+tt.want[2]+tt.want[3] {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
