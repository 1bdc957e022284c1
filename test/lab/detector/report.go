package detector

import (
	"context"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
)

const (
	lookEvery = 100 * time.Millisecond
	// patience bounds one attempt to publish.
	patience = 5 * time.Second
)

// Publish puts events on the bus, and returns nil only when all of them are stored.
type Publish func(ctx context.Context, list []events.Event) error

// report publishes what is due until ctx ends.
func report(ctx context.Context, judge *Judge, publish Publish, log *zap.Logger) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		due := judge.Due(time.Now())
		if len(due) == 0 {
			continue
		}
		said := time.Now()
		within, cancel := context.WithTimeout(ctx, patience)
		err := publish(within, wrap(due, said))
		cancel()
		if err != nil {
			log.Info("not published", zap.Error(err))
			continue
		}
		for _, a := range due {
			judge.Told(said, a)
			log.Info("published", zap.String("resource", a.Resource.String()), zap.String("kind", string(a.Kind)), zap.String("state", string(a.State)), zap.Float64("value", a.Value))
		}
	}
}

// wrap makes CloudEvents of anomalies.
func wrap(list []events.Anomaly, at time.Time) []events.Event {
	all := make([]events.Event, len(list))
	for i, a := range list {
		all[i] = events.Event{
			SpecVersion: "1.0", Type: events.TypeAnomaly, ID: uuid.NewString(), Source: "/detector/" + a.Resource.Device, Time: at.UTC(),
			DataContentType: events.ContentTypeJSON, Subject: a.Resource.String(), Data: a,
		}
	}
	return all
}
