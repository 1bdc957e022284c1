package e2e

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/intake"
	"github.com/detour-net/detour/internal/network"
)

// sickness is the loss of a sick link, a ratio, where a test asks for no other.
const sickness = 3e-3

// change alters an event before it is published.
type change func(*events.Event)

func severity(as events.Severity) change  { return func(e *events.Event) { e.Data.Severity = as } }
func observed(at time.Time) change        { return func(e *events.Event) { e.Data.ObservedAt = at.UTC() } }
func kind(k events.AnomalyKind) change    { return func(e *events.Event) { e.Data.Kind = k } }
func identified(id string) change         { return func(e *events.Event) { e.ID = id } }
func about(r events.Resource) change      { return func(e *events.Event) { e.Data.Resource = r } }
func state(as events.AnomalyState) change { return func(e *events.Event) { e.Data.State = as } }
func labelled(name, value string) change {
	return func(e *events.Event) { e.Data.Labels = map[string]string{name: value} }
}

// end picks the end of the link that tells.
func (s *stage) atB(link string) change {
	return func(e *events.Event) {
		b := s.linkNamed(link).B
		e.Data.Resource = events.Resource{Device: b.Device, Interface: b.Interface}
		e.Source = "/telemetry/" + b.Device
	}
}

func (s *stage) linkNamed(name string) network.Link {
	s.t.Helper()
	for _, l := range s.net.Topology().Links {
		if l.Name == name {
			return l
		}
	}
	s.t.Fatalf("no link %q", name)
	return network.Link{}
}

// event is what telemetry says of a link's end A.
func (s *stage) event(link string, changes ...change) events.Event {
	at, a := time.Now().UTC(), s.linkNamed(link).A
	e := events.Event{
		SpecVersion: "1.0", Type: events.TypeAnomaly, ID: uuid.NewString(), Source: "/telemetry/" + a.Device, Time: at,
		DataContentType: events.ContentTypeJSON,
		Data: events.Anomaly{
			Kind: events.LinkErrors, State: events.Firing, Severity: events.Major, Resource: events.Resource{Device: a.Device, Interface: a.Interface},
			ObservedAt: at, Value: s.rules.Loss, Unit: "ratio", Threshold: 1e-4, Window: "30s",
		},
	}
	for _, c := range changes {
		c(&e)
	}
	return e
}

// publish puts events on the bus and remembers that each must be recorded.
func (s *stage) publish(list ...events.Event) {
	s.t.Helper()
	if err := intake.Publish(s.within(), s.conn.JetStream(), domain, list); err != nil {
		s.t.Error(err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range list {
		s.fired[e.ID] = e.Source + " " + e.Data.Resource.String()
	}
}

// sicken lets a link lose packets, and says so. What ended before is no longer what reaches and ends speak of.
func (s *stage) sicken(link string, changes ...change) {
	s.t.Helper()
	s.anew(link)
	if err := s.net.SetLoss(link, s.rules.Loss); err != nil {
		s.t.Fatal(err)
	}
	s.publish(s.event(link, changes...))
}

// anew waits until a fault of a link opens another incident.
func (s *stage) anew(link string) {
	s.t.Helper()
	if i := s.latest(link); i != nil && i.End != nil {
		s.wait(i.ID+" to have cooled down", func() bool { return time.Now().After(i.End.CoolDown) })
		s.ended[link] = i.Epoch
	}
}

// telling says something of a link again and again, as telemetry does, until it is told to stop.
func (s *stage) telling(link string, changes ...change) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var talking sync.WaitGroup
	talking.Go(func() {
		tick := time.NewTicker(400 * time.Millisecond)
		defer tick.Stop()
		for {
			s.publish(s.event(link, changes...))
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	stop = func() { cancel(); talking.Wait() }
	s.t.Cleanup(stop) // a test that fails does not wait for it
	return stop
}

// heal mends a link, and says so in the name of whoever said that it was sick.
func (s *stage) heal(link string, changes ...change) {
	s.t.Helper()
	if err := s.net.Heal(link); err != nil {
		s.t.Fatal(err)
	}
	s.publish(s.event(link, append([]change{state(events.Resolved)}, changes...)...))
}
