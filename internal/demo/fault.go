package demo

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/intake"
)

// fireEvery is how often the demonstration's telemetry repeats an anomaly that goes on.
const fireEvery = 700 * time.Millisecond

// sicken breaks a link and lets telemetry say so until it is healed.
func (s *stage) sicken(ctx context.Context, link string, kind events.AnomalyKind) error {
	if err := s.net.SetLoss(link, s.loss); err != nil {
		return err
	}
	s.say("%s begins to lose %.2g %% of its packets", link, s.loss*100)
	if err := s.publish(ctx, s.anomaly(link, kind, events.Firing, 0)); err != nil {
		return err
	}
	firing, stop := context.WithCancel(context.Background())
	said := make(chan struct{}) // closed after the last that fires
	s.sick[link] = func() {
		stop()
		<-said
		s.over(link, kind)
	}
	s.background.Go(func() {
		defer close(said)
		tick := time.NewTicker(fireEvery)
		defer tick.Stop()
		for n := 1; ; n++ {
			select {
			case <-tick.C:
				// A beat that is lost is made up for by the next.
				_ = s.publish(firing, s.anomaly(link, kind, events.Firing, 0))
			case <-firing.Done():
				return
			}
		}
	})
	return nil
}

// over lets telemetry of both ends of a link say that a fault is over.
func (s *stage) over(link string, kind events.AnomalyKind) {
	for end := range 2 {
		if err := s.publish(context.Background(), s.anomaly(link, kind, events.Resolved, end)); err != nil {
			s.log.Info("publish the end of a fault", zap.Error(err))
		}
	}
}

// heal mends a link; telemetry says that the fault is over.
func (s *stage) heal(_ context.Context, link string) error {
	if err := s.net.Heal(link); err != nil {
		return err
	}
	s.say("%s is repaired", link)
	if stop, ok := s.sick[link]; ok {
		stop()
		delete(s.sick, link)
	}
	return nil
}

// flood publishes n anomalies about links, half of them twice.
func (s *stage) flood(ctx context.Context, links []string, n int) error {
	list := make([]events.Event, 0, n)
	for len(list) < n {
		e := s.anomaly(links[len(list)%len(links)], events.LinkErrors, events.Firing, len(list)/len(links)%2)
		list = append(list, e, e)
	}
	s.mark()
	return intake.Publish(ctx, s.conn.JetStream(), domain, list[:n])
}

func (s *stage) publish(ctx context.Context, e events.Event) error {
	s.mark()
	return intake.Publish(ctx, s.conn.JetStream(), domain, []events.Event{e})
}

// mark remembers when the first anomaly was published.
func (s *stage) mark() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first.IsZero() {
		s.first = time.Now()
	}
}

// anomaly is what telemetry says of one end of a link.
func (s *stage) anomaly(link string, kind events.AnomalyKind, state events.AnomalyState, end int) events.Event {
	at := time.Now().UTC()
	e := events.Event{
		SpecVersion: "1.0", Type: events.TypeAnomaly, ID: hex.EncodeToString(random(12)), Time: at, DataContentType: events.ContentTypeJSON,
	}
	for _, l := range s.net.Topology().Links {
		if l.Name != link {
			continue
		}
		at_ := l.A
		if end == 1 {
			at_ = l.B
		}
		e.Source = "/telemetry/demo/" + at_.Device
		e.Subject = fmt.Sprintf("%s/%s", at_.Device, at_.Interface)
		e.Data = events.Anomaly{
			Kind: kind, State: state, Severity: events.Major, Resource: events.Resource{Device: at_.Device, Interface: at_.Interface},
			ObservedAt: at,
		}
		if kind != events.LinkDown {
			e.Data.Value, e.Data.Unit, e.Data.Threshold, e.Data.Window = s.loss, "ratio", 1e-4, "30s"
		}
	}
	return e
}
