package worker_test

import (
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/worker"
)

// The publisher's context in these tests.
const (
	publisherTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	publisherSpan  = "00f067aa0ba902b7"
)

// traced has a replica tell its spans to the recorder that is returned.
func traced() (*tracetest.SpanRecorder, func(*worker.Config)) {
	recorder := tracetest.NewSpanRecorder()
	return recorder, func(c *worker.Config) {
		c.Tracer = sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder), sdk.WithSampler(sdk.ParentBased(sdk.AlwaysSample()))).Tracer("test")
	}
}

// with is an event with the publisher's context.
func with(e events.Event, flags string) events.Event {
	e.Extensions.TraceParent = "00-" + publisherTrace + "-" + publisherSpan + "-" + flags
	return e
}

// of are the spans of one name, in the order in which they ended.
func of(r *tracetest.SpanRecorder, name string) []sdk.ReadOnlySpan {
	return slices.DeleteFunc(r.Ended(), func(s sdk.ReadOnlySpan) bool { return s.Name() != name })
}

func attr(s sdk.ReadOnlySpan, key string) attribute.Value {
	for _, a := range s.Attributes() {
		if string(a.Key) == key {
			return a.Value
		}
	}
	return attribute.Value{}
}

// TestSpans follows one anomaly from its publisher to its routers: one trace, in which each span says which incident and position
// it is of, and so does the log.
func TestSpans(t *testing.T) {
	inBubble(t, func(s *site) {
		recorder, tracing := traced()
		core, logged := observer.New(zap.InfoLevel)
		r := s.start("r1", autonomous, tracing, func(c *worker.Config) { c.Logger = zap.New(core) })
		s.bus.put(&message{event: with(anomaly("1", events.Firing), "01"), due: time.Now().Add(2 * time.Second)})
		s.reaches(r, incident.Holding, time.Minute)
		s.bus.publish(with(anomaly("2", events.Resolved), "01"))
		s.reaches(r, incident.Closed, 2*time.Hour)
		r.stop()

		takes := of(recorder, "take")
		if len(takes) != 2 || takes[0].Parent().SpanID().String() != publisherSpan || attr(takes[0], "detour.disposition").AsString() != "opened" {
			t.Fatalf("%d takes: %v", len(takes), takes)
		}
		if took := takes[0].EndTime().Sub(takes[0].StartTime()); took != 2*time.Second {
			t.Errorf("the first was taken after %s", took)
		}
		root := takes[0].SpanContext()
		if links := takes[1].Links(); len(links) != 1 || links[0].SpanContext.SpanID() != root.SpanID() {
			t.Errorf("what joins is linked to %v", links)
		}
		kinds := map[uint64][]events.Kind{}
		for _, c := range s.commits() {
			for _, rec := range c.Records {
				kinds[c.Position] = append(kinds[c.Position], rec.Body.Kind())
			}
		}
		for name, kind := range map[string]events.Kind{"append": "", "set": events.KindIntended, "verify": events.KindVerified} {
			spans := of(recorder, name)
			if len(spans) == 0 {
				t.Errorf("no span %s", name)
			}
			for _, span := range spans {
				at := uint64(attr(span, "detour.position").AsInt64())
				if span.Parent().SpanID() != root.SpanID() || span.SpanContext().TraceID().String() != publisherTrace || attr(span, "detour.incident").AsString() != "a-b-1" {
					t.Errorf("%s is of %v, incident %v", name, span.Parent(), attr(span, "detour.incident"))
				}
				if kind != "" && !slices.Contains(kinds[at], kind) || len(kinds[at]) == 0 {
					t.Errorf("%s says position %d, where the ledger has %v", name, at, kinds[at])
				}
			}
		}
		if sets := of(recorder, "set"); len(sets) != len(recorded[events.Applied](s)) || attr(sets[0], "detour.outcome").AsString() != "applied" || attr(sets[0], "detour.device").AsString() == "" {
			t.Errorf("%d sets", len(sets))
		}
		if len(of(recorder, "decide")) != len(of(recorder, "append")) {
			t.Errorf("%d decisions, %d appends", len(of(recorder, "decide")), len(of(recorder, "append")))
		}
		for _, said := range []string{"incident opened", "set", "incident closed"} {
			for _, e := range logged.FilterMessage(said).All() {
				if m := e.ContextMap(); said != "incident closed" && m["trace"] != publisherTrace || m["incident"] != "a-b-1" || m["position"] == nil {
					t.Errorf("the log says %s with %v", said, m)
				}
			}
		}
	})
}

// TestSpansOfWhom: a publisher that does not sample is not traced; one that says nothing is, from the anomaly that opens an
// incident on; and what a decision began that does not stand ends as an error.
func TestSpansOfWhom(t *testing.T) {
	for name, c := range map[string]struct {
		event events.Event
		takes int
	}{
		"not sampled":  {with(events.Event{}, "00"), 0},
		"says nothing": {events.Event{}, 1},
		"nonsense":     {events.Event{Extensions: events.Extension{TraceParent: "00-zz"}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				recorder, tracing := traced()
				r := s.start("r1", autonomous, tracing)
				r.overtake(func() { s.other(events.Thawed{Scope: "device:x", By: ann}) })
				for _, id := range []string{"1", "2"} {
					e := anomaly(id, events.Firing)
					e.Extensions = c.event.Extensions
					s.bus.publish(e)
					s.until(time.Minute, "it is recorded", func() bool { return slices.Contains(s.bus.acked(), id) })
				}
				s.reaches(r, incident.Holding, time.Minute)
				takes := of(recorder, "take")
				stand := slices.DeleteFunc(takes, func(s sdk.ReadOnlySpan) bool { return s.Status().Description != "" })
				if len(stand) != c.takes || c.takes > 0 && (len(of(recorder, "take")) != 2 || len(of(recorder, "set")) != 2) {
					t.Errorf("%d takes, of which %d stand; %d sets", len(takes), len(stand), len(of(recorder, "set")))
				}
				if c.takes == 0 && len(recorder.Ended()) > 0 {
					t.Errorf("spans of what is not sampled: %v", recorder.Ended())
				}
			})
		})
	}
}
