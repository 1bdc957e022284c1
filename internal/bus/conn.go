package bus

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/detour-net/detour/internal/certs"
	"github.com/detour-net/detour/internal/config/bounded"
)

// How a connection behaves in trouble. A dead peer that sends no reset is noticed after two pings, within 10 s.
const (
	reconnectWait   = 250 * time.Millisecond
	reconnectJitter = 500 * time.Millisecond
	pingInterval    = 5 * time.Second
	dialTimeout     = 3 * time.Second
)

// Config says where the bus is and who we are. A server knows its clients in one of three ways; at most one may be given. Files
// are read again for each connection.
type Config struct {
	Server *Server  // the embedded server; then URLs are not needed
	URLs   []string // of a foreign one, for example "tls://nats-1:4222"

	Credentials    string // path of a NATS credentials file, "" for none
	NKey           string // path of a file with the seed of a user's nkey, "" for none
	User, Password string // "" for none
	PasswordFile   string // where Password stands, "" if nowhere

	// APIPrefix is where JetStream's API is, "" for $JS.API. An account that only imports it has it elsewhere.
	APIPrefix string

	TLS  *certs.Files // nil for the default
	Name string       // of this client, as the server shows it
	Log  *zap.Logger  // nil for none
}

// Conn is a connection to the bus that is never given up until Close.
type Conn struct {
	nc *nats.Conn
	js jetstream.JetStream

	mu  sync.Mutex
	why error // why the newest attempt to reach the bus failed
}

// Connect begins to connect and returns at once; the bus need not be there yet (see Wait). An error is one of the
// configuration: no address, an unreadable file, a malformed URL.
func Connect(c Config) (*Conn, error) {
	log := c.Log
	if log == nil {
		log = zap.NewNop()
	}
	conn := &Conn{}
	opts := append(conn.temper(log), nats.Name(c.Name))
	switch {
	case c.Server != nil:
		opts = append(opts, nats.InProcessServer(c.Server))
	case len(c.URLs) == 0:
		return nil, errors.New("connect to NATS: no address; give nats.urls or nats.embedded")
	}
	if c.TLS != nil {
		source, err := certs.Open(*c.TLS, new(bounded.Reader), log)
		if err != nil {
			return nil, fmt.Errorf("connect to NATS: nats.tls.%w", err)
		}
		opts = append(opts, secured(source))
	}
	identity, connected, err := c.known(log)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	opts = append(opts, identity...)
	if conn.nc, err = nats.Connect(strings.Join(c.URLs, ","), opts...); err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w", strings.Join(c.URLs, ", "), err)
	}
	connected(conn.nc)
	if conn.js, err = c.jetStream(conn.nc); err != nil {
		conn.nc.Close()
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	return conn, nil
}

func (c Config) jetStream(nc *nats.Conn) (jetstream.JetStream, error) {
	if c.APIPrefix == "" {
		return jetstream.New(nc)
	}
	return jetstream.NewWithAPIPrefix(nc, c.APIPrefix)
}

// secured has each connection use what the files hold when it is made.
func secured(source *certs.Source) nats.Option {
	return nats.ClientTLSConfig(
		func() (tls.Certificate, error) { return *source.Pair(), nil },
		func() (*x509.CertPool, error) { return source.Roots(), nil },
	)
}

// known returns how the client proves who it is, and what to tell which connection it became.
func (c Config) known(log *zap.Logger) (opts []nats.Option, connected func(*nats.Conn), err error) {
	connected = func(*nats.Conn) {}
	switch {
	case c.Credentials != "":
		option, err := byCredentials(c.Credentials, log)
		return []nats.Option{option}, connected, err
	case c.NKey != "":
		k, err := newByKey(c.NKey, log)
		if err != nil {
			return nil, nil, err
		}
		return k.options(), k.of.Store, nil
	case c.User != "":
		return []nats.Option{byPassword(c, log)}, connected, nil
	}
	return nil, connected, nil
}

// temper is what every connection has: patience, and words when something happens.
func (c *Conn) temper(log *zap.Logger) []nats.Option {
	return []nats.Option{
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(),
		nats.ReconnectWait(reconnectWait), nats.ReconnectJitter(reconnectJitter, reconnectJitter),
		nats.ReconnectBufSize(-1), nats.Timeout(dialTimeout),
		nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(2),
		nats.ConnectHandler(func(nc *nats.Conn) { log.Info("bus connected", zap.String("server", nc.ConnectedUrlRedacted())) }),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			log.Info("bus connected again", zap.String("server", nc.ConnectedUrlRedacted()))
		}),
		nats.DisconnectErrHandler(func(nc *nats.Conn, err error) {
			if !nc.IsClosed() {
				log.Warn("bus connection lost, reconnecting until it is back", zap.Error(explain(err)))
			}
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.why = explain(err)
			log.Warn("bus not reached, trying again", zap.Error(c.why))
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			subject := ""
			if sub != nil {
				subject = sub.Subject
			}
			log.Warn("bus reports", zap.String("subject", subject), zap.Error(err))
		}),
	}
}

// JetStream is the connection's JetStream.
func (c *Conn) JetStream() jetstream.JetStream { return c.js }

// Connected reports whether the bus is there now, for readiness.
func (c *Conn) Connected() bool { return c.nc.IsConnected() }

// Wait returns when the bus is there. When ctx ends first the error says why it was not reached.
func (c *Conn) Wait(ctx context.Context) error {
	changed := c.nc.StatusChanged(nats.CONNECTED, nats.CLOSED)
	defer c.nc.RemoveStatusListener(changed)
	for !c.nc.IsConnected() {
		if c.nc.IsClosed() {
			return fmt.Errorf("connect to NATS: %w", nats.ErrConnectionClosed)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("NATS at %s not reached: %w", strings.Join(c.nc.Servers(), ", "), errors.Join(ctx.Err(), c.trouble()))
		}
	}
	return nil
}

// trouble is why the bus was not reached, nil when nobody knows.
func (c *Conn) trouble() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.why
}

// Close sends what is still in its buffers, waiting at most until ctx ends, and ends the connection.
func (c *Conn) Close(ctx context.Context) error {
	defer c.nc.Close()
	if !c.nc.IsConnected() {
		return nil
	}
	return c.flush(ctx)
}

// flush sends what is in the buffers, waiting at most until ctx ends. A connection that is lost right before it is asked would not
// answer, so from time to time it is looked whether it is still there: if not, nobody is left to be sent anything.
func (c *Conn) flush(ctx context.Context) error {
	for {
		err := c.ask(ctx)
		switch {
		case err == nil, errors.Is(err, nats.ErrConnectionClosed), !c.nc.IsConnected():
			return nil
		case ctx.Err() != nil, !errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("flush NATS connection: %w", err)
		}
	}
}

// ask returns when the server has answered, which it does once it has taken everything before.
func (c *Conn) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askAgain)
	defer cancel()
	return c.nc.FlushWithContext(ctx)
}

// askAgain is how long an answer to one question is waited for.
const askAgain = time.Second
