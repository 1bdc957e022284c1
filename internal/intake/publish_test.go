package intake_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/intake"
)

func TestPublishRefuses(t *testing.T) {
	s := newSite(t)
	list := several(3)
	if err := intake.Publish(within(t), s.conn.JetStream(), "core", list); err == nil || !strings.Contains(err.Error(), "event 1 of 3 (event-0)") {
		t.Errorf("without a stream: %v", err)
	}
	s.open(t, intake.Config{})
	list[1].Data.State = "smoking"
	if err := intake.Publish(within(t), s.conn.JetStream(), "core", list); err == nil || !strings.Contains(err.Error(), "event 2 of 3 (event-1)") {
		t.Errorf("an invalid event: %v", err)
	}
	list[1] = event(1)
	list[1].Data.Labels = map[string]string{"x": strings.Repeat("y", events.MaxEventBytes)}
	if err := intake.Publish(within(t), s.conn.JetStream(), "core", list); err == nil || !strings.Contains(err.Error(), "event 2 of 3") {
		t.Errorf("an oversized event: %v", err)
	}
}

func TestStreamsChecked(t *testing.T) {
	base := jetstream.StreamConfig{Name: events.StreamAnomalies, Subjects: []string{"detour.v1.anomalies.>"}, Storage: jetstream.FileStorage}
	for _, c := range []struct {
		name   string
		change func(*jetstream.StreamConfig)
		want   string // "" when it is fine
	}{
		{"as an operator may make it", func(c *jetstream.StreamConfig) { c.MaxMsgs = 10; c.Retention = jetstream.WorkQueuePolicy }, ""},
		{"memory", func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage }, "storage is memory"},
		{"interest", func(c *jetstream.StreamConfig) { c.Retention = jetstream.InterestPolicy }, "retention is interest"},
		{"no ack", func(c *jetstream.StreamConfig) { c.NoAck = true }, "no_ack is true"},
		{"subjects", func(c *jetstream.StreamConfig) { c.Subjects = []string{"detour.v1.anomalies.core.>"} }, "subjects are [detour.v1.anomalies.core.>]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			config := base
			config.Subjects = slices.Clone(base.Subjects)
			c.change(&config)
			if _, err := s.conn.JetStream().CreateStream(within(t), config); err != nil {
				t.Fatal(err)
			}
			_, err := intake.Open(within(t), s.conn.JetStream(), intake.Config{Domain: "core"})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// TestExisting leaves the making of streams and consumer to somebody else: they are waited for, and checked.
func TestExisting(t *testing.T) {
	s := newSite(t)
	js := s.conn.JetStream()
	open := func(within time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		_, err := intake.Open(ctx, js, intake.Config{Domain: "core", Existing: true})
		return err
	}
	missing := func(what string) {
		t.Helper()
		if err := open(200 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "detour streams create") {
			t.Errorf("without %s: %v", what, err)
		}
	}
	missing("streams")
	if _, err := intake.Open(within(t), js, intake.Config{Domain: "other"}); err != nil {
		t.Fatal(err)
	}
	missing("its consumer")
	for _, c := range []struct {
		want   string
		change func(*jetstream.ConsumerConfig)
	}{
		{"filter_subject", func(c *jetstream.ConsumerConfig) { c.FilterSubject = "detour.v1.anomalies.other.>" }},
		{"filter_subject", func(c *jetstream.ConsumerConfig) {
			c.FilterSubject, c.FilterSubjects = "", []string{"detour.v1.anomalies.core.a.>", "detour.v1.anomalies.core.b.>"}
		}},
		{"ack_policy", func(c *jetstream.ConsumerConfig) { c.AckPolicy = jetstream.AckAllPolicy }},
		{"headers_only", func(c *jetstream.ConsumerConfig) { c.HeadersOnly = true }},
		{"max_deliver", func(c *jetstream.ConsumerConfig) { c.MaxDeliver = 3 }},
	} {
		config := jetstream.ConsumerConfig{Durable: "detour-intake-core", FilterSubject: "detour.v1.anomalies.core.>", AckPolicy: jetstream.AckExplicitPolicy}
		c.change(&config)
		if _, err := js.CreateConsumer(within(t), events.StreamAnomalies, config); err != nil {
			t.Fatal(err)
		}
		if err := open(patience); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "detour streams create") {
			t.Errorf("%s: %v", c.want, err)
		}
		if err := js.DeleteConsumer(within(t), events.StreamAnomalies, "detour-intake-core"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := intake.Open(within(t), js, intake.Config{Domain: "core"}); err != nil {
		t.Fatal(err)
	}
	if err := open(patience); err != nil {
		t.Errorf("when all is there: %v", err)
	}
}
