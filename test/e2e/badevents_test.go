package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/intake"
)

// badEvent is a message that must not lead to anything but a record and a rejected message.
type badEvent struct {
	name   string
	raw    func(s *stage) []byte
	header nats.Header

	reason string             // part of the reason, on the record and on the rejected message
	as     events.Disposition // on the ledger; "" for what cannot be read as an event
}

func badEvents() []badEvent {
	alter := func(c ...change) func(*stage) []byte {
		return func(s *stage) []byte { return encoded(s, s.event(linkPlain, c...)) }
	}
	swap := func(old, new string) func(*stage) []byte {
		return func(s *stage) []byte {
			return []byte(strings.Replace(string(encoded(s, s.event(linkPlain))), old, new, 1))
		}
	}
	verbatim := func(text string) func(*stage) []byte { return func(*stage) []byte { return []byte(text) } }
	return []badEvent{
		{name: "nothing", raw: verbatim(""), reason: "EOF"},
		{name: "not JSON", raw: verbatim("\x00\xff\xfe{"), reason: "invalid character"},
		{name: "a list", raw: verbatim("[]"), reason: "cannot unmarshal"},
		{name: "cut off", raw: verbatim(`{"specversion":"1.0","id":"x`), reason: "unexpected EOF"},
		{name: "two events", raw: verbatim("{}{}"), reason: "more than one JSON value"},
		{name: "deeply nested", raw: verbatim(strings.Repeat("[", 100_000)), reason: "depth"},
		{name: "another type", raw: swap(events.TypeAnomaly, "net.detour.anomaly.v2"), reason: `type is "net.detour.anomaly.v2"`},
		{name: "another version", raw: swap(`"1.0"`, `"0.3"`), reason: "specversion"},
		{name: "a misspelt field", raw: swap(`"severity"`, `"severety"`), reason: `unknown field "severety"`},
		{name: "an unknown severity", raw: alter(severity("terrible")), reason: "data.severity"},
		{name: "an endless state", raw: alter(func(e *events.Event) {
			e.Data.State = events.AnomalyState(strings.Repeat("x", events.MaxEventBytes-4096))
		}), reason: "data.state"},
		{name: "an endless window", raw: alter(func(e *events.Event) { e.Data.Window = "1." + strings.Repeat("0", events.MaxEventBytes-4096) + "s" }), reason: "at most 256 are taken"},
		{name: "nothing named", raw: alter(about(events.Resource{})), reason: "data.resource names nothing"},
		{name: "no time", raw: swap(`"observed_at"`, `"x_observed_at"`), reason: "unknown field"},
		{name: "oversized", raw: verbatim(`{"specversion":"` + strings.Repeat("x", events.MaxEventBytes) + `"}`), reason: "at most 1048576"},
		{name: "binary mode without an id", raw: verbatim(`{}`), header: nats.Header{"ce-specversion": {"1.0"}, "ce-type": {events.TypeAnomaly}, "ce-source": {"s"}}, reason: "id is empty"},

		{name: "of an unknown kind", raw: alter(kind("gremlins")), reason: `kind "gremlins" is not known`, as: events.WasUnknown},
		{name: "of an unknown device", raw: alter(about(events.Resource{Device: "nowhere", Interface: "x"})), reason: "not in the inventory", as: events.WasNowhere},
		{name: "of an unknown interface", raw: alter(about(events.Resource{Device: ams, Interface: "et-9/9/9"})), reason: "not in the inventory", as: events.WasNowhere},
		{name: "of an unknown link", raw: alter(about(events.Resource{Link: "a-b"})), reason: "not in the inventory", as: events.WasNowhere},
		{name: "of a device in other letters", raw: alter(about(events.Resource{Device: "ams.core-1"})), reason: "not in the inventory", as: events.WasNowhere},
		{name: "stale", raw: alter(observed(time.Now().Add(-time.Hour))), reason: "at most 1m0s is acted on", as: events.WasStale},
		{name: "from before time", raw: alter(observed(time.Unix(0, 1))), reason: "at most 1m0s is acted on", as: events.WasStale},
		{name: "from the future", raw: alter(observed(time.Now().Add(time.Hour))), reason: "in the future", as: events.WasFuture},
		{name: "from the far future", raw: alter(observed(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC))), reason: "in the future", as: events.WasFuture},
	}
}

func encoded(s *stage, e events.Event) []byte {
	s.t.Helper()
	raw, err := json.Marshal(e)
	if err != nil {
		s.t.Fatal(err)
	}
	return raw
}

// TestBadEvents publishes what no publisher should: each lands on the stream of rejected messages with its reason and on
// the ledger, is counted, and sets nothing. What comes after it is taken as if nothing had happened.
func TestBadEvents(t *testing.T) {
	t.Parallel()
	s := raise(t, setup{replicas: 1, proven: true})
	for _, b := range badEvents() {
		msg := &nats.Msg{Subject: events.PrefixAnomalies + domain + ".link-errors.x", Data: b.raw(s), Header: b.header}
		if _, err := s.conn.JetStream().PublishMsg(s.within(), msg); err != nil {
			t.Fatalf("%s: %v", b.name, err)
		}
	}
	rejected, err := s.conn.JetStream().Stream(s.within(), events.StreamRejected)
	if err != nil {
		t.Fatal(err)
	}
	found := map[uint64]*jetstream.RawStreamMsg{} // by sequence on the stream of anomalies
	for n := uint64(1); len(found) < len(badEvents()); n++ {
		var m *jetstream.RawStreamMsg
		s.wait(fmt.Sprintf("rejected message %d", n), func() bool {
			m, err = rejected.GetMsg(s.within(), n)
			return !errors.Is(err, jetstream.ErrMsgNotFound)
		})
		if err != nil {
			t.Fatal(err)
		}
		var at uint64
		if _, err := fmt.Sscan(m.Header.Get(intake.HeaderSequence), &at); err != nil {
			t.Fatalf("header %s: %v", intake.HeaderSequence, err)
		}
		found[at] = m
	}
	dead, ruledOut := s.deadAndDropped()
	for n, b := range badEvents() {
		m := found[uint64(n+1)]
		if m == nil {
			t.Errorf("%s: not on the stream of rejected messages", b.name)
			continue
		}
		if got := m.Header.Get(intake.HeaderReason); !strings.Contains(got, b.reason) {
			t.Errorf("%s: rejected because %q, want %q", b.name, got, b.reason)
		}
		if b.as == "" && !contains(dead, b.reason) {
			t.Errorf("%s: no record says %q", b.name, b.reason)
		}
		if b.as != "" && !contains(ruledOut, string(b.as)+" ") {
			t.Errorf("%s: no record says %s", b.name, b.as)
		}
	}
	metrics := s.replicas[0].metrics(t)
	for _, want := range []string{
		fmt.Sprintf("detour_dead_letters_total %d\n", len(dead)),
		`detour_anomalies_total{disposition="unknown-kind"} 1`, `detour_anomalies_total{disposition="unknown-target"} 4`,
		`detour_anomalies_total{disposition="stale"} 2`, `detour_anomalies_total{disposition="future"} 2`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics does not have %s", want)
		}
	}
	s.untouched()
	s.until("no incident", func(b *incident.Board) bool { return len(b.Open()) == 0 })

	s.sicken(linkPlain)
	s.reaches(linkPlain, incident.Holding)
	s.heal(linkPlain)
	s.ends(linkPlain, events.Restored)
	s.account()
}

// deadAndDropped are what the ledger says of messages that were not events, and of events that were not taken.
func (s *stage) deadAndDropped() (dead, dropped []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.commits {
		for _, r := range c.Records {
			switch b := r.Body.(type) {
			case events.DeadLettered:
				dead = append(dead, b.Reason)
			case *events.Observed:
				dropped = append(dropped, string(b.Disposition)+" "+b.Detail)
			}
		}
	}
	return dead, dropped
}

func contains(list []string, part string) bool {
	for _, text := range list {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// TestPublishRefuses has the verb refuse what is no event before anything is on the bus.
func TestPublishRefuses(t *testing.T) {
	t.Parallel()
	s := raiseBare(t, rules{})
	s.raiseBus()
	good := string(encoded(s, s.event(linkPlain)))
	for _, c := range []struct {
		name, input, want string
		code              int
	}{
		{"nothing", "", "there is no event", 2},
		{"one bad among good ones", good + "\n{\"specversion\":\"1.0\"}\n", "line 2", 2},
		{"an id given twice", good + "\n" + good, "stands on line 1 too", 2},
		{"an array without end", "[" + good, "line", 2},
	} {
		a := run(t, c.input, "publish", "--nats", s.busURL, "--domain", domain, "-")
		if a.code != c.code || !strings.Contains(a.err, c.want) {
			t.Errorf("%s: exit %d, %q; want %d, %q", c.name, a.code, a.err, c.code, c.want)
		}
	}
	if a := run(t, good, "publish", "--nats", "nats://127.0.0.1:1", "--timeout", "300ms", "-"); a.code != 5 && a.code != 1 {
		t.Errorf("without a bus: exit %d, %q", a.code, a.err)
	}
	if a := run(t, good, "publish", "--nats", s.busURL, "--domain", domain, "--timeout", "2s", "-"); a.code == 0 {
		t.Errorf("there is no stream that could store it, and it exits 0: %q", a.err)
	}
}
