package intake_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/intake"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait; none is expected to come near.
const patience = 30 * time.Second

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// site is a bus in a directory, with a connection that outlives the server.
type site struct {
	dir  string
	port int
	srv  *bus.Server
	conn *bus.Conn
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{dir: t.TempDir(), port: -1}
	s.start(t)
	conn, err := bus.Connect(bus.Config{URLs: []string{s.srv.URL()}})
	if err != nil {
		t.Fatal(err)
	}
	s.conn = conn
	t.Cleanup(func() {
		if err := conn.Close(within(t)); err != nil {
			t.Error(err)
		}
		s.stop(t)
	})
	if err := conn.Wait(within(t)); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) start(t *testing.T) {
	t.Helper()
	srv, err := bus.Embedded(s.dir, bus.Options{Port: s.port})
	if err != nil {
		t.Fatal(err)
	}
	s.srv = srv
	if _, err := fmt.Sscanf(srv.URL(), "nats://127.0.0.1:%d", &s.port); err != nil {
		t.Fatal(err)
	}
}

func (s *site) stop(t *testing.T) {
	t.Helper()
	if err := s.srv.Shutdown(within(t)); err != nil {
		t.Error(err)
	}
}

// open opens an intake and runs it until the test ends. Nothing is redelivered on a slow machine unless the test says so.
func (s *site) open(t *testing.T, c intake.Config) *intake.Intake {
	t.Helper()
	c.Domain = "core"
	if c.Ack == 0 {
		c.Ack = time.Minute
	}
	in, err := intake.Open(within(t), s.conn.JetStream(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	})
	return in
}

func event(n int) events.Event {
	at := time.Date(2026, 11, 20, 12, 0, n, 0, time.UTC)
	return events.Event{
		SpecVersion: "1.0", Type: events.TypeAnomaly, ID: fmt.Sprintf("event-%d", n), Source: "/telemetry/test", Time: at,
		DataContentType: events.ContentTypeJSON, Extensions: events.Extension{TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
		Data: events.Anomaly{
			Kind: events.LinkErrors, State: events.Firing, Severity: events.Major, Resource: events.Resource{Device: "den", Interface: "ethernet-1/1"},
			ObservedAt: at, Value: 3.2e-4, Evidence: map[string]float64{"errors": 9600},
		},
	}
}

func several(n int) []events.Event {
	var list []events.Event
	for i := range n {
		list = append(list, event(i))
	}
	return list
}

// take receives n deliveries.
func take(t *testing.T, in *intake.Intake, n int) []*intake.Delivery {
	t.Helper()
	var all []*intake.Delivery
	for len(all) < n {
		batch, err := in.Next(within(t))
		if err != nil {
			t.Fatalf("after %d of %d deliveries: %v", len(all), n, err)
		}
		all = append(all, batch...)
	}
	return all
}

func ack(t *testing.T, list ...*intake.Delivery) {
	t.Helper()
	for _, d := range list {
		if err := d.Ack(); err != nil {
			t.Error(err)
		}
	}
}

func TestPublishedIsDelivered(t *testing.T) {
	s := newSite(t)
	in := s.open(t, intake.Config{Batch: 7})
	want := several(600)
	if err := intake.Publish(within(t), s.conn.JetStream(), "core", want); err != nil {
		t.Fatal(err)
	}
	if err := intake.Publish(within(t), s.conn.JetStream(), "core", want[:3]); err != nil {
		t.Fatal(err) // known ids count as stored
	}
	var got []events.Event
	for len(got) < len(want) {
		batch, err := in.Next(within(t))
		if err != nil {
			t.Fatal(err)
		}
		if len(batch) > 7 {
			t.Errorf("a batch of %d", len(batch))
		}
		for _, d := range batch {
			if d.Redelivered || d.Received.IsZero() || d.Subject != "detour.v1.anomalies.core.link-errors.den" || d.Unreadable != "" {
				t.Errorf("delivery %+v", d)
			}
			got = append(got, d.Event)
		}
		ack(t, batch...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-published +delivered):\n%s", diff)
	}
}

// TestRedelivery has an event come again until it is acknowledged, and not after.
func TestRedelivery(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	in := s.open(t, intake.Config{Ack: 5 * time.Second}) // time to acknowledge the first
	if err := intake.Publish(within(t), s.conn.JetStream(), "core", several(2)); err != nil {
		t.Fatal(err)
	}
	first := take(t, in, 2)
	ack(t, first[0])
	again := take(t, in, 1)
	if len(again) != 1 || again[0].Event.ID != first[1].Event.ID || !again[0].Redelivered {
		t.Fatalf("again came %+v", again)
	}
	ack(t, again...)
	consumer, err := s.conn.JetStream().Consumer(within(t), events.StreamAnomalies, "detour-intake-core")
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		info, err := consumer.Info(within(t))
		return err == nil && info.NumAckPending == 0 && info.NumPending == 0
	})
}

// TestShared has two replicas share the work, and one finish what the other took and dropped.
func TestShared(t *testing.T) {
	s := newSite(t)
	ctx, cancel := context.WithCancel(context.Background())
	dying, err := intake.Open(within(t), s.conn.JetStream(), intake.Config{Domain: "core", Ack: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- dying.Run(ctx) }()
	want := several(50)
	if err := intake.Publish(within(t), s.conn.JetStream(), "core", want); err != nil {
		t.Fatal(err)
	}
	take(t, dying, 1)
	cancel()
	<-done
	in := s.open(t, intake.Config{Ack: 300 * time.Millisecond})
	seen := map[string]bool{}
	for len(seen) < len(want) {
		for _, d := range take(t, in, 1) {
			seen[d.Event.ID] = true
			ack(t, d)
		}
	}
}

func TestOtherDomainsAreLeftAlone(t *testing.T) {
	s := newSite(t)
	in := s.open(t, intake.Config{})
	if err := intake.Publish(within(t), s.conn.JetStream(), "edge", several(1)); err != nil {
		t.Fatal(err)
	}
	mine := event(9)
	if err := intake.Publish(within(t), s.conn.JetStream(), "core", []events.Event{mine}); err != nil {
		t.Fatal(err)
	}
	if got := take(t, in, 1); len(got) != 1 || got[0].Event.ID != mine.ID {
		t.Errorf("delivered %+v", got)
	}
}

func TestModes(t *testing.T) {
	s := newSite(t)
	in := s.open(t, intake.Config{})
	e := event(1)
	e.DataContentType = events.ContentTypeJSON
	data, err := json.Marshal(e.Data)
	if err != nil {
		t.Fatal(err)
	}
	msg := nats.NewMsg(events.AnomalySubject("core", e.Data))
	msg.Data = data
	for name, value := range map[string]string{
		"ce-specversion": "1.0", "ce-type": e.Type, "ce-id": e.ID, "CE-Source": e.Source, "ce-time": e.Time.Format(time.RFC3339Nano),
		"Content-Type": events.ContentTypeJSON, "ce-traceparent": e.Extensions.TraceParent,
	} {
		msg.Header.Set(name, value)
	}
	if _, err := s.conn.JetStream().PublishMsg(within(t), msg); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e, take(t, in, 1)[0].Event); diff != "" {
		t.Errorf("binary mode (-sent +delivered):\n%s", diff)
	}
}

func TestUnreadable(t *testing.T) {
	good, err := json.Marshal(event(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, data, want string }{
		{"empty", "", "EOF"},
		{"not JSON", "{{{", "invalid character"},
		{"another type", strings.Replace(string(good), events.TypeAnomaly, "com.example.other", 1), `type is "com.example.other"`},
		{"a misspelt field", strings.Replace(string(good), `"severity"`, `"severety"`, 1), "severety"},
		{"an unknown state", strings.Replace(string(good), `"firing"`, `"smoking"`, 1), "data.state"},
		{"an endless state", strings.Replace(string(good), `"firing"`, `"`+strings.Repeat(`\u0001`, events.MaxEventBytes/8)+`"`, 1), "data.state"},
		{"oversized", `{"x":"` + strings.Repeat("y", events.MaxEventBytes) + `"}`, "at most 1048576"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			in := s.open(t, intake.Config{})
			js := s.conn.JetStream()
			if _, err := js.Publish(within(t), "detour.v1.anomalies.core.odd.den", []byte(c.data)); err != nil {
				t.Fatal(err)
			}
			d := take(t, in, 1)[0]
			if !strings.Contains(d.Unreadable, c.want) || d.Event.ID != "" {
				t.Fatalf("unreadable because %q, event %+v", d.Unreadable, d.Event)
			}
			if len(d.Unreadable) > 512 {
				t.Errorf("the reason takes %d bytes", len(d.Unreadable))
			}
			record := d.DeadLettered()
			if record.Bytes != len(c.data) || record.Digest != events.DigestBytes([]byte(c.data)) || record.Reason != d.Unreadable {
				t.Errorf("record %+v", record)
			}
			for range 2 { // twice, as after a crash in between
				if err := in.Reject(within(t), d, d.Unreadable+"\nsecond line"); err != nil {
					t.Fatal(err)
				}
			}
			ack(t, d)
			rejected, err := js.Stream(within(t), events.StreamRejected)
			if err != nil {
				t.Fatal(err)
			}
			if n := rejected.CachedInfo().State.Msgs; n != 1 {
				t.Errorf("%d messages were set aside", n)
			}
			got, err := rejected.GetMsg(within(t), 1)
			if err != nil {
				t.Fatal(err)
			}
			if got.Subject != "detour.v1.rejected.core.odd.den" || !bytes.Equal(got.Data, []byte(c.data)) ||
				!strings.Contains(got.Header.Get(intake.HeaderReason), c.want) || got.Header.Get(intake.HeaderDigest) != string(record.Digest) {
				t.Errorf("set aside on %s with %v and %d bytes", got.Subject, got.Header, len(got.Data))
			}
		})
	}
}

// TestSurvives has deliveries go on after the consumer was deleted, and after the server was restarted.
func TestSurvives(t *testing.T) {
	s := newSite(t)
	in := s.open(t, intake.Config{})
	js := s.conn.JetStream()
	next := 0
	passes := func() {
		t.Helper()
		e := event(next)
		next++
		if err := intake.Publish(within(t), js, "core", []events.Event{e}); err != nil {
			t.Fatal(err)
		}
		for {
			for _, d := range take(t, in, 1) {
				ack(t, d)
				if d.Event.ID == e.ID {
					return
				}
			}
		}
	}
	passes()
	if err := js.DeleteConsumer(within(t), events.StreamAnomalies, "detour-intake-core"); err != nil {
		t.Fatal(err)
	}
	passes()
	s.stop(t)
	if err := intake.Publish(within(t), js, "core", several(1)); err == nil {
		t.Error("it publishes without a bus")
	}
	s.start(t)
	if err := s.conn.Wait(within(t)); err != nil {
		t.Fatal(err)
	}
	passes()
}

func TestNextEnds(t *testing.T) {
	s := newSite(t)
	in := s.open(t, intake.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := in.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Next: %v", err)
	}
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ctx := within(t); !ok(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("not in time")
		}
	}
}
