package device

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network"
)

// session is everything about one router: its channel, what is known of it, and whose turn it is to change it.
type session struct {
	router     network.Router
	interfaces []string // those that end a link
	profile    profile
	opts       Options
	log        *zap.Logger
	conn       *grpc.ClientConn
	client     gnmi.GNMIClient
	schema     *schema
	turn       chan struct{} // holds one token while an actuation is in flight
	seen       *cache
	beside     *cache // of what not every router tells
	configured *cache // likewise, of configured metrics

	mu     sync.Mutex
	proof  *events.Proved // the newest, nil when there is none
	layout layout
	system string // the router's IS-IS system identifier as last surveyed, "" when not known
	about  about
	err    error // why the router cannot be followed, nil while it can
}

// about is what a router says of itself.
type about struct {
	software string
	booted   time.Time
}

func newSession(r network.Router, interfaces []string, opts Options, schema *schema) (*session, error) {
	p, err := profileNamed(r.Profile)
	if err != nil {
		return nil, err
	}
	if p.validated {
		// The first Set shall not wait for the schema, nor find that the profile does not fit it.
		ref := events.LeafRef{Leaf: events.ISISMetric, Interface: "any", Level: 2, Family: events.IPv4}
		if err := schema.validate(p.paths.metric.fill(place{"any", "any"}.names(ref)), nil); err != nil {
			return nil, fmt.Errorf("profile %s: %w", p.name, err)
		}
	}
	conn, err := dial(r, opts)
	if err != nil {
		return nil, err
	}
	return &session{
		router: r, interfaces: interfaces, profile: p, opts: opts,
		log:  opts.Logger.With(zap.String("device", r.Name)),
		conn: conn, client: gnmi.NewGNMIClient(conn),
		schema: schema, turn: make(chan struct{}, 1), seen: newCache(opts.TelemetryInterval), beside: newCache(opts.TelemetryInterval), configured: newCache(opts.TelemetryInterval),
	}, nil
}

func (s *session) close() { _ = s.conn.Close() } // its only error says that it is closed already

// take waits for the router's turn; the caller gives it back with release.
func (s *session) take(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("another act on router %s is in flight: %w", s.router.Name, ctx.Err())
	}
}

func (s *session) release() { <-s.turn }

// awaitChannel waits while the channel is being set up, so that what follows leaves at once or fails at once.
func (s *session) awaitChannel(ctx context.Context) {
	for {
		state := s.conn.GetState()
		switch state {
		case connectivity.Idle:
			s.conn.Connect()
		case connectivity.Connecting:
		default:
			return
		}
		if !s.conn.WaitForStateChange(ctx, state) {
			return
		}
	}
}

// setProof replaces what was proven.
func (s *session) setProof(p events.Proved) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proof = &p
}

// proven is the proof of this router with the software that it runs, zero when there is none.
func (s *session) proven() events.Proved {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proof == nil || s.proof.Software != "" && s.about.software != "" && s.proof.Software != s.about.software {
		return events.Proved{}
	}
	return *s.proof
}

// qualified are the kinds of leaf that may be set: the platform has them, and a proof showed them to be taken.
func (s *session) qualified() []events.Leaf {
	return slices.DeleteFunc(slices.Clone(s.profile.qualified), func(l events.Leaf) bool { return !slices.Contains(s.proven().Leaves, l) })
}

// platform is the profile, with what a proof showed in place of what is usual.
func (s *session) platform() profile {
	p := s.profile
	if proof := s.proven(); slices.Contains(proof.Leaves, events.ISISMetric) {
		p.whenUnset = map[events.Leaf]string{events.ISISMetric: proof.Unset.JSON()}
	}
	return p
}

// provenBars lists the bars, strongest first; the deadline is always the last.
func (s *session) provenBars() []events.Bar {
	var list []events.Bar
	for _, bar := range []events.Bar{events.BarArbitration, events.BarCommitConfirmed} {
		if s.honours(bar) {
			list = append(list, bar)
		}
	}
	return append(list, events.BarDeadline)
}

// honours reports whether a bar is proven.
func (s *session) honours(bar events.Bar) bool { return slices.Contains(s.proven().Bars, bar) }

// known returns what the router last said of itself.
func (s *session) known() about {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.about
}

func (s *session) status() RouterStatus {
	st := RouterStatus{
		Name: s.router.Name, Address: s.router.Address, Profile: s.profile.name, Software: s.known().software,
		LastSeen: s.seen.lastHeard(), LastTold: s.seen.lastTold(), Bars: s.provenBars(),
	}
	for _, leaf := range s.qualified() {
		st.Qualified = append(st.Qualified, string(leaf))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Reachable = s.conn.GetState() == connectivity.Ready
	if s.err != nil {
		st.LastError = s.err.Error()
	}
	return st
}
