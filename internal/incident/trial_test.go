package incident

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/policy"
)

var keeper = events.Person{Name: "ann"}

var trialClocks = policy.Clocks{SetDeadline: events.Duration(10 * time.Second), Margin: events.Duration(5 * time.Second)}

// upSince is when the router of these tests had booted before it was marked.
var upSince = testStart.Add(-240 * time.Hour)

func loopback(metric uint64) events.Canary {
	return events.Canary{
		Leaf:  events.LeafRef{Leaf: events.ISISMetric, Interface: "lo", Level: 2, Family: events.IPv4},
		Value: events.UintValue(metric), Booted: upSince, Software: "1.0",
	}
}

// bootedAt is the canary once the router has booted at a moment.
func bootedAt(metric uint64, booted time.Time) events.Canary {
	c := loopback(metric)
	c.Booted = booted
	return c
}

func (l *ledgerOf) trial() events.RebootTrial {
	l.t.Helper()
	t, ok := l.board.Trial("a")
	if !ok {
		l.t.Fatal("there is no trial")
	}
	return t
}

// marked is a ledger with a trial of router a, whose mark 79 stands where 10 was.
func marked(t *testing.T) *ledgerOf {
	l := newLedgerOf(t)
	l.give(testStart, BeginTrial("a", loopback(10), events.UintValue(79), trialClocks, keeper))
	l.give(testStart.Add(time.Second), MarkTrial(l.trial(), loopback(79), keeper))
	return l
}

// TestTrialJudged: what a router shows after it was rebooted says what a reboot does, and nothing else does.
func TestTrialJudged(t *testing.T) {
	rebooted := testStart.Add(5 * time.Minute)
	upgraded := bootedAt(79, rebooted)
	upgraded.Software = "2.0"
	for name, c := range map[string]struct {
		shown events.Canary
		kept  events.Kept
		says  string
	}{
		"the mark stands":         {bootedAt(79, rebooted), events.KeptYes, "what is set outlives a reboot"},
		"it is gone":              {bootedAt(10, rebooted), events.KeptNo, "a reboot loses what is set"},
		"neither":                 {bootedAt(11, rebooted), events.KeptUnknown, "isis-metric lo L2 ipv4 is 11: somebody has set it"},
		"other software":          {upgraded, events.KeptUnknown, `rebooted into other software: "2.0", and not "1.0"`},
		"its clock is behind":     {bootedAt(79, testStart.Add(-time.Minute)), events.KeptYes, "outlives"},
		"not rebooted":            {loopback(79), "", "was not rebooted since it was marked"},
		"its clock was set":       {bootedAt(79, upSince.Add(time.Second)), "", "its clock was set"},
		"it tells no boot time":   {bootedAt(79, time.Time{}), "", "does not tell when it booted"},
		"not rebooted, and reset": {loopback(10), "", "was not rebooted since it was marked"},
	} {
		t.Run(name, func(t *testing.T) {
			l := marked(t)
			now := testStart.Add(10 * time.Minute)
			if c.kept == "" {
				l.refused(now, JudgeTrial(l.trial(), c.shown, trialClocks, keeper), ErrRefused, c.says)
				return
			}
			l.give(now, JudgeTrial(l.trial(), c.shown, trialClocks, keeper))
			got := l.trial()
			if got.Kept != c.kept || got.Over || !got.Rebooted.Equal(c.shown.Booted) || !strings.Contains(got.Sentence(), c.says) || !strings.Contains(got.Sentence(), "may still stand") {
				t.Errorf("judged %+v: %s", got, got.Sentence())
			}
			l.give(now, EndTrial(got, keeper, ""))
			if got = l.trial(); got.Kept != c.kept || !got.Over || strings.Contains(got.Sentence(), "stand") {
				t.Errorf("ended %+v: %s", got, got.Sentence())
			}
		})
	}
}

// TestTrialGoesOneWay: each state follows from the one before it, whoever asks, and asks late.
func TestTrialGoesOneWay(t *testing.T) {
	now := testStart.Add(10 * time.Minute)
	rebooted := bootedAt(79, now)
	type step struct {
		name string
		do   func(events.RebootTrial) Order
	}
	begin := step{"begin", func(events.RebootTrial) Order {
		return BeginTrial("a", loopback(10), events.UintValue(79), trialClocks, keeper)
	}}
	resume := step{"resume", func(t events.RebootTrial) Order { return ResumeTrial(t, trialClocks, keeper) }}
	mark := step{"mark", func(t events.RebootTrial) Order { return MarkTrial(t, loopback(79), keeper) }}
	judge := step{"judge", func(t events.RebootTrial) Order { return JudgeTrial(t, rebooted, trialClocks, keeper) }}
	abandon := step{"abandon", func(t events.RebootTrial) Order { return AbandonTrial(t, trialClocks, keeper, "why not") }}
	end := step{"end", func(t events.RebootTrial) Order { return EndTrial(t, keeper, "") }}
	for _, c := range []struct {
		taken  []step
		lawful []step
	}{
		{nil, []step{begin}},
		{[]step{begin}, []step{resume, mark, abandon}},
		{[]step{begin, resume}, []step{resume, mark, abandon}},
		{[]step{begin, mark}, []step{judge, abandon}},
		{[]step{begin, abandon}, []step{abandon, end}},
		{[]step{begin, mark, judge}, []step{abandon, end}},
		{[]step{begin, mark, judge, end}, []step{begin}},
	} {
		for _, next := range []step{begin, resume, mark, judge, abandon, end} {
			l, now := newLedgerOf(t), now
			standing := events.RebootTrial{Device: "a"}
			for _, s := range c.taken {
				l.give(now, s.do(standing))
				standing, now = l.trial(), now.Add(15*time.Second)
			}
			want := false
			for _, s := range c.lawful {
				want = want || s.name == next.name
			}
			_, err := next.do(standing)(l.board, now)
			if (err == nil) != want || err != nil && !errors.Is(err, ErrRefused) {
				t.Errorf("%s after %d steps: %v, lawful %t", next.name, len(c.taken), err, want)
			}
		}
	}
}

// TestTrialOfBefore: who saw a trial that is over cannot go on with the one that came after it.
func TestTrialOfBefore(t *testing.T) {
	l := marked(t)
	old := l.trial()
	l.give(testStart.Add(time.Minute), AbandonTrial(old, trialClocks, keeper, "never mind"))
	if got := l.trial(); got.Kept != events.KeptUnknown || got.Detail != "never mind" {
		t.Errorf("abandoned %+v", got)
	}
	l.give(testStart.Add(time.Minute), EndTrial(l.trial(), keeper, "left as 12"))
	if got := l.trial(); got.Detail != "left as 12" {
		t.Errorf("ended %+v", got)
	}
	l.refused(testStart, AbandonTrial(old, trialClocks, keeper, "again"), ErrRefused, "router a is not marked")
	l.give(testStart.Add(time.Hour), BeginTrial("a", loopback(10), events.UintValue(79), trialClocks, keeper))
	l.refused(testStart.Add(time.Hour), AbandonTrial(old, trialClocks, keeper, "again"), ErrRefused, "marked anew")
	silent := bootedAt(10, time.Time{})
	l.refused(testStart, BeginTrial("b", silent, events.UintValue(79), trialClocks, keeper), ErrRefused, "does not tell when it booted")
}

// TestTrialOnAFork: a Board that was forked folds on by itself.
func TestTrialOnAFork(t *testing.T) {
	l := marked(t)
	f := l.board.Fork()
	records, err := AbandonTrial(l.trial(), trialClocks, keeper, "x")(f, testStart)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Apply(events.Commit{Position: f.Position + 1, At: testStart, By: "r2/1", Records: records}); err != nil {
		t.Fatal(err)
	}
	if got := l.trial(); got.Kept != "" {
		t.Errorf("the Board below is changed: %+v", got)
	}
}

// TestTrialSets: while a Set may be on its way nobody else goes on, and who sent one that was given up says nothing of it.
func TestTrialSets(t *testing.T) {
	silent := testStart.Add(15 * time.Second)
	for name, next := range map[string]func(events.RebootTrial) Order{
		"resume":  func(t events.RebootTrial) Order { return ResumeTrial(t, trialClocks, keeper) },
		"abandon": func(t events.RebootTrial) Order { return AbandonTrial(t, trialClocks, keeper, "x") },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedgerOf(t)
			l.give(testStart, BeginTrial("a", loopback(10), events.UintValue(79), trialClocks, keeper))
			first := l.trial()
			if !first.Deadline.Equal(testStart.Add(10 * time.Second)) {
				t.Errorf("it may leave until %s", first.Deadline)
			}
			l.refused(silent.Add(-time.Nanosecond), next(first), ErrRefused, "which ann asked for, may be on its way until 2")
			l.give(silent, next(first))
			l.refused(silent, MarkTrial(first, loopback(79), keeper), ErrRefused, "somebody else has gone on")
			l.refused(silent, EndTrial(first, keeper, ""), ErrRefused, "somebody else has gone on")
		})
	}
	l := marked(t)
	if got := l.trial(); !got.Deadline.IsZero() || got.Margin != 0 {
		t.Errorf("marked, and a Set is on its way: %+v", got)
	}
	l.give(testStart.Add(2*time.Second), AbandonTrial(l.trial(), trialClocks, keeper, "x"))
	l.refused(testStart.Add(3*time.Second), AbandonTrial(l.trial(), trialClocks, keeper, "x"), ErrRefused, "may be on its way")
	l.give(testStart.Add(3*time.Second), EndTrial(l.trial(), keeper, ""))
}
