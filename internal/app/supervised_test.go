package app

import (
	"context"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
)

// TestSupervised has somebody listen as systemd does: nothing is told before the replica is ready, nothing while its loop
// stands still, and last that it ends.
func TestSupervised(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if err := socket.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	hears := func() string {
		t.Helper()
		b := make([]byte, 64)
		n, err := socket.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	var ready atomic.Bool
	turns, asked := make(chan struct{}), make(chan struct{})
	s := &supervised{socket: path, every: time.Millisecond, log: zap.NewNop(), ready: func() bool {
		select {
		case asked <- struct{}{}:
		default:
		}
		return ready.Load()
	}, pulse: func(ctx context.Context) error {
		select {
		case <-turns:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx) }()
	<-asked
	<-asked // it has looked twice, and told nothing
	ready.Store(true)
	if said := hears(); said != "READY=1" {
		t.Errorf("first it says %q", said)
	}
	for range 2 {
		turns <- struct{}{}
		if said := hears(); said != "WATCHDOG=1" {
			t.Errorf("when the loop has turned it says %q", said)
		}
	}
	cancel() // the loop stands still: no sign of life comes between
	if said := hears(); said != "STOPPING=1" {
		t.Errorf("last it says %q", said)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestNotSupervised has nobody listen, and somebody who is gone.
func TestNotSupervised(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	a := &App{log: zap.NewNop()}
	if a.supervised() != nil {
		t.Error("it would tell nobody")
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	t.Setenv("WATCHDOG_USEC", "400000")
	s := a.supervised()
	if s.every != 100*time.Millisecond {
		t.Errorf("a sign of life every %s for a watchdog of 400 ms", s.every)
	}
	if err := s.run(t.Context()); err != nil {
		t.Errorf("with nobody at the socket: %v", err)
	}
}
