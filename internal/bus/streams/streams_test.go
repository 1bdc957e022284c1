package streams_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/bus/bustest"
	"github.com/detour-net/detour/internal/bus/streams"
)

func TestMain(m *testing.M) {
	if !bustest.Serve() {
		m.Run()
	}
}

// TestAsk says which answers are final, and which are asked for again.
func TestAsk(t *testing.T) {
	apiError := func(code int, detail jetstream.ErrorCode) error {
		return &jetstream.APIError{Code: code, ErrorCode: detail}
	}
	for _, c := range []struct {
		name  string
		err   error
		asked int // within 10 s; 0: again and again
	}{
		{"answered", nil, 1},
		{"not found", jetstream.ErrStreamNotFound, 1},
		{"no such message", jetstream.ErrMsgNotFound, 1},
		{"refused", apiError(400, 10025), 1},
		{"no room", apiError(500, streams.CodeNoRoom), 1},
		{"no peers yet", apiError(400, 10005), 0},
		{"in trouble", apiError(503, 10008), 0},
		{"no connection", errors.New("the connection is closed"), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				asked := 0
				got, err := streams.Ask(ctx, zap.NewNop(), "what", func(context.Context) (int, error) { asked++; return 7, c.err })
				if got != 7 || !errors.Is(err, c.err) {
					t.Errorf("answer %d, error %v", got, err)
				}
				if c.asked > 0 && asked != c.asked || c.asked == 0 && (asked < 10 || ctx.Err() == nil) {
					t.Errorf("asked %d times in 10 s", asked)
				}
			})
		})
	}
}

// TestAskUnanswered has the servers lose questions, or be slow to answer: a lost one is put again soon, and a slow answer counts.
func TestAskUnanswered(t *testing.T) {
	const lost = time.Hour
	for _, c := range []struct {
		name    string
		answers []time.Duration // after which each question is answered, the last for ever
		took    time.Duration   // at most
	}{
		{"at once", []time.Duration{0}, 0},
		{"there was no leader", []time.Duration{lost, 0}, time.Second},
		{"slow, and each the same", []time.Duration{1900 * time.Millisecond}, 1900 * time.Millisecond},
		{"the first is slower than the second", []time.Duration{1900 * time.Millisecond, 10 * time.Millisecond}, time.Second},
		{"there was no leader for long", append(slices.Repeat([]time.Duration{lost}, 18), 0), 10 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked atomic.Int32
				began := time.Now()
				got, err := streams.Ask(t.Context(), zap.NewNop(), "what", func(ctx context.Context) (string, error) {
					answer := time.NewTimer(c.answers[min(int(asked.Add(1)), len(c.answers))-1])
					defer answer.Stop()
					select {
					case <-answer.C:
						return "here", nil
					case <-ctx.Done():
						return "", ctx.Err()
					}
				})
				if took := time.Since(began); err != nil || got != "here" || took > c.took {
					t.Errorf("%q after %d questions and %s, %v", got, asked.Load(), took, err)
				}
			})
		})
	}
}

// TestPutEnds has nobody answer: it is given up, and no question is left behind.
func TestPutEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open atomic.Int32
		_, err := streams.Put(t.Context(), func(ctx context.Context) (int, error) {
			open.Add(1)
			defer open.Add(-1)
			<-ctx.Done()
			return 0, ctx.Err()
		})
		synctest.Wait()
		if !errors.Is(err, context.DeadlineExceeded) || open.Load() != 0 {
			t.Errorf("it says %v, and %d questions are open", err, open.Load())
		}
	})
}

// TestFindOrMake has several make the same stream on a cluster that has just been started and may have no leader yet.
func TestFindOrMake(t *testing.T) {
	servers, err := bustest.Start(t.TempDir(), 3)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(servers.KillAll)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var making sync.WaitGroup
	for range 3 {
		conn, err := bus.Connect(bus.Config{URLs: servers.URLs()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		making.Go(func() {
			if err := conn.Wait(ctx); err != nil {
				t.Error(err)
				return
			}
			stream, err := streams.FindOrMake(ctx, zap.NewNop(), conn.JetStream(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}, Replicas: 3})
			if err != nil {
				t.Error(err)
			} else if c := stream.CachedInfo().Config; c.Name != "S" || c.Replicas != 3 {
				t.Errorf("it is %+v", c)
			}
		})
	}
	making.Wait()
}
