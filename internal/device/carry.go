package device

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/metadata"
)

// carried has the trace that ctx belongs to go along with what routers are asked, as W3C trace context in the metadata of gRPC.
// Without a trace nothing does.
func carried(ctx context.Context) context.Context {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ctx
	}
	headers := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, headers)
	for _, name := range headers.Keys() {
		ctx = metadata.AppendToOutgoingContext(ctx, name, headers.Get(name))
	}
	return ctx
}
