package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

// TestRemoved deletes a record from a stream that allows it: whoever follows is told which one is missing, and Open
// refuses the stream.
func TestRemoved(t *testing.T) {
	js, _ := serve(t, t.TempDir(), bus.Options{})
	config := testConfig.withDefaults().streamConfig()
	config.DenyDelete = false
	stream, err := js.CreateStream(within(t, patience), config)
	if err != nil {
		t.Fatal(err)
	}
	l := newLedger(js, stream, testConfig.withDefaults())
	fill(t, l, 9)
	if err := stream.DeleteMsg(within(t, patience), 4); err != nil {
		t.Fatal(err)
	}
	var broken *BrokenError
	n := 0
	err = l.Follow(within(t, patience), 1, func(events.Commit) error { n++; return nil })
	if !errors.As(err, &broken) || broken.Position != 4 || broken.Problem != Missing || n != 3 {
		t.Errorf("after %d commits: %v", n, err)
	}
	if err := l.Follow(within(t, patience), 5, nil); !errors.As(err, &broken) || broken.Position != 4 {
		t.Errorf("from behind the gap: %v", err)
	}
	report, err := l.Verify(within(t, patience), nil)
	if err != nil || len(report.Findings) != 1 || report.Findings[0].Position != 4 || report.Findings[0].Problem != Missing || report.Last != 9 {
		t.Errorf("report %+v, %v", report, err)
	}
	if _, err := Open(within(t, patience), js, testConfig); err == nil || !strings.Contains(err.Error(), "1 of its records were removed") {
		t.Errorf("open: %v", err)
	}
}

// TestShortened makes the stream anew behind a follower's back: that is no fresh start for it.
func TestShortened(t *testing.T) {
	js, _ := serve(t, t.TempDir(), bus.Options{})
	l := mustOpen(t, js)
	fill(t, l, 5)
	if err := js.DeleteStream(within(t, patience), events.StreamLedger); err != nil {
		t.Fatal(err)
	}
	fill(t, mustOpen(t, js), 2)
	r := &reader{l: l, next: 6, out: func([]Entry) error { return nil }}
	var final error
	for range patienceRounds {
		if final, _ = r.ensureWhole(within(t, patience)); final != nil {
			break
		}
	}
	var broken *BrokenError
	if !errors.As(final, &broken) || broken.Position != 3 || broken.Problem != Missing {
		t.Errorf("it says %v", final)
	}
}

// TestDamagedDisk changes bytes of a record in the server's own files. The server does not deliver such a message; what
// follows must name it, and go on.
func TestDamagedDisk(t *testing.T) {
	for _, which := range []uint64{7, 20} {
		t.Run(fmt.Sprint("position ", which), func(t *testing.T) {
			dir := t.TempDir()
			js, stop := serve(t, dir, bus.Options{})
			fill(t, mustOpen(t, js), 20)
			stop()
			damage(t, dir, fmt.Appendf(nil, "because of c%d", which), fmt.Appendf(nil, "despite all c%d", which))

			js, _ = serve(t, dir, bus.Options{})
			l := mustOpen(t, js)
			report, err := l.Verify(within(t, patience), nil)
			if err != nil || len(report.Findings) != 1 || report.Findings[0].Position != which || report.Findings[0].Problem != Missing {
				t.Errorf("report %+v, %v", report, err)
			}
			var broken *BrokenError
			if err := l.Follow(within(t, patience), 1, func(events.Commit) error { return nil }); !errors.As(err, &broken) || broken.Position != which {
				t.Errorf("follow: %v", err)
			}
		})
	}
}

// damage replaces old by as many bytes of replacement in the message blocks below dir.
func damage(t *testing.T, dir string, old, replacement []byte) {
	t.Helper()
	done := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".blk" {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if i := bytes.Index(raw, old); i >= 0 {
			copy(raw[i:i+len(old)], replacement)
			done++
		}
		return os.WriteFile(path, raw, 0o600)
	})
	if err != nil || done != 1 {
		t.Fatalf("damaged %d files: %v", done, err)
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
