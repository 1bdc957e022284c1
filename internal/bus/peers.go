package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/detour-net/detour/events"
)

// Times of the replicas' beat.
const (
	beatEvery = time.Second
	beatGone  = 3 * time.Second // not heard for so long: gone
	forgotten = time.Hour       // not heard for so long: not known any more
	lookEvery = beatEvery / 4   // at what this process has to say, and for whoever is gone

	beatMissed = 2500 * time.Millisecond // between two beats of its own: something was lost on the way
)

// Peers tells which replicas of a domain are heard. Each beats once a second on a core NATS subject, and at once when somebody
// new is heard, or what it has to say changes; nothing of it is stored. Who takes on which work depends on it, and whose policy
// has to agree.
//
// One of them takes in anomalies for all (see Taking): the first in rank of those that say they can. A replica that cannot says so
// with its next beat, one that ends with its last, and one that is not heard does not count: the next in rank goes on.
type Peers struct {
	me      beat
	subject string
	nc      *nats.Conn
	send    func(raw []byte) // to all that listen
	can     func() bool      // whether this process can take in anomalies, asked again and again
	unknown chan struct{}    // holds a token when somebody new was heard, to whom this process may be new as well

	mu     sync.Mutex
	heard  map[string]heard
	steady time.Time // since when this process's own beats come back without a gap; zero: none has
	taking bool
	turned chan struct{} // closed and replaced when taking changes
}

type beat struct {
	Me   string `json:"me"`
	Rank int    `json:"rank"`

	// CanTake is whether the process can take in anomalies. One of an older version says nothing of it, and takes in what it gets,
	// whoever else does.
	CanTake *bool `json:"can_take,omitempty"`
}

type heard struct {
	beat
	at time.Time
}

// Peers returns the beat of the replica process me, which ranks before those with a higher rank, and says what can returns.
func (c *Conn) Peers(domain, me string, rank int, can func() bool) *Peers {
	p := newPeers(me, rank, can)
	p.subject, p.nc = "detour.v1.replicas."+events.Token(domain), c.nc
	// A beat that cannot be sent is the same as one that is not heard.
	p.send = func(raw []byte) { _ = p.nc.Publish(p.subject, raw) }
	return p
}

func newPeers(me string, rank int, can func() bool) *Peers {
	return &Peers{
		me: beat{Me: me, Rank: rank, CanTake: new(bool)}, can: can, unknown: make(chan struct{}, 1),
		heard: map[string]heard{}, taking: true, turned: make(chan struct{}),
	}
}

// Run beats and listens until ctx ends.
func (p *Peers) Run(ctx context.Context) error {
	sub, err := p.nc.Subscribe(p.subject, p.take)
	if err != nil {
		return fmt.Errorf("listen for other replicas: %w", err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // the connection may be gone, which ends the subscription as well
	return p.run(ctx)
}

// run beats until ctx ends.
func (p *Peers) run(ctx context.Context) error {
	tick, look := time.NewTicker(beatEvery), time.NewTicker(lookEvery)
	defer tick.Stop()
	defer look.Stop()
	if err := p.say(p.can()); err != nil {
		return err
	}
	for {
		var err error
		select {
		case <-tick.C:
			err = p.say(p.can())
		case <-p.unknown:
			err = p.say(p.can())
		case <-look.C:
			if can := p.can(); can != p.said() {
				err = p.say(can)
			}
			p.look()
		case <-ctx.Done():
			return p.say(false) // nobody needs to wait until this one is not heard any more
		}
		if err != nil {
			return err
		}
	}
}

// say beats.
func (p *Peers) say(can bool) error {
	p.mu.Lock()
	p.me.CanTake = &can
	raw, err := json.Marshal(p.me)
	p.mu.Unlock()
	if err != nil {
		return fmt.Errorf("encode the beat: %w", err)
	}
	p.send(raw)
	p.look()
	return nil
}

func (p *Peers) said() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return *p.me.CanTake
}

func (p *Peers) take(m *nats.Msg) {
	var b beat
	if len(m.Data) > 1024 || json.Unmarshal(m.Data, &b) != nil || b.Me == "" {
		return
	}
	p.hear(b)
	p.look()
}

func (p *Peers) hear(b beat) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	last := p.heard[b.Me].at
	switch {
	case b.Me != p.me.Me:
		if now.Sub(last) > beatGone {
			select {
			case p.unknown <- struct{}{}:
			default:
			}
		}
	case now.Sub(last) > beatMissed:
		p.steady = now
	}
	p.heard[b.Me] = heard{beat: b, at: now}
}

// look finds out whether it is for this process to take in anomalies.
func (p *Peers) look() {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.alive()
	first := slices.IndexFunc(all, func(b beat) bool { return b.CanTake != nil }) // this one says something
	if taking := all[first].Me == p.me.Me; taking != p.taking {
		p.taking = taking
		close(p.turned)
		p.turned = make(chan struct{})
	}
}

// Taking reports whether it is for this process to take in anomalies, and gives a channel that is closed when that changes. It is
// while no other is heard that says it can and is before this one in rank, or says it can when this one cannot. Two may believe it
// for a moment, and whoever runs an older version takes in as well: it is an economy.
func (p *Peers) Taking() (taking bool, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taking, p.turned
}

// Sure reports whether a process that Alive does not name is gone. It is not known at first, nor after this process was
// itself cut off: its own beats must have come back for as long as another's may be missing.
func (p *Peers) Sure() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.steady.IsZero() && time.Since(p.heard[p.me.Me].at) <= beatMissed && time.Since(p.steady) > beatGone
}

// LastHeard is when a process was heard last, the zero time if it was not within the last hour.
func (p *Peers) LastHeard(name string) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heard[name].at
}

// Alive returns the processes that are heard, this one always among them: the first in rank first, but behind all others those that
// say they cannot take in anomalies, since whoever cannot record these cannot go on with what they have begun.
func (p *Peers) Alive() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.alive()
	names := make([]string, len(list))
	for i, b := range list {
		names[i] = b.Me
	}
	return names
}

// alive is Alive. The mutex is held.
func (p *Peers) alive() []beat {
	list := []beat{p.me}
	for name, h := range p.heard {
		switch {
		case name == p.me.Me:
		case time.Since(h.at) > forgotten:
			delete(p.heard, name)
		case time.Since(h.at) > beatGone:
		default:
			list = append(list, h.beat)
		}
	}
	slices.SortFunc(list, func(a, b beat) int {
		return cmp.Or(cmp.Compare(a.behind(), b.behind()), cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Me, b.Me))
	})
	return list
}

// behind is 1 for whoever says that it cannot take in anomalies, and 0 for all others.
func (b beat) behind() int {
	if b.CanTake != nil && !*b.CanTake {
		return 1
	}
	return 0
}
