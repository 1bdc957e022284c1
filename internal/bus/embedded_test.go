package bus_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/detour-net/detour/internal/bus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait; none is expected to come near.
const patience = time.Minute

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func embedded(t *testing.T, dir string, o bus.Options) *bus.Server {
	t.Helper()
	srv, err := bus.Embedded(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return srv
}

func shutdown(t *testing.T, srv *bus.Server) {
	t.Helper()
	if err := srv.Shutdown(within(t)); err != nil {
		t.Error(err)
	}
}

func connect(t *testing.T, c bus.Config) *bus.Conn {
	t.Helper()
	conn, err := bus.Connect(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(within(t)); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func TestEmbeddedKeepsWhatItAcknowledged(t *testing.T) {
	dir := t.TempDir()
	for round := range 2 {
		srv := embedded(t, dir, bus.Options{})
		if srv.URL() != "" {
			t.Errorf("it listens at %s without a port", srv.URL())
		}
		conn, err := bus.Connect(bus.Config{Server: srv})
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Wait(within(t)); err != nil {
			t.Fatal(err)
		}
		js := conn.JetStream()
		stream, err := js.CreateOrUpdateStream(within(t), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}})
		if err != nil {
			t.Fatal(err)
		}
		if got := stream.CachedInfo().State.Msgs; got != uint64(round) {
			t.Errorf("round %d begins with %d messages", round, got)
		}
		if _, err := js.Publish(within(t), "s", nil); err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(within(t)); err != nil {
			t.Error(err)
		}
		shutdown(t, srv)
	}
}

func TestEmbeddedRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	used := t.TempDir()
	defer shutdown(t, embedded(t, used, bus.Options{}))
	lockIsDir := t.TempDir()
	if err := os.Mkdir(filepath.Join(lockIsDir, "detour.lock"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, dir, want string }{
		{"a directory in use", used, "in use by another process"},
		{"a file in the way", filepath.Join(file, "data"), "cannot be made"},
		{"a directory that cannot be written", lockIsDir, "is not writable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv, err := bus.Embedded(c.dir, bus.Options{})
			if err == nil {
				shutdown(t, srv)
				t.Fatal("it starts")
			}
			for _, part := range []string{c.want, c.dir, "nats.embedded.dir"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
		})
	}
}

func TestEmbeddedFreesItsDirectory(t *testing.T) {
	dir := t.TempDir()
	first := embedded(t, dir, bus.Options{Port: -1})
	if _, err := bus.Embedded(dir, bus.Options{}); err == nil {
		t.Fatal("two servers in one directory")
	}
	shutdown(t, first)
	shutdown(t, embedded(t, dir, bus.Options{}))
}

// TestFullStore has a store that is full refuse what is new and keep what is old.
func TestFullStore(t *testing.T) {
	srv := embedded(t, t.TempDir(), bus.Options{MaxStore: 1 << 20})
	defer shutdown(t, srv)
	conn := connect(t, bus.Config{Server: srv})
	js := conn.JetStream()
	stream, err := js.CreateStream(within(t), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}, Discard: jetstream.DiscardNew})
	if err != nil {
		t.Fatal(err)
	}
	stored := uint64(0)
	for range 64 {
		if _, err = js.Publish(within(t), "s", make([]byte, 64<<10)); err != nil {
			break
		}
		stored++
	}
	var api *jetstream.APIError
	if !errors.As(err, &api) || stored == 0 {
		t.Fatalf("after %d messages of 64 KiB in a store of 1 MiB: %v", stored, err)
	}
	info, err := stream.Info(within(t))
	if err != nil || info.State.Msgs != stored || info.State.FirstSeq != 1 {
		t.Errorf("%d messages were acknowledged, state is %+v, %v", stored, info.State, err)
	}
}

// TestPortInUse fails at once and says why, and gives the directory free again.
func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := t.TempDir()
	core, logs := observer.New(zap.DebugLevel)
	srv, err := bus.Embedded(dir, bus.Options{Port: portOf(t, l.Addr().String()), Log: zap.New(core)})
	if err == nil {
		shutdown(t, srv)
		t.Fatal("it starts")
	}
	if !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("error %q does not say why", err)
	}
	if logs.FilterLevelExact(zap.ErrorLevel).FilterMessageSnippet("nats server: ").Len() == 0 {
		t.Error("the server's complaint is not in the log")
	}
	shutdown(t, embedded(t, dir, bus.Options{}))
}
