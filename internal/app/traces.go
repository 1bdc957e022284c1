package app

import (
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/detour-net/detour/internal/tracing"
)

// openTraces prepares to send spans, if the configuration says where; the tracer is nil otherwise. What is left of them is sent
// when the worker has ended.
func (a *App) openTraces(registry prometheus.Registerer) (tracer trace.Tracer, err error) {
	if a.cfg.Traces.OTLP == "" {
		return nil, nil
	}
	a.traces, err = tracing.Open(tracing.Config{
		URL: a.cfg.Traces.OTLP, Replica: a.cfg.Replica.Name, Version: Version(), Log: a.log.Named("traces"), Registry: registry,
	})
	if err != nil {
		return nil, err
	}
	a.onClose("traces", a.traces.Close)
	return a.traces.Tracer(), nil
}
