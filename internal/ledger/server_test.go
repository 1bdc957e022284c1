package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/bus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait; none is expected to come near.
const patience = time.Minute

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func serve(t *testing.T, dir string, o bus.Options) (js jetstream.JetStream, stop func()) {
	t.Helper()
	srv, err := bus.Embedded(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := bus.Connect(bus.Config{Server: srv})
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		if err := errors.Join(conn.Close(within(t, patience)), srv.Shutdown(within(t, patience))); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	if err := conn.Wait(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	return conn.JetStream(), stop
}

var testConfig = Config{Domain: "core", SyncAlways: true, AckWait: 100 * time.Millisecond}

func mustOpen(t *testing.T, js jetstream.JetStream) *Ledger {
	t.Helper()
	l, err := Open(within(t, patience), js, testConfig)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// until is a context that ends as soon as a ledger with its log warns of something.
func until(t *testing.T, text string) (context.Context, *zap.Logger) {
	ctx, cancel := context.WithCancel(within(t, patience))
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{MessageKey: "message"}), zapcore.AddSync(heard{text, cancel}), zap.WarnLevel)
	return ctx, zap.New(core)
}

type heard struct {
	text string
	then func()
}

func (h heard) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(h.text)) {
		h.then()
	}
	return len(line), nil
}

func fill(t *testing.T, l *Ledger, n int) {
	t.Helper()
	var prev events.Commit
	for i := range n {
		var err error
		if prev, err = l.Append(within(t, patience), record(prev, fmt.Sprint("c", i+1)), prev.Position); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	js, _ := serve(t, t.TempDir(), bus.Options{})
	unsynced := testConfig
	unsynced.SyncAlways = false
	if _, err := Open(within(t, patience), js, unsynced); err == nil || !strings.Contains(err.Error(), "sync_interval: always") {
		t.Errorf("servers that sync now and then: %v", err)
	}
	if _, err := js.CreateStream(within(t, patience), jetstream.StreamConfig{Name: events.StreamLedger, Subjects: []string{"detour.v1.ledger.>"}, MaxAge: time.Hour}); err != nil {
		t.Fatal(err)
	}
	_, err := Open(within(t, patience), js, testConfig)
	for _, setting := range []string{"max_age", "discard", "deny_delete", "deny_purge"} {
		if err == nil || !strings.Contains(err.Error(), setting) {
			t.Errorf("error %v does not name %s", err, setting)
		}
	}
	elsewhere := testConfig
	elsewhere.Stream, elsewhere.Replicas = "ELSEWHERE", 3
	if _, err := Open(within(t, 200*time.Millisecond), js, elsewhere); err == nil || !strings.Contains(err.Error(), "ELSEWHERE") {
		t.Errorf("three copies on one server: %v", err)
	}
}

// TestOpenExisting leaves the making of the stream to somebody else: what is missing is waited for, and the error says how it
// is made; what is there is checked.
func TestOpenExisting(t *testing.T) {
	js, _ := serve(t, t.TempDir(), bus.Options{})
	existing := testConfig
	existing.Existing = true
	if _, err := Open(within(t, 200*time.Millisecond), js, existing); err == nil || !strings.Contains(err.Error(), "detour streams create") {
		t.Errorf("a missing stream: %v", err)
	}
	if _, err := js.Stream(within(t, patience), events.StreamLedger); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Fatalf("it was made: %v", err)
	}
	opened := make(chan error, 1)
	asked, log := until(t, "waiting for a stream that is missing")
	existing.Log = log
	go func() {
		_, err := Open(within(t, patience), js, existing)
		opened <- err
	}()
	<-asked.Done()
	mustOpen(t, js)
	if err := <-opened; err != nil {
		t.Errorf("once it is made: %v", err)
	}
	existing.Replicas = 3
	if _, err := Open(within(t, patience), js, existing); err == nil || !strings.Contains(err.Error(), "num_replicas") {
		t.Errorf("too few copies: %v", err)
	}
}

// TestOpenAgain opens the stream that Open made, and leaves it as it is.
func TestOpenAgain(t *testing.T) {
	js, _ := serve(t, t.TempDir(), bus.Options{})
	fill(t, mustOpen(t, js), 3)
	if last, err := mustOpen(t, js).LastPosition(within(t, patience)); err != nil || last != 3 {
		t.Errorf("it ends at %d, %v", last, err)
	}
}

// TestAhead compares clocks with the server's, however long its answer seems to take.
func TestAhead(t *testing.T) {
	js, _ := serve(t, t.TempDir(), bus.Options{})
	l := mustOpen(t, js)
	const hour, slack = time.Hour, time.Minute
	for name, c := range map[string]struct {
		asked, answered time.Duration // what the clock is off at
		least, most     time.Duration
	}{
		"right":                  {0, 0, 0, 0},
		"ahead":                  {hour, hour, hour - slack, hour},
		"behind":                 {-hour, -hour, -hour, slack - hour},
		"a slow answer":          {-hour, hour, 0, 0},
		"ahead, and a slow one":  {hour, 2 * hour, hour - slack, hour},
		"behind, and a slow one": {-2 * hour, -hour, -hour, slack - hour},
	} {
		looks := []time.Duration{c.asked, c.answered}
		got, err := l.Ahead(within(t, patience), func() time.Time {
			off := looks[0]
			looks = append(looks[1:], looks[0])
			return time.Now().Add(off)
		})
		if err != nil || got < c.least || got > c.most {
			t.Errorf("%s: %s ahead, want %s to %s, error %v", name, got, c.least, c.most, err)
		}
	}
}

// TestUnreachable asks for everything while there is no server: each says so in time, and nothing hangs.
func TestUnreachable(t *testing.T) {
	js, stop := serve(t, t.TempDir(), bus.Options{})
	l := mustOpen(t, js)
	stop()
	tried, log := until(t, "append not settled")
	l.log = log
	for _, ctx := range []context.Context{tried, within(t, 0)} {
		if _, err := l.Append(ctx, record(events.Commit{}, "x"), 0); !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrDoubt) {
			t.Errorf("append: %v", err)
		}
	}
	const short = 150 * time.Millisecond
	if _, err := l.LastPosition(within(t, short)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("last position: %v", err)
	}
	for _, from := range []uint64{1, 2} {
		if err := l.Follow(within(t, short), from, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("follow from %d: %v", from, err)
		}
	}
	if _, err := Open(within(t, short), js, testConfig); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("open: %v", err)
	}
}

// TestFull fills the store: the append that does not fit says what to do, and what was stored stays.
func TestFull(t *testing.T) {
	js, _ := serve(t, t.TempDir(), bus.Options{MaxStore: 1 << 20})
	l := mustOpen(t, js)
	full, log := until(t, "free disk space")
	l.log = log
	var prev events.Commit
	var err error
	for i := 0; err == nil && i < 64; i++ {
		var got events.Commit
		got, err = l.Append(full, record(prev, fmt.Sprint(i), events.Relapsed{Why: strings.Repeat("x", 64<<10)}), prev.Position)
		if err == nil {
			prev = got
		}
	}
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "free disk space") {
		t.Fatalf("behind position %d: %v", prev.Position, err)
	}
	report, err := l.Verify(within(t, patience), nil)
	if err != nil || !report.Intact() || report.Last != prev.Position || prev.Position == 0 {
		t.Errorf("report %+v, %v", report, err)
	}
}

// TestExportOfAServer exports a ledger and reads it back.
func TestExportOfAServer(t *testing.T) {
	js, _ := serve(t, t.TempDir(), bus.Options{})
	l := mustOpen(t, js)
	if err := l.Entries(within(t, patience), func(Entry) error { return errors.New("there are none") }); err != nil {
		t.Error(err)
	}
	fill(t, l, 200)
	var out []byte
	if err := l.Entries(within(t, patience), func(e Entry) (err error) { out, err = AppendLine(out, e); return err }); err != nil {
		t.Fatal(err)
	}
	there, err := l.Verify(within(t, patience), nil)
	if err != nil {
		t.Fatal(err)
	}
	here, err := ReadExport(bytes.NewReader(out), nil)
	if err != nil || !here.Intact() || here.Last != 200 || here.Digest != there.Digest || here.Entries != there.Entries {
		t.Errorf("exported %+v, on the server %+v, %v", here, there, err)
	}
	enough := errors.New("enough")
	if _, err := l.Verify(within(t, patience), func(events.Commit) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("fn's error: %v", err)
	}
}
