package ledger

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/bus"
)

func sample(n int, prev events.Digest, k int) events.Commit {
	c := events.Commit{ID: fmt.Sprintf("0192f0c1-0000-7000-8000-%012d", n), Prev: prev, At: time.Now().UTC(), By: "replica-1"}
	for i := range k {
		a := events.Anomaly{Kind: events.LinkErrors, State: events.Firing, Severity: events.Major, Resource: events.Resource{Device: "den", Interface: "ethernet-1/1"}, ObservedAt: time.Now().UTC(), Value: 3.2e-4, Unit: "ratio", Threshold: 1e-4, Window: "30s"}
		c.Records = append(c.Records, events.Record{Incident: "den-kcy-1", Body: events.Observed{Event: fmt.Sprint("018f", n, i), Source: "/telemetry/gnmic/den", Anomaly: a, Disposition: events.DidJoin}})
	}
	return c
}

func TestZZ(t *testing.T) {
	N := 200000
	K := 1
	if os.Getenv("K") != "" { fmt.Sscan(os.Getenv("K"), &K); N = 20000 }
	dir := "/tmp/zzledger"+fmt.Sprint(K)
	srv, err := bus.Embedded(dir, bus.Options{Port: -1})
	if err != nil { t.Fatal(err) }
	defer srv.Shutdown(context.Background())
	cfg := bus.Config{URLs: []string{srv.URL()}}
	if os.Getenv("INPROC") != "" { cfg = bus.Config{Server: srv} }
	conn, err := bus.Connect(cfg)
	if err != nil { t.Fatal(err) }
	ctx := context.Background()
	conn.Wait(ctx)
	js := conn.JetStream()
	l, err := Open(ctx, js, Config{Domain: "x", SyncAlways: true})
	if err != nil { t.Fatal(err) }
	last, _ := l.LastPosition(ctx)
	if last < uint64(N) {
		prev := events.Digest("")
		var futs []jetstream.PubAckFuture
		for i := int(last); i < N; i++ {
			c := sample(i, prev, K)
			raw, d, _ := c.Encode()
			m := &nats.Msg{Subject: events.LedgerSubject("x", c.Incident()), Data: raw, Header: nats.Header{DigestHeader: []string{string(d)}}}
			f, err := js.PublishMsgAsync(m, jetstream.WithStallWait(time.Minute))
			if err != nil { t.Fatal(err) }
			futs = append(futs, f)
			prev = d
		}
		<-js.PublishAsyncComplete()
	}
	for range 3 {
		start := time.Now()
		oc, err := js.OrderedConsumer(ctx, events.StreamLedger, jetstream.OrderedConsumerConfig{})
		if err != nil { t.Fatal(err) }
		done := make(chan struct{})
		n := 0
		bytes := 0
		cc, _ := oc.Consume(func(m jetstream.Msg) { n++; bytes += len(m.Data()); if n == N { close(done) } })
		<-done
		cc.Stop()
		raw := time.Since(start)
		start = time.Now()
		n = 0
		err = l.entries(ctx, 1, func(e []Entry) error { n+=len(e); if n == N { return errEnough }; return nil })
		ent := time.Since(start)
		start = time.Now()
		err = l.Read(ctx, 1, uint64(N), func(c events.Commit) error { return nil })
		if err != nil { t.Fatal(err) }
		fol := time.Since(start)
		fmt.Printf("N=%d bytes/msg=%d raw %v (%.0f/s)  entries %v follow %v (%.0f/s) ratio %.2f\n", N, bytes/N, raw, float64(N)/raw.Seconds(), ent, fol, float64(N)/fol.Seconds(), fol.Seconds()/raw.Seconds())
	}
}
