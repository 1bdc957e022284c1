package e2e

import (
	"io"
	"net"
	"sync"
	"testing"
)

// wire is the network between one replica and the bus. It can be cut, which both sides notice, and stalled, in one
// direction or both, which nobody does: what is sent meanwhile arrives when it is mended, however late that is.
type wire struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	state condition
	moved *sync.Cond
	open  map[net.Conn]bool
}

type condition int

const (
	whole condition = iota
	cut
	stalled
	deafened // stalled towards the replica alone: the bus hears it, and it hears nothing
	torn     // ended for good
)

// newWire leads to a server at host:port.
func newWire(t testing.TB, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l, to: to, open: map[net.Conn]bool{}}
	w.moved = sync.NewCond(&w.mu)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { w.carry(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		w.set(torn)
		running.Wait()
	})
	return w
}

func (w *wire) url() string { return "nats://" + w.listener.Addr().String() }

// set changes the condition. Cutting ends every connection.
func (w *wire) set(c condition) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state = c
	if c == cut || c == torn {
		for conn := range w.open {
			conn.Close()
		}
	}
	w.moved.Broadcast()
}

// passes waits while the wire is stalled in a direction, and reports whether it carries anything.
func (w *wire) passes(toReplica bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.state == stalled || w.state == deafened && toReplica {
		w.moved.Wait()
	}
	return w.state == whole || w.state == deafened
}

// holds keeps a connection to be closed when the wire is cut. It reports false when it is cut already.
func (w *wire) holds(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state == cut || w.state == torn {
		return false
	}
	w.open[c] = true
	return true
}

func (w *wire) drop(c net.Conn) {
	c.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, c)
}

func (w *wire) carry(near net.Conn) {
	defer w.drop(near)
	if !w.holds(near) || !w.passes(false) {
		return
	}
	far, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer w.drop(far)
	if !w.holds(far) {
		return
	}
	var both sync.WaitGroup
	for _, way := range []struct {
		from, to  net.Conn
		toReplica bool
	}{{near, far, false}, {far, near, true}} {
		both.Go(func() {
			defer near.Close()
			defer far.Close()
			_, _ = io.Copy(way.to, gated{way.from, w, way.toReplica}) // either side may end it
		})
	}
	both.Wait()
}

// gated lets bytes through as the wire does.
type gated struct {
	io.Reader
	w         *wire
	toReplica bool
}

func (g gated) Read(p []byte) (int, error) {
	n, err := g.Reader.Read(p)
	if n > 0 && !g.w.passes(g.toReplica) {
		return 0, net.ErrClosed
	}
	return n, err
}
