// Package boardtest is a ledger in memory with incidents that wait for people: what somebody who shows the Board, or carries
// orders to it, is tested against. Every commit is encoded, decoded and folded as a replica does it.
package boardtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// Ledger is one that every replica follows at once.
type Ledger struct {
	t testing.TB

	mu     sync.Mutex
	board  *incident.Board
	kinds  map[events.Kind]int
	before func() error
	scopes []events.Scope
}

// New returns an empty ledger of a network that has these scopes.
func New(t testing.TB, scopes ...events.Scope) *Ledger {
	return &Ledger{t: t, scopes: scopes, board: incident.NewBoard(), kinds: map[events.Kind]int{}}
}

// Before has f called before every order, which fails with its error, if there is one. What f records stands before the order
// is judged. nil takes it away.
func (l *Ledger) Before(f func() error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.before = f
}

// View gives read access to the Board.
func (l *Ledger) View(f func(*incident.Board)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l.board)
}

// Submit carries out an order.
func (l *Ledger) Submit(_ context.Context, order incident.Order) (events.Commit, error) {
	l.mu.Lock()
	before := l.before
	l.mu.Unlock()
	if before != nil {
		if err := before(); err != nil {
			return events.Commit{}, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	records, err := order.Among(l.scopes)(l.board, time.Now())
	if err != nil {
		return events.Commit{}, err
	}
	return l.append(records), nil
}

// append writes one commit. It is called under the lock.
func (l *Ledger) append(records []events.Record) events.Commit {
	c := events.Commit{ID: fmt.Sprint(l.board.Position), At: time.Now().UTC(), By: "r0/0", Records: records, Position: l.board.Position + 1}
	raw, digest, err := c.Encode()
	if err != nil {
		l.t.Fatal(err)
	}
	read, err := events.Decode(raw)
	if err != nil {
		l.t.Fatal(err)
	}
	read.Position, read.Digest = c.Position, digest
	if err := l.board.Apply(read); err != nil {
		l.t.Fatal(err)
	}
	for _, r := range records {
		l.kinds[r.Body.Kind()]++
	}
	return read
}

// Record writes one commit.
func (l *Ledger) Record(records ...events.Record) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.append(records)
}

// Count is how many records stand that are of a kind that is wanted.
func (l *Ledger) Count(wanted func(events.Kind) bool) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for kind, times := range l.kinds {
		if wanted(kind) {
			n += times
		}
	}
	return n
}

// Say records something of an incident, in one commit. It ends the test if that is not lawful.
func (l *Ledger) Say(id string, bodies ...events.Body) {
	l.t.Helper()
	var records []events.Record
	for _, b := range bodies {
		records = append(records, events.Record{Incident: id, Body: b})
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.append(records)
	if f, frozen := l.board.FrozenBy(nil); frozen && f.By.Name == events.Identity {
		l.t.Fatalf("a record of the test was not lawful: %s", f.Reason)
	}
}

// Incident returns an incident as it stands; it shares nothing with the Board but what does not change.
func (l *Ledger) Incident(id string) (c incident.Incident) {
	l.t.Helper()
	l.View(func(b *incident.Board) {
		i, ok := b.Incident(id)
		if !ok {
			l.t.Fatalf("no incident %s", id)
		}
		c = *i
		c.Told, c.Approvals = slices.Clone(i.Told), slices.Clone(i.Approvals)
	})
	return c
}

// Position is that of the newest commit.
func (l *Ledger) Position() (at uint64) {
	l.View(func(b *incident.Board) { at = b.Position })
	return at
}

// Plan drains a link, "den-kcy" for one, by its metric.
func Plan(link string, metric uint64) events.Planned {
	a, b, _ := strings.Cut(link, "-")
	t := events.Target{
		Kind: events.TargetLink, Name: link, Ends: []events.End{{Device: a, Interface: "to-" + b}, {Device: b, Interface: "to-" + a}},
		Scopes: []events.Scope{events.Network, events.ScopeOf("link", link)},
	}
	var step events.Step
	for _, e := range t.Ends {
		ref := events.LeafRef{Leaf: events.ISISMetric, Interface: e.Interface, Level: 2, Family: events.IPv4}
		step.Changes = append(step.Changes, events.Change{Device: e.Device, Settings: []events.Setting{{LeafRef: ref, Before: events.UintValue(100), After: events.UintValue(metric)}}})
	}
	p := events.Plan{Remediator: "link-drain", Sentence: "drain link " + link, Target: t, Steps: []events.Step{step}}
	return events.Planned{Plan: p, Digest: p.Digest(), Rule: "sick-links", Mode: events.Live, ModeWhy: "as configured"}
}

// Ruled is a verdict on a plan.
func Ruled(p events.Planned, verdict events.Verdict) events.Ruled {
	return events.Ruled{Verdict: verdict, Rule: p.Rule, Plan: p.Digest, Checks: []events.Check{
		{Name: "survives", OK: true, Value: "worst 61.2 %", Limit: "90.0 %"},
		{Name: "autonomy", Value: "approve", Limit: "auto", Detail: "the rule wants a person", Remedy: "an approver: detour approve"},
	}}
}

// Asked is a question about a plan, which a click is enough to answer.
func Asked(p events.Planned, quorum int, expires time.Time) events.Asked {
	return events.Asked{Plan: p.Digest, Quorum: quorum, Roles: []string{"approver"}, Expires: expires.UTC(), ByClick: true}
}

// Observed is an event that opens an incident of a link.
func Observed(link string, severity events.Severity) *events.Observed {
	return &events.Observed{Event: "e-" + link, Source: "/test", Disposition: events.DidOpen, Anomaly: events.Anomaly{
		Kind: events.LinkErrors, State: events.Firing, Severity: severity, Resource: events.Resource{Link: link},
		ObservedAt: time.Now().UTC(), Value: 3e-4, Unit: "ratio", Threshold: 1e-4,
	}}
}

// open opens an incident, and returns its id.
func (l *Ledger) open(p events.Planned, o *events.Observed, verdict events.Verdict, more ...events.Body) string {
	l.t.Helper()
	id := incident.ID(p.Plan.Target, 1)
	opened := events.Opened{Target: p.Plan.Target, Epoch: 1, Symptom: o.Anomaly.Kind, Severity: o.Anomaly.Severity}
	l.Say(id, append([]events.Body{opened, o, p, Ruled(p, verdict)}, more...)...)
	return id
}

// Open opens an incident of a link with a plan and a verdict on it, and returns its id.
func (l *Ledger) Open(link string, severity events.Severity, verdict events.Verdict) (string, events.Planned) {
	l.t.Helper()
	p := Plan(link, 16777214)
	return l.open(p, Observed(link, severity), verdict), p
}

// Ask opens an incident of a link that waits for ten minutes for so many people who approve; a click is enough, unless it is
// changed.
func (l *Ledger) Ask(link string, quorum int, change ...func(*events.Observed, *events.Asked)) (string, events.Planned) {
	l.t.Helper()
	p, o := Plan(link, 16777214), Observed(link, events.Major)
	a := Asked(p, quorum, time.Now().Add(10*time.Minute))
	for _, c := range change {
		c(o, &a)
	}
	return l.open(p, o, events.Ask, a), p
}

// Act has an incident that was approved set its first step.
func (l *Ledger) Act(id string, p events.Planned) {
	l.t.Helper()
	l.Say(id, events.Ruled{Verdict: events.Allow, Plan: p.Digest}, events.Admitted{Plan: p.Digest}, events.Intended{
		Changes: []int{0, 1}, Owner: "r0", Attempt: 1, Deadline: time.Now().Add(time.Minute).UTC(), Verify: time.Now().Add(time.Hour).UTC(),
	})
}

// Stick has an incident that acts refused by both routers, and call for a person.
func (l *Ledger) Stick(id string) {
	l.t.Helper()
	for n := range 2 {
		i := l.Incident(id)
		l.Say(id, events.Refused{Act: events.Act{Change: n, Fence: i.Intent.Position}, Class: events.RefusedUnsent})
	}
	l.Say(id, events.Stuck{Why: "kcy does not answer", Remedy: "reach it"})
}

// Close ends an incident.
func (l *Ledger) Close(id string, outcome events.Outcome) {
	l.t.Helper()
	l.Say(id, events.Closed{Outcome: outcome, Reason: "it is over"})
}
