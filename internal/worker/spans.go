package worker

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
)

// spans tell a tracer what is done: take (an anomaly, from its receipt until it stands), decide and append (each commit that moves
// an incident), set (each order) and verify. They are children of the take that opened the incident, and that is one of the
// publisher's span; an incident that was taken over from another replica begins a trace of its own. A nil *spans tells nobody.
type spans struct {
	tracer trace.Tracer
	began  []trace.Span         // of the decision that is being written: takes and appends
	stood  map[string]time.Time // by incident: when a change was last known to stand

	mu sync.Mutex
	of map[string]trace.SpanContext // by incident
}

func spansOf(t trace.Tracer) *spans {
	if t == nil {
		return nil
	}
	return &spans{tracer: t, stood: map[string]time.Time{}, of: map[string]trace.SpanContext{}}
}

// parent has the spans of an incident as its children.
func (s *spans) parent(incident string) (ctx context.Context, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of, known := s.of[incident]
	return trace.ContextWithSpanContext(context.Background(), of), known
}

func (s *spans) belongs(incident string, to trace.SpanContext) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of[incident] = to
}

// field is the trace of an incident for the log.
func (s *spans) field(incident string) zap.Field {
	if s == nil {
		return zap.Skip()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if of := s.of[incident]; of.IsValid() {
		return zap.String("trace", of.TraceID().String())
	}
	return zap.Skip()
}

// deciding begins the spans of a decision that is about to be written.
func (s *spans) deciding(taken []Delivery, records []events.Record, began, now time.Time) {
	if s == nil {
		return
	}
	s.began = s.began[:0]
	s.takes(taken, records)
	var moved []string
	for _, r := range records {
		if r.Incident == "" || r.Body.Kind() == events.KindObserved || slices.Contains(moved, r.Incident) {
			continue
		}
		moved = append(moved, r.Incident)
		about := trace.WithAttributes(attribute.String("detour.incident", r.Incident))
		ctx, known := s.parent(r.Incident)
		_, decide := s.tracer.Start(ctx, "decide", trace.WithTimestamp(began), about)
		if decide.End(trace.WithTimestamp(now)); !known {
			s.belongs(r.Incident, decide.SpanContext())
			ctx = trace.ContextWithSpan(ctx, decide)
		}
		_, write := s.tracer.Start(ctx, "append", trace.WithTimestamp(now), about)
		s.began = append(s.began, write)
	}
}

// takes begins the spans of anomalies that come with a context, or open an incident.
func (s *spans) takes(taken []Delivery, records []events.Record) {
	if len(taken) == 0 {
		return
	}
	made := map[string]events.Record{}
	for _, r := range records {
		if o, ok := r.Body.(*events.Observed); ok {
			made[o.Source+"\x00"+o.Event] = r
		}
	}
	for n := range taken {
		d := &taken[n]
		if d.Dead != nil {
			continue
		}
		r, ok := made[d.Event.Identity()]
		if !ok {
			continue
		}
		o := r.Body.(*events.Observed)
		ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{
			"traceparent": d.Event.Extensions.TraceParent, "tracestate": d.Event.Extensions.TraceState,
		})
		opens := o.Disposition == events.DidOpen
		if !opens && !trace.SpanContextFromContext(ctx).IsValid() {
			continue
		}
		options := []trace.SpanStartOption{
			trace.WithTimestamp(d.Received), trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
				attribute.String("messaging.system", "nats"), attribute.String("cloudevents.event_id", o.Event), attribute.String("cloudevents.event_source", o.Source),
				attribute.String("detour.incident", r.Incident), attribute.String("detour.disposition", string(o.Disposition)), attribute.Bool("detour.redelivered", d.Redelivered)),
		}
		if to, known := s.parent(r.Incident); known && !opens { // what it adds to, or what was made of it when it came first
			options = append(options, trace.WithLinks(trace.LinkFromContext(to)))
		}
		_, take := s.tracer.Start(ctx, "take", options...)
		if opens {
			s.belongs(r.Incident, take.SpanContext())
		}
		s.began = append(s.began, take)
	}
}

// written ends the spans of a decision, which stands at position if it is stored.
func (s *spans) written(records []events.Record, how storage, position uint64, now time.Time) {
	if s == nil {
		return
	}
	for _, span := range s.began {
		if how == stored {
			span.SetAttributes(attribute.Int64("detour.position", int64(position)))
		} else {
			span.SetStatus(codes.Error, "it is not on the ledger")
		}
		span.End(trace.WithTimestamp(now))
	}
	s.began = s.began[:0]
	if how != stored {
		return
	}
	for _, r := range records {
		switch b := r.Body.(type) {
		case events.Applied:
			s.stood[r.Incident] = now
		case events.Verified:
			s.verified(r.Incident, b, position, now)
		}
	}
}

// forget drops what is known of an incident that has ended.
func (s *spans) forget(incident string) {
	if s == nil {
		return
	}
	delete(s.stood, incident)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.of, incident)
}

func (s *spans) verified(incident string, b events.Verified, position uint64, now time.Time) {
	since, ok := s.stood[incident]
	if !ok {
		since = now
	}
	ctx, _ := s.parent(incident)
	_, span := s.tracer.Start(ctx, "verify", trace.WithTimestamp(since), trace.WithAttributes(
		attribute.String("detour.incident", incident), attribute.Int64("detour.position", int64(position)), attribute.Bool("detour.pass", b.Pass)))
	if !b.Pass {
		span.SetStatus(codes.Error, b.Decided)
	}
	span.End(trace.WithTimestamp(now))
}

// setting begins the span of an order, which goes with ctx to its router.
func (s *spans) setting(ctx context.Context, o events.Order) (context.Context, trace.Span) {
	if s == nil {
		return ctx, trace.SpanFromContext(ctx)
	}
	parent, _ := s.parent(o.Incident)
	ctx = trace.ContextWithSpanContext(ctx, trace.SpanContextFromContext(parent))
	return s.tracer.Start(ctx, "set", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("detour.incident", o.Incident), attribute.String("detour.device", o.Change.Device), attribute.Int("detour.step", o.Step),
		attribute.Int64("detour.position", int64(o.Fence)), attribute.Bool("detour.undo", o.Undo)))
}

// answered ends the span of an order.
func answered(span trace.Span, b events.Body) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.String("detour.outcome", string(b.Kind())))
	if b.Kind() != events.KindApplied {
		span.SetStatus(codes.Error, string(b.Kind()))
	}
	span.End()
}
