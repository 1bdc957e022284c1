package device

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/grpc/metadata"
)

// TestCarried: a trace goes along with what a router is asked, and without one nothing does.
func TestCarried(t *testing.T) {
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	ctx := propagation.TraceContext{}.Extract(t.Context(), propagation.MapCarrier{"traceparent": parent, "tracestate": "a=b"})
	got, _ := metadata.FromOutgoingContext(carried(ctx))
	if diff := cmp.Diff(metadata.MD{"traceparent": {parent}, "tracestate": {"a=b"}}, got); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	if got, any := metadata.FromOutgoingContext(carried(t.Context())); any {
		t.Errorf("without a trace: %v", got)
	}
}
