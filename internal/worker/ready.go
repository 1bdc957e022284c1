package worker

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// actuate sends one order once permit agrees, and tells what came of it.
func (w *Worker) actuate(key string, o events.Order, permit func(context.Context) error) outcome {
	body, took, span := w.set(o, permit)
	return w.carriedOut(key, o, body, took, span)
}

// set is the only way to a router's configuration but for offline.
func (w *Worker) set(o events.Order, permit func(context.Context) error) (body events.Body, took time.Duration, span trace.Span) {
	ctx, cancel := context.WithDeadline(context.Background(), o.Deadline)
	defer cancel()
	began := w.Now()
	ctx, span = w.spans.setting(ctx, o)
	var no error
	body = w.Routers.Set(ctx, o, func() error {
		no = permit(ctx)
		return no
	})
	if r, ok := body.(events.Refused); ok && errors.Is(no, errSilent) {
		r.Class = events.RefusedInSilence
		body = r
	}
	return body, w.Now().Sub(began), span
}

func (w *Worker) carriedOut(key string, o events.Order, body events.Body, took time.Duration, span trace.Span) outcome {
	w.Metrics.set(body, took)
	answered(span, body)
	w.log.Info("set", w.fields(o, zap.String("outcome", string(body.Kind())), zap.Any("detail", body))...)
	return outcome{key: key, incident: o.Incident, body: body}
}

// gate holds acts back that are made ready while the commit with their intents is being written.
type gate struct {
	decided chan struct{} // closed when it is known whether the commit stands
	stands  bool          // read only after decided
}

func newGate() *gate { return &gate{decided: make(chan struct{})} }

var errNotRecorded = errors.New("its intent is not on the ledger")

// ready begins what the intents of a decision lead to, up to the point where a request would leave: a router's turn is
// taken, what stands on it is compared, the request is made. Whether it leaves is decided when the commit is written. It is
// begun when the commit is about to leave, and not before: it must not take the time of what it waits for.
func (w *Worker) ready(g *gate, ahead []incident.Actuate) {
	for _, c := range ahead {
		if key := c.Key(); !w.running[key] && !w.isTakingBack(c.Order) {
			w.running[key] = true
			w.effects.Go(func() { w.outcomes <- w.actuateBehind(g, key, c.Order) })
		}
	}
}

// open lets what is ready go on, before anything else that the loop has to do, or ends it when the commit does not stand.
func (g *gate) open(stands bool) {
	g.stands = stands
	close(g.decided)
	runtime.Gosched()
}

// actuateBehind is actuate for an order whose intent is still being written. Of an intent that does not stand nothing is
// told: another replica's may stand at its position.
func (w *Worker) actuateBehind(g *gate, key string, o events.Order) outcome {
	body, took, span := w.set(o, func(ctx context.Context) error {
		select {
		case <-g.decided:
		case <-ctx.Done():
			return fmt.Errorf("%w: its intent was still being written at its deadline", errSilent)
		}
		if !g.stands {
			return errNotRecorded
		}
		return w.permit(ctx, o)
	})
	if <-g.decided; !g.stands {
		return outcome{key: key}
	}
	return w.carriedOut(key, o, body, took, span)
}
