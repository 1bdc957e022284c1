package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// Config is what a Server is made of. Board, Orders, Ledger, Network, Costs, Terrain, Policy and Health are required.
type Config struct {
	Board   Board
	Orders  Orders
	Ledger  Ledger
	Network Network
	Costs   Costs
	Terrain Terrain
	Policy  Policy
	Health  Health
	Auth    Auth

	// Callbacks answer POST requests of other programs, by path, "/chat/slack" for one. Each finds out by itself who calls: what
	// it gets carries no token.
	Callbacks map[string]http.Handler
	// SessionKey is a secret of at least 32 bytes that replicas share, and with it the sessions at their consoles. nil: those
	// are of this replica alone, until it ends.
	SessionKey []byte
	// URL is where people's browsers reach the console, without a / at its end; "" if that is not known.
	URL string
	// Login is the provider at which people sign in, nil without one.
	Login Login
	// Fresh is how long ago somebody may have signed in to approve what takes more than a click, and how long what the provider
	// said that they may do counts; 15 min if 0.
	Fresh time.Duration

	Registry *prometheus.Registry // shown at /metrics; nil for an empty one
	Now      func() time.Time     // time.Now if nil
	Log      *zap.Logger          // nil for none

	// Heartbeat is the longest silence of a stream, 3 s if 0; Refresh is how often a stream looks at the Board, 50 ms if 0.
	Heartbeat, Refresh time.Duration
	// OrderWithin is how long an order, and ProveWithin how long a proof or a comparison may take: 10 s and 2 min if 0.
	OrderWithin, ProveWithin time.Duration
}

// How long a caller may take, and an answer that is not a stream.
const (
	headerWithin = 5 * time.Second
	readWithin   = 15 * time.Second
	writeWithin  = 30 * time.Second
	idleAfter    = 2 * time.Minute
	drainWithin  = 5 * time.Second // for answers under way when the server ends
)

// Server answers HTTP requests.
type Server struct {
	cfg     Config
	log     *zap.Logger
	routes  []route
	handler http.Handler
	metrics *metrics
	limits  *limits
	quiet   *quiet
	frozen  standstills
	keys

	ending context.Context // ends when the server does; streams end with it
	end    context.CancelFunc
}

// New makes a Server. The error is one of the configuration of tokens, or of the key of sessions.
func New(c Config) (*Server, error) {
	if err := c.Auth.check(); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	c = c.withDefaults()
	s := &Server{cfg: c, log: c.Log, metrics: newMetrics(c.Registry), limits: newLimits(), quiet: newQuiet()}
	var err error
	if s.keys, err = newKeys(c.SessionKey, c.Health.Status().Replica); err != nil {
		return nil, err
	}
	s.ending, s.end = context.WithCancel(context.Background())
	s.routes = s.table()
	s.handler = s.build()
	return s, nil
}

func (c Config) withDefaults() Config {
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	set := func(d *time.Duration, value time.Duration) {
		if *d <= 0 {
			*d = value
		}
	}
	set(&c.Heartbeat, 3*time.Second)
	set(&c.Refresh, 50*time.Millisecond)
	set(&c.OrderWithin, 10*time.Second)
	set(&c.ProveWithin, 2*time.Minute)
	set(&c.Fresh, 15*time.Minute)
	return c
}

// Handler answers every route. Streams end when Serve does; a handler that is served otherwise ends them by Close.
func (s *Server) Handler() http.Handler { return s.handler }

// Close ends every stream.
func (s *Server) Close() { s.end() }

// Serve answers requests on l, which it closes, until ctx ends; then streams end and other answers under way are given
// five seconds. It returns nil after an orderly end. For TLS, l is a tls.Listener; with "h2" among its protocols,
// HTTP/2 is spoken.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler: s.handler, ErrorLog: zap.NewStdLog(s.log),
		ReadHeaderTimeout: headerWithin, ReadTimeout: readWithin, IdleTimeout: idleAfter, MaxHeaderBytes: 16 << 10,
	}
	stopped := make(chan error, 1)
	unhook := context.AfterFunc(ctx, func() {
		s.end()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainWithin)
		defer cancel()
		stopped <- errors.Join(srv.Shutdown(grace), srv.Close())
	})
	err := srv.Serve(l)
	if unhook() {
		return fmt.Errorf("serve HTTP at %s: %w", l.Addr(), err)
	}
	if err := <-stopped; err != nil {
		return fmt.Errorf("stop HTTP at %s: %w", l.Addr(), err)
	}
	return nil
}
