package app

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"go.uber.org/zap"
)

// supervised tells whoever started the process, as sd_notify(3) has it, when the replica follows the ledger, that its loop
// turns, and that it ends. Nobody listening is no trouble: NOTIFY_SOCKET is empty then.
type supervised struct {
	socket string
	every  time.Duration                   // between two signs of life
	ready  func() bool                     // the replica follows the ledger
	pulse  func(ctx context.Context) error // the loop turns
	log    *zap.Logger
}

// signEvery is how often it is looked whether the replica is ready, and told that it lives if no other pace is asked for.
const signEvery = time.Second

// supervised is nil when nobody listens.
func (a *App) supervised() *supervised {
	s := &supervised{
		socket: os.Getenv("NOTIFY_SOCKET"), every: signEvery, pulse: a.worker.Pulse, log: a.log.Named("supervised"),
		ready: func() bool { return a.conn.Connected() && a.worker.Status().CaughtUp },
	}
	if s.socket == "" {
		return nil
	}
	// sd_watchdog_enabled(3): a sign of life in each half of that time, in microseconds.
	if usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64); err == nil && usec > 0 {
		s.every = min(s.every, time.Duration(usec)*time.Microsecond/4)
	}
	return s
}

// run tells until ctx ends. Whoever listens may be gone: that is said in the log, and ends nothing.
func (s *supervised) run(ctx context.Context) error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.socket, Net: "unixgram"})
	if err != nil {
		s.log.Warn("nobody is told how this replica is", zap.Error(err))
		return nil
	}
	defer conn.Close()
	tell := func(state string) {
		if _, err := fmt.Fprint(conn, state); err != nil {
			s.log.Warn("tell how this replica is", zap.String("state", state), zap.Error(err))
		}
	}
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	for told := false; ; {
		if !told && s.ready() {
			tell("READY=1")
			told = true
		}
		if told && s.pulse(ctx) == nil && ctx.Err() == nil {
			tell("WATCHDOG=1")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			tell("STOPPING=1")
			return nil
		}
	}
}
