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

	beatMissed = 2500 * time.Millisecond // between two beats of its own: something was lost on the way
)

// Peers tells which replicas of a domain are heard. Each beats once a second on a core NATS subject; nothing of it is
// stored. Who takes on which work depends on it, and whose policy has to agree.
type Peers struct {
	me      beat
	subject string
	nc      *nats.Conn

	mu     sync.Mutex
	heard  map[string]heard
	steady time.Time // since when this process's own beats come back without a gap; zero: none has
}

type beat struct {
	Me   string `json:"me"`
	Rank int    `json:"rank"`
}

type heard struct {
	beat
	at time.Time
}

// Peers returns the beat of the replica process me, which ranks before those with a higher rank.
func (c *Conn) Peers(domain, me string, rank int) *Peers {
	return &Peers{
		me: beat{Me: me, Rank: rank}, subject: "detour.v1.replicas." + events.Token(domain), nc: c.nc, heard: map[string]heard{},
	}
}

// Run beats and listens until ctx ends.
func (p *Peers) Run(ctx context.Context) error {
	sub, err := p.nc.Subscribe(p.subject, p.take)
	if err != nil {
		return fmt.Errorf("listen for other replicas: %w", err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // the connection may be gone, which ends the subscription as well
	raw, err := json.Marshal(p.me)
	if err != nil {
		return fmt.Errorf("encode the beat: %w", err)
	}
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		// A beat that cannot be sent is the same as one that is not heard.
		_ = p.nc.Publish(p.subject, raw)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (p *Peers) take(m *nats.Msg) {
	var b beat
	if len(m.Data) > 1024 || json.Unmarshal(m.Data, &b) != nil || b.Me == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if b.Me == p.me.Me && now.Sub(p.heard[b.Me].at) > beatMissed {
		p.steady = now
	}
	p.heard[b.Me] = heard{beat: b, at: now}
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

// Alive returns the processes that are heard, this one always among them, the first in rank first.
func (p *Peers) Alive() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
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
	slices.SortFunc(list, func(a, b beat) int { return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Me, b.Me)) })
	names := make([]string, len(list))
	for i, b := range list {
		names[i] = b.Me
	}
	return names
}
