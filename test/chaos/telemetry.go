package main

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/intake"
	"github.com/detour-net/detour/internal/network"
)

// How telemetry speaks of a sick link.
const (
	sickness  = 3e-3 // of its packets are lost
	tellEvery = 500 * time.Millisecond
)

// fault is a sick link, of which telemetry tells again and again until it is over.
type fault struct {
	s      *site
	link   network.Link
	since  time.Time // when it fell sick
	epochs uint64    // incidents that the link had before

	mu     sync.Mutex
	healed bool
	over   context.CancelFunc
	told   sync.WaitGroup
}

// sicken lets a link lose packets, and begins to tell of it.
func (s *site) sicken(l network.Link) (*fault, error) {
	f := &fault{s: s, link: l, since: time.Now()}
	if i, ok := s.latest(l.Name); ok {
		f.epochs = i.Epoch
	}
	if err := s.net.SetLoss(l.Name, sickness); err != nil {
		return nil, err
	}
	telling, over := context.WithCancel(context.Background())
	f.over = over
	f.told.Go(func() { f.tell(telling) })
	return f, nil
}

// tell publishes how the link is. What the bus does not take is published again: only then does it count.
func (f *fault) tell(ctx context.Context) {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		e := f.event()
		for f.s.publish(ctx, e) != nil && ctx.Err() == nil {
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

func (f *fault) event() events.Event {
	e := firing(f.link)
	if f.isHealed() {
		e.Data.State, e.Data.Value = events.Resolved, 0
	}
	return e
}

// firing is what telemetry says of a sick link.
func firing(l network.Link) events.Event {
	at := time.Now().UTC()
	return events.Event{
		SpecVersion: "1.0", Type: events.TypeAnomaly, ID: uuid.NewString(), Source: "/telemetry/" + l.A.Device, Time: at, DataContentType: events.ContentTypeJSON,
		Data: events.Anomaly{
			Kind: events.LinkErrors, State: events.Firing, Severity: events.Major, Resource: events.Resource{Device: l.A.Device, Interface: l.A.Interface},
			ObservedAt: at, Value: sickness, Unit: "ratio", Threshold: 1e-4, Window: "30s",
		},
	}
}

// publish puts events on the bus, and remembers that they must be recorded once the bus has said that all are stored.
func (s *site) publish(ctx context.Context, list ...events.Event) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := s.conn.Wait(ctx); err != nil { // the servers may just be back
		return err
	}
	if err := intake.Publish(ctx, s.conn.JetStream(), domain, list); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range list {
		s.published[e.ID] = e.Data.Resource.String() + " " + string(e.Data.State)
	}
	return nil
}

// heal mends the link, which telemetry tells of from then on.
func (f *fault) heal() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.healed = true
	return f.s.net.Heal(f.link.Name)
}

func (f *fault) isHealed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.healed
}

// end has telemetry fall silent.
func (f *fault) end() {
	f.over()
	f.told.Wait()
}

// latest is a copy of the newest incident of a link.
func (s *site) latest(link string) (i incident.Incident, ok bool) {
	s.watch.look(func(b *incident.Board) bool {
		var found *incident.Incident
		if found, ok = b.Latest(string(events.TargetLink) + "/" + link); ok {
			i = *found
		}
		return ok
	})
	return i, ok
}
