package worker

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// maxGlances bounds the targets that are read at once because of an announcement.
const maxGlances = 4

// glances are readings of targets that were begun because an anomaly was announced: while the bus still stores it, its
// routers answer. Whatever comes of them is only ever used in place of a reading that would begin now.
type glances struct {
	mu     sync.Mutex
	byName map[string]*glance // by target key; those of the last Prefetch
	under  sync.WaitGroup
}

// glance is one reading. It is worth nothing once the ledger has gone on or Prefetch has passed.
type glance struct {
	began    time.Time
	position uint64 // of the Board when it began
	done     chan struct{}
	facts    events.Facts // read only after done
}

// listen begins a reading for each announced anomaly that may open an incident.
func (w *Worker) listen(ctx context.Context) error {
	if w.Announced == nil {
		return nil
	}
	err := w.Announced(ctx, func(e events.Event) {
		if target, ok := w.Inventory.Resolve(e.Data.Resource); ok && e.Data.State == events.Firing {
			w.glance(ctx, target)
		}
	})
	if err != nil {
		w.log.Warn("anomalies are not announced; they are taken in all the same", zap.Error(err))
	}
	w.glances.under.Wait()
	return nil
}

func (w *Worker) glance(ctx context.Context, target events.Target) {
	w.mu.RLock()
	latest, known := w.board.Latest(target.Key())
	wanted := w.caught && !(known && latest.IsOpen())
	g := &glance{began: w.Now(), position: w.board.Position, done: make(chan struct{})}
	w.mu.RUnlock()
	if !wanted || !w.glances.add(target.Key(), g) {
		return
	}
	w.glances.under.Go(func() {
		defer close(g.done)
		bounded, cancel := context.WithTimeout(ctx, Prefetch)
		defer cancel()
		g.facts = w.Routers.Observe(bounded, incident.Observe{Target: target})
	})
}

// add keeps g unless its target is being glanced at already, or too many are.
func (s *glances) add(key string, g *glance) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, old := range s.byName {
		if g.began.Sub(old.began) > Prefetch {
			delete(s.byName, name)
		}
	}
	if _, running := s.byName[key]; running || len(s.byName) >= maxGlances {
		return false
	}
	if s.byName == nil {
		s.byName = map[string]*glance{}
	}
	s.byName[key] = g
	return true
}

// take hands over the glance at a target, if it is still worth anything.
func (s *glances) take(key string, now time.Time, position uint64) *glance {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.byName[key]
	delete(s.byName, key)
	if g == nil || g.position != position || now.Sub(g.began) > Prefetch {
		return nil
	}
	return g
}

// observe reads a target for a first record: by the glance that is under way, or now.
func (w *Worker) observe(ctx context.Context, target events.Target) events.Facts {
	if g := w.glances.take(target.Key(), w.Now(), w.board.Position); g != nil {
		<-g.done
		return g.facts
	}
	return w.Routers.Observe(ctx, incident.Observe{Target: target})
}
