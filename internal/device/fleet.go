package device

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/config/bounded"
	"github.com/detour-net/detour/internal/network"
)

// Options tune a Fleet; the zero value of each field means its default.
type Options struct {
	Logger *zap.Logger      // default: none
	Now    func() time.Time // default: time.Now
	Dir    string           // folder that relative file names of the inventory start from; default: the working directory

	TelemetryInterval time.Duration // between two samples of a counter; default 10 s
	StaleAfter        time.Duration // a router not heard for this long is not seen; default three intervals and a second
	ReadTimeout       time.Duration // of one Get or one Subscribe ONCE; default 5 s
	ReadBackFor       time.Duration // how long an acknowledged Set may take to show in the configuration; default 1 s
	ReconnectWithin   time.Duration // longest pause between two attempts to connect; default 15 s
	CanaryRollback    time.Duration // commit-confirmed window of a proof; default 3 s

	files *bounded.Reader // of all routers, which may have some in common
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.files == nil {
		o.files = new(bounded.Reader)
	}
	set := func(d *time.Duration, value time.Duration) {
		if *d <= 0 {
			*d = value
		}
	}
	set(&o.TelemetryInterval, 10*time.Second)
	set(&o.StaleAfter, 3*o.TelemetryInterval+time.Second)
	set(&o.ReadTimeout, 5*time.Second)
	set(&o.ReadBackFor, time.Second)
	set(&o.ReconnectWithin, 15*time.Second)
	set(&o.CanaryRollback, 3*time.Second)
	return o
}

// Fleet is every router of the inventory. Its methods may be called from any goroutine.
type Fleet struct {
	opts     Options
	topology *network.Topology
	sessions map[string]*session
	order    []string // router names as the inventory lists them
}

// NewFleet prepares a session for every router: profile, certificates and credentials are read now, and whatever is
// wrong with them is one error that names the router, the place and the remedy. Nothing is dialled until it is needed.
func NewFleet(topology *network.Topology, opts Options) (*Fleet, error) {
	f := &Fleet{opts: opts.withDefaults(), topology: topology, sessions: map[string]*session{}}
	schema, err := newSchema()
	if err != nil {
		return nil, err
	}
	var wrong []error
	for _, r := range topology.Routers {
		s, err := newSession(r, interfacesOf(topology, r.Name), f.opts, schema)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("router %s: %w", r.Name, err))
			continue
		}
		f.sessions[r.Name] = s
		f.order = append(f.order, r.Name)
	}
	if len(wrong) > 0 {
		f.Close()
		return nil, errors.Join(wrong...)
	}
	return f, nil
}

// interfacesOf lists the interfaces of one router that end a link, in the topology's order.
func interfacesOf(topology *network.Topology, router string) []string {
	var interfaces []string
	for _, l := range topology.Links {
		for _, end := range []network.End{l.A, l.B} {
			if end.Device == router && !slices.Contains(interfaces, end.Interface) {
				interfaces = append(interfaces, end.Interface)
			}
		}
	}
	return interfaces
}

// Run keeps every session and its telemetry alive until ctx ends; it always returns nil then. A router that cannot be
// reached is tried again for ever and is meanwhile unknown.
func (f *Fleet) Run(ctx context.Context) error {
	var sessions sync.WaitGroup
	for _, s := range f.sessions {
		sessions.Go(func() { s.run(ctx) })
	}
	sessions.Wait()
	return nil
}

// Close ends every channel. An actuation in flight ends as unknown.
func (f *Fleet) Close() {
	for _, s := range f.sessions {
		s.close()
	}
}

// Proven tells the fleet what a canary showed of a router; it replaces what was known before. It comes from the ledger, so
// every replica believes the same. It counts for the software that it was run on, and no other.
func (f *Fleet) Proven(p events.Proved) {
	if s, ok := f.sessions[p.Device]; ok {
		s.setProof(p)
	}
}

// RouterStatus is one router as an operator wants to see it.
type RouterStatus struct {
	Name      string       `json:"name"`
	Address   string       `json:"address"`
	Profile   string       `json:"profile"`
	Software  string       `json:"software,omitempty"`
	Reachable bool         `json:"reachable"`
	LastSeen  time.Time    `json:"last_seen,omitzero"` // when its telemetry was last heard
	LastTold  time.Time    `json:"-"`                  // when it last told more than the first answer to a subscription
	LastError string       `json:"last_error,omitempty"`
	Bars      []events.Bar `json:"bars"`
	Qualified []string     `json:"qualified"` // kinds of leaf that Detour may set on this router: the platform has them, and a proof was recorded
}

// Routers lists every router in the inventory's order.
func (f *Fleet) Routers() []RouterStatus {
	list := make([]RouterStatus, 0, len(f.order))
	for _, name := range f.order {
		list = append(list, f.sessions[name].status())
	}
	return list
}

// session finds a router or says where it is missing.
func (f *Fleet) session(device string) (*session, error) {
	s, ok := f.sessions[device]
	if !ok {
		return nil, fmt.Errorf("router %q is not in the inventory", device)
	}
	return s, nil
}
