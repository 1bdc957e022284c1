package backbone

import (
	"net"
	"sync"
)

// listener is a router's socket. It remembers its connections so that they can be cut, as a reboot does.
type listener struct {
	net.Listener
	mu   sync.Mutex
	open map[net.Conn]bool
	deaf bool
}

// Accept implements net.Listener. A deaf listener closes what comes in.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		deaf := l.deaf
		tracked := &connection{Conn: c, of: l}
		if !deaf {
			l.open[tracked] = true
		}
		l.mu.Unlock()
		if !deaf {
			return tracked, nil
		}
		c.Close()
	}
}

// ignore says whether connections that come in are closed at once.
func (l *listener) ignore(deaf bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deaf = deaf
}

// hangUp cuts every connection.
func (l *listener) hangUp() {
	l.mu.Lock()
	open := l.open
	l.open = map[net.Conn]bool{}
	l.mu.Unlock()
	for c := range open {
		c.Close()
	}
}

type connection struct {
	net.Conn
	of *listener
}

// Close implements net.Conn.
func (c *connection) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}
