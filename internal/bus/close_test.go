package bus

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// mute is a server that lets one client in, answers its first pings, and does nothing else.
type mute struct {
	listener net.Listener
	pings    chan struct{} // one for each after the first, which belongs to the greeting
	hangUp   func()        // has it be gone
}

// newMute starts one that answers so many pings.
func newMute(t *testing.T, answers int) *mute {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mute{listener: l, pings: make(chan struct{}, 100)}
	gone := make(chan struct{})
	m.hangUp = sync.OnceFunc(func() { close(gone); l.Close() })
	var serving sync.WaitGroup
	serving.Go(func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		serving.Go(func() { <-gone; conn.Close() })
		fmt.Fprint(conn, "INFO {\"server_id\":\"mute\",\"version\":\"2.12.0\",\"max_payload\":1048576,\"headers\":true}\r\n")
		ping := 0
		for from := bufio.NewScanner(conn); from.Scan(); {
			if !strings.HasPrefix(from.Text(), "PING") {
				continue
			}
			if ping++; ping > 1 {
				m.pings <- struct{}{}
			}
			if ping <= answers {
				fmt.Fprint(conn, "PONG\r\n")
			}
		}
	})
	t.Cleanup(func() { m.hangUp(); serving.Wait() })
	return m
}

// connect is a connection to it that stands.
func (m *mute) connect(t *testing.T) *Conn {
	t.Helper()
	conn, err := Connect(Config{URLs: []string{"nats://" + m.listener.Addr().String()}})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestClose has a server answer, and one that does not: then it is waited for no longer than whoever closes wants to.
func TestClose(t *testing.T) {
	conn := newMute(t, 2).connect(t)
	if err := conn.Close(t.Context()); err != nil {
		t.Errorf("it was answered, and says %v", err)
	}
	m := newMute(t, 1)
	conn = m.connect(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	closed := make(chan error, 1)
	go func() { closed <- conn.Close(ctx) }()
	<-m.pings
	stop()
	if err := <-closed; !errors.Is(err, context.Canceled) {
		t.Errorf("it was not answered, and says %v", err)
	}
}

// TestCloseLost has a connection be lost right before what is left is to be sent: nobody is waited for.
func TestCloseLost(t *testing.T) {
	m := newMute(t, 1)
	conn := m.connect(t)
	defer conn.nc.Close()
	lost := conn.nc.StatusChanged(nats.RECONNECTING)
	m.hangUp()
	<-lost
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	if err := conn.flush(ctx); err != nil {
		t.Errorf("it says %v", err)
	}
}
