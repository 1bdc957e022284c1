// Package wire is the network between two processes, for tests that hurt it: a TCP proxy that can be cut, which both sides
// notice, and stalled, in one direction or both, which nobody does, at once or after so many bytes. What is sent meanwhile arrives
// when it is mended, however late that is.
package wire

import (
	"fmt"
	"io"
	"net"
	"sync"
)

// Wire leads to one server. Its methods may be called concurrently.
type Wire struct {
	listener net.Listener
	to       string
	running  sync.WaitGroup

	mu     sync.Mutex
	state  Condition
	left   int // bytes that clients still get before it is deafened; 0: no bound
	closed bool
	moved  *sync.Cond
	open   map[net.Conn]bool
}

// Condition is how a wire is.
type Condition int

// The conditions.
const (
	Whole    Condition = iota
	Cut                // every connection is ended, and none is made
	Stalled            // nothing passes, and nothing is lost
	Deafened           // stalled towards the client alone: the server hears it, and it hears nothing
)

// New leads from a port of its own on 127.0.0.1 to a server at host:port, which need not be there yet.
func New(to string) (*Wire, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("wire to %s: %w", to, err)
	}
	w := &Wire{listener: l, to: to, open: map[net.Conn]bool{}}
	w.moved = sync.NewCond(&w.mu)
	w.running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.running.Go(func() { w.carry(c) })
		}
	})
	return w, nil
}

// Address is where clients reach the server over the wire, as host:port.
func (w *Wire) Address() string { return w.listener.Addr().String() }

// Close ends the wire and every connection on it.
func (w *Wire) Close() {
	w.listener.Close()
	w.Set(Cut)
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.running.Wait()
}

// Set changes the condition. A wire that was closed stays so.
func (w *Wire) Set(c Condition) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	w.state, w.left = c, 0
	if c == Cut {
		for conn := range w.open {
			conn.Close()
		}
	}
	w.moved.Broadcast()
}

// Choke has a whole wire be deafened once clients have got so many bytes more, at least one. The read that comes to it is not cut short.
func (w *Wire) Choke(bytes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left = bytes
}

// spend counts what passes to a client.
func (w *Wire) spend(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left == 0 || w.state != Whole {
		return
	}
	if w.left = max(0, w.left-n); w.left == 0 {
		w.state = Deafened
	}
}

// passes waits while the wire is stalled in a direction, and reports whether it carries anything.
func (w *Wire) passes(toClient bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.state == Stalled || w.state == Deafened && toClient {
		w.moved.Wait()
	}
	return w.state == Whole || w.state == Deafened
}

// holds keeps a connection to be closed when the wire is cut. It reports false when it is cut already.
func (w *Wire) holds(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state == Cut {
		return false
	}
	w.open[c] = true
	return true
}

func (w *Wire) drop(c net.Conn) {
	c.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, c)
}

func (w *Wire) carry(near net.Conn) {
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
		from, to net.Conn
		toClient bool
	}{{near, far, false}, {far, near, true}} {
		both.Go(func() {
			defer near.Close()
			defer far.Close()
			_, _ = io.Copy(way.to, gated{way.from, w, way.toClient}) // either side may end it
		})
	}
	both.Wait()
}

// gated lets bytes through as the wire does.
type gated struct {
	io.Reader
	w        *Wire
	toClient bool
}

func (g gated) Read(p []byte) (int, error) {
	n, err := g.Reader.Read(p)
	if n > 0 && !g.w.passes(g.toClient) {
		return 0, net.ErrClosed
	}
	if g.toClient {
		g.w.spend(n)
	}
	return n, err
}
