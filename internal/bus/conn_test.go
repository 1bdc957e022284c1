package bus_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/certs"
)

func TestConnectRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		config bus.Config
		want   string
	}{
		{"no address", bus.Config{}, "nats.urls"},
		{"a malformed address", bus.Config{URLs: []string{"nats://[::1"}}, "nats://[::1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := bus.Connect(c.config)
			if err == nil {
				_ = conn.Close(within(t))
				t.Fatal("it connects")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q does not say %q", err, c.want)
			}
		})
	}
}

// TestUnreachable connects to nobody: that is no error yet, and waiting for it says who was not reached.
func TestUnreachable(t *testing.T) {
	conn := connect(t, bus.Config{URLs: []string{"nats://127.0.0.1:1"}})
	waitFor(t, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		err := conn.Wait(ctx)
		if conn.Connected() || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("connected %t, error %v", conn.Connected(), err)
		}
		return strings.Contains(err.Error(), "127.0.0.1") // it has tried
	})
}

// TestComesBack has the server go away and come back; the connection follows, and meanwhile nothing is kept back to be
// sent later.
func TestComesBack(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	port := freePort(t)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	dir := t.TempDir()
	conn := connect(t, bus.Config{URLs: []string{"nats://" + addr}, Log: zap.New(core), Name: "test"})
	for range 2 {
		srv := embedded(t, dir, bus.Options{Port: port})
		if err := conn.Wait(within(t)); err != nil {
			t.Fatal(err)
		}
		if !conn.Connected() {
			t.Error("not connected")
		}
		shutdown(t, srv)
		waitFor(t, func() bool { return !conn.Connected() })
		if _, err := conn.JetStream().Publish(within(t), "s", nil); err == nil {
			t.Error("it publishes without a server")
		}
	}
	for _, message := range []string{"bus connected", "bus connected again", "bus connection lost, reconnecting until it is back"} {
		if logs.FilterMessage(message).Len() == 0 {
			t.Errorf("%q was not said", message)
		}
	}
}

// TestSecure has a client that wants TLS refuse a server that has none.
func TestSecure(t *testing.T) {
	srv := embedded(t, t.TempDir(), bus.Options{Port: -1})
	defer shutdown(t, srv)
	conn, err := bus.Connect(bus.Config{URLs: []string{srv.URL()}, TLS: &certs.Files{}})
	if err != nil {
		return
	}
	defer func() { _ = conn.Close(within(t)) }()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if err := conn.Wait(ctx); err == nil {
		t.Error("it connects without TLS")
	}
}

func TestCredentialsMissing(t *testing.T) {
	srv := embedded(t, t.TempDir(), bus.Options{Port: -1})
	defer shutdown(t, srv)
	missing := filepath.Join(t.TempDir(), "none.creds")
	conn, err := bus.Connect(bus.Config{URLs: []string{srv.URL()}, Credentials: missing})
	if err == nil {
		_ = conn.Close(within(t))
		t.Fatal("a credentials file that is not there is no error")
	}
	if !strings.Contains(err.Error(), missing) {
		t.Errorf("error %q does not name the file", err)
	}
}

func portOf(t *testing.T, addr string) int {
	t.Helper()
	a, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return a.Port
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for ctx := within(t); !ok(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("not in time")
		}
	}
}
