// Package tracing sends spans to an OpenTelemetry collector, by OTLP over HTTP, and never waits for one.
//
// What ends a span only puts it into a queue that is bounded: when the collector is slow, or dead, the queue is full and spans are
// dropped, and counted. One task empties the queue, a batch at a time. A batch that is not taken within exportWithin is counted
// as failed and not sent again. Whoever publishes an anomaly decides whether it is traced, by the sampled flag of the trace context
// (W3C) that comes with it; where none comes the trace begins here.
package tracing

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

// Bounds of what is kept and sent.
const (
	queued       = 4096 // spans that wait to be sent
	batched      = 512  // sent together
	batchAfter   = time.Second
	exportWithin = 5 * time.Second
)

// Config says where spans go and whose they are.
type Config struct {
	URL      string // of the collector's OTLP endpoint for traces, such as http://127.0.0.1:4318/v1/traces
	Replica  string
	Version  string
	Log      *zap.Logger
	Registry prometheus.Registerer
}

// Traces sends spans while it runs.
type Traces struct {
	queue    chan sdk.ReadOnlySpan
	exporter sdk.SpanExporter
	provider *sdk.TracerProvider
	spans    *prometheus.CounterVec
	log      *zap.Logger
	seldom   rate.Sometimes
}

// Open prepares to send. It asks nothing of the collector, which need not be there.
func Open(c Config) (*Traces, error) {
	exporter, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(c.URL), otlptracehttp.WithTimeout(exportWithin),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: false}), otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	if err != nil {
		return nil, fmt.Errorf("prepare to send traces: %w", err)
	}
	t := &Traces{
		queue: make(chan sdk.ReadOnlySpan, queued), exporter: exporter, log: c.Log, seldom: rate.Sometimes{Interval: time.Minute},
		spans: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "detour_trace_spans_total", Help: "Spans that ended, by what came of them: exported, failed (the collector did not take them) or dropped (too many were waiting).",
		}, []string{"outcome"}),
	}
	for _, outcome := range []string{"exported", "failed", "dropped"} {
		t.spans.WithLabelValues(outcome)
	}
	c.Registry.MustRegister(t.spans)
	t.provider = sdk.NewTracerProvider(sdk.WithSpanProcessor(queue{t}), sdk.WithSampler(sdk.ParentBased(sdk.AlwaysSample())),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", "detour"),
			attribute.String("service.instance.id", c.Replica), attribute.String("service.version", c.Version))))
	return t, nil
}

// Tracer begins spans.
func (t *Traces) Tracer() trace.Tracer { return t.provider.Tracer("github.com/detour-net/detour") }

// Run sends spans until ctx ends.
func (t *Traces) Run(ctx context.Context) error {
	tick := time.NewTicker(batchAfter)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			for len(t.queue) > 0 && ctx.Err() == nil {
				t.export(ctx)
			}
		}
	}
}

// Close sends what is left, as far as that can be done before ctx ends.
func (t *Traces) Close(ctx context.Context) error {
	for len(t.queue) > 0 && ctx.Err() == nil {
		t.export(ctx)
	}
	if err := t.exporter.Shutdown(ctx); err != nil {
		return fmt.Errorf("end sending traces: %w", err)
	}
	return nil
}

// export sends one batch of what is queued.
func (t *Traces) export(ctx context.Context) {
	var batch []sdk.ReadOnlySpan
	for len(batch) < batched && len(t.queue) > 0 {
		batch = append(batch, <-t.queue)
	}
	ctx, cancel := context.WithTimeout(ctx, exportWithin)
	defer cancel()
	outcome := "exported"
	if err := t.exporter.ExportSpans(ctx, batch); err != nil {
		outcome = "failed"
		t.seldom.Do(func() {
			t.log.Warn("traces are not taken; at most one failure in a minute is logged", zap.Int("spans", len(batch)), zap.Error(err))
		})
	}
	t.spans.WithLabelValues(outcome).Add(float64(len(batch)))
}

// queue is where spans go when they end.
type queue struct{ *Traces }

// OnStart implements sdk.SpanProcessor.
func (queue) OnStart(context.Context, sdk.ReadWriteSpan) {}

// OnEnd implements sdk.SpanProcessor. It never waits.
func (q queue) OnEnd(s sdk.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		return
	}
	select {
	case q.queue <- s:
	default:
		q.spans.WithLabelValues("dropped").Inc()
	}
}

// Shutdown implements sdk.SpanProcessor.
func (queue) Shutdown(context.Context) error { return nil }

// ForceFlush implements sdk.SpanProcessor.
func (queue) ForceFlush(context.Context) error { return nil }
