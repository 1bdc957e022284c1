package e2e

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// otlp is a collector of traces.
type otlp struct {
	*httptest.Server

	mu  sync.Mutex
	all []*spans.Span
}

func newOTLP(t *testing.T) *otlp {
	o := &otlp{}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Errorf("a request of traces: %v", err)
			return
		}
		raw, err := io.ReadAll(body)
		var request collector.ExportTraceServiceRequest
		if err != nil || proto.Unmarshal(raw, &request) != nil {
			t.Errorf("a request of traces: %v", err)
			return
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		for _, resource := range request.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				o.all = append(o.all, scope.GetSpans()...)
			}
		}
	}))
	t.Cleanup(o.Close)
	return o
}

// named are the spans of one name in a trace.
func (o *otlp) named(trace, name string) (list []*spans.Span) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.all {
		if s.GetName() == name && hex.EncodeToString(s.GetTraceId()) == trace {
			list = append(list, s)
		}
	}
	return list
}

func attribute(s *spans.Span, key string) string {
	for _, a := range s.GetAttributes() {
		if a.GetKey() == key {
			if text := a.GetValue().GetStringValue(); text != "" {
				return text
			}
			return fmt.Sprint(a.GetValue().GetIntValue())
		}
	}
	return ""
}

// TestTraces follows an anomaly from its publisher's span to the Sets and their verification, at a collector that another
// program could be.
func TestTraces(t *testing.T) {
	t.Parallel()
	const trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	o := newOTLP(t)
	s := raise(t, setup{replicas: 1, proven: true, collector: o.URL + "/v1/traces"})
	s.sicken(linkPlain, func(e *events.Event) { e.Extensions.TraceParent = "00-" + trace + "-" + parent + "-01" })
	i := s.reaches(linkPlain, incident.Holding)
	s.wait("the verification's span", func() bool {
		return len(o.named(trace, "verify")) == 1 && len(o.named(trace, "set")) == 2 && len(o.named(trace, "take")) > 0
	})
	take := o.named(trace, "take")[0]
	if hex.EncodeToString(take.GetParentSpanId()) != parent || attribute(take, "detour.incident") != i.ID || take.GetKind() != spans.Span_SPAN_KIND_CONSUMER {
		t.Errorf("taken: %v", take)
	}
	for _, name := range []string{"decide", "append", "set", "verify"} {
		for _, span := range o.named(trace, name) {
			if string(span.GetParentSpanId()) != string(take.GetSpanId()) || attribute(span, "detour.incident") != i.ID {
				t.Errorf("%s is not of what was taken: %v", name, span)
			}
		}
	}
	for _, set := range o.named(trace, "set") {
		if attribute(set, "detour.outcome") != "applied" || attribute(set, "detour.position") != fmt.Sprint(i.Intent.Position) || s.net.Router(attribute(set, "detour.device")) == nil {
			t.Errorf("set: %v", set)
		}
	}
	raw, err := os.ReadFile(s.replicas[0].logs.Name())
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if strings.Contains(line, `"logger":"worker"`) && strings.Contains(line, `"msg":"set"`) && !strings.Contains(line, `"trace":"`+trace+`"`) {
			t.Errorf("the log does not name the trace: %s", line)
		}
	}
	if n := s.replicas[0].scrape()[`detour_trace_spans_total{outcome="exported"}`]; n < 6 {
		t.Errorf("%v spans were counted as sent", n)
	}
	o.Close() // from now on nobody takes them
	s.heal(linkPlain)
	s.ends(linkPlain, events.Restored)
}
