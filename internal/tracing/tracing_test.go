package tracing_test

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/detour-net/detour/internal/tracing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open prepares to send to a collector, and returns what counts the spans.
func open(t *testing.T, url string) (*tracing.Traces, func() map[string]float64) {
	t.Helper()
	registry := prometheus.NewRegistry()
	traces, err := tracing.Open(tracing.Config{URL: url, Replica: "r1", Version: "v1", Log: zap.NewNop(), Registry: registry})
	if err != nil {
		t.Fatal(err)
	}
	return traces, func() map[string]float64 {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		n := map[string]float64{}
		for _, m := range families[0].GetMetric() {
			n[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
		}
		return n
	}
}

// TestSent has spans arrive at a collector, those last that end after the sending has ended, with whose they are.
func TestSent(t *testing.T) {
	got := make(chan *collector.ExportTraceServiceRequest, 100)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		raw, err := io.ReadAll(body)
		var request collector.ExportTraceServiceRequest
		if err != nil || proto.Unmarshal(raw, &request) != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL, err)
		}
		got <- &request
	}))
	defer server.Close()
	traces, counted := open(t, server.URL+"/v1/traces")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- traces.Run(ctx) }()
	name := func() string {
		r := <-got
		for _, a := range r.GetResourceSpans()[0].GetResource().GetAttributes() {
			if want, known := map[string]string{"service.name": "detour", "service.instance.id": "r1", "service.version": "v1"}[a.GetKey()]; known && a.GetValue().GetStringValue() != want {
				t.Errorf("%s is %s", a.GetKey(), a.GetValue())
			}
		}
		return r.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()[0].GetName()
	}
	_, span := traces.Tracer().Start(t.Context(), "first")
	span.End()
	if n := name(); n != "first" {
		t.Errorf("span %q", n)
	}
	for over := time.Now().Add(time.Minute); counted()["exported"] == 0 && time.Now().Before(over); {
		runtime.Gosched() // the collector has answered, which is about to be heard
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	_, span = traces.Tracer().Start(t.Context(), "last")
	span.End()
	if err := traces.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if n := name(); n != "last" {
		t.Errorf("span %q", n)
	}
	if n := counted(); n["exported"] != 2 || n["failed"]+n["dropped"] != 0 {
		t.Errorf("counted %v", n)
	}
}

// TestNobodyTakesThem: a collector that is not there, or refuses, costs spans and nothing else. More than can wait are dropped,
// and each is counted once.
func TestNobodyTakesThem(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer refusing.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, url := range map[string]string{"refuses": refusing.URL, "is gone": gone.URL} {
		t.Run(name, func(t *testing.T) {
			traces, counted := open(t, url)
			const spans = 5000 // nobody sends meanwhile: as if the collector were slow
			for range spans {
				_, span := traces.Tracer().Start(t.Context(), "x")
				span.End()
			}
			if n := counted(); n["dropped"] != spans-4096 {
				t.Errorf("before anything is sent: %v", n)
			}
			if err := traces.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if n := counted(); n["failed"] != 4096 || n["exported"] != 0 {
				t.Errorf("counted %v", n)
			}
		})
	}
}

// TestEndIsBounded: a collector that takes a connection and says nothing holds up the end for as long as it is given.
func TestEndIsBounded(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	traces, counted := open(t, server.URL)
	_, span := traces.Tracer().Start(t.Context(), "x")
	span.End()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_ = traces.Close(ctx) // it may say that its time was up
	if n := counted(); n["failed"] != 1 {
		t.Errorf("counted %v", n)
	}
}
