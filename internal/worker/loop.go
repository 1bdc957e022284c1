package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// world is what the loop has seen and not yet put on the ledger.
type world struct {
	pending []Delivery               // arrived, not recorded
	fed     bool                     // the last turn recorded some of them
	storm   time.Time                // when a storm of them was recorded last
	wrote   time.Duration            // that the newest append took
	facts   map[string]events.Facts  // by incident
	moved   map[string]uint64        // by incident: the position of its newest record but of alarms
	ruled   uint64                   // the position from which on the policy is in force
	results map[string][]events.Body // by incident
	held    map[string]time.Time     // commands that may not run again before
	rests   map[string]incident.Rest // of the last decision that stands
	orders  []order
	room    []events.Event  // for those that are decided on; empty in between
	stored  []events.Commit // by this turn, not counted yet
}

// arrive adds a batch, which is the world's from now on.
func (w *world) arrive(batch []Delivery) {
	if len(w.pending) == 0 {
		w.pending = batch
		return
	}
	w.pending = append(w.pending, batch...)
}

// Run is the loop, until ctx ends. Acts in flight are finished and recorded before it returns. A ledger that is broken
// does not end it: the worker halts, says so in its Status, and does nothing more.
func (w *Worker) Run(ctx context.Context) error {
	g, inner := errgroup.WithContext(ctx)
	following, unfollow := context.WithCancel(context.WithoutCancel(ctx)) // until the last act is recorded: others may write meanwhile
	g.Go(func() error { return w.follow(following) })
	g.Go(func() error { return w.receive(inner) })
	g.Go(func() error {
		defer close(w.gone)
		defer unfollow()
		return w.loop(inner)
	})
	err := g.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// receive hands deliveries to the loop, one batch ahead.
func (w *Worker) receive(ctx context.Context) error {
	for {
		batch, err := w.Intake.Next(ctx)
		if ctx.Err() != nil {
			giveUp(batch)
			return nil
		}
		if err != nil {
			w.log.Warn("receive anomalies", zap.Error(err))
			continue
		}
		select {
		case w.arrived <- batch:
		case <-ctx.Done():
			giveUp(batch)
			return nil
		}
	}
}

// loop is one turn after another: take in what has come, decide, append, do.
func (w *Worker) loop(ctx context.Context) error {
	if err := w.catchUp(ctx); err != nil {
		return nil // ctx has ended
	}
	wake := w.Now() // what stands on the ledger may wait for nobody but this replica
	for {
		if !w.wait(ctx, wake) {
			return w.finish()
		}
		wake = w.turn(ctx)
		w.count()
	}
}

// wait blocks until there is something to do, and takes in everything that has come. It reports whether to go on.
func (w *Worker) wait(ctx context.Context, wake time.Time) bool {
	if wake.IsZero() && len(w.world.orders)+len(w.world.pending) > 0 {
		wake = w.Now()
	}
	var timer <-chan time.Time
	switch left := wake.Sub(w.Now()); {
	case wake.IsZero():
	case left > 0:
		t := time.NewTimer(left)
		defer t.Stop()
		timer = t.C
	default:
		due := make(chan time.Time)
		close(due)
		timer = due
	}
	arrived := w.arrived
	if len(w.world.pending) >= maxTaken {
		arrived = nil
	}
	for pulsed := true; pulsed; {
		pulsed = false
		select {
		case <-ctx.Done():
			return false
		case c := <-w.followed:
			w.fold(c)
		case batch := <-arrived:
			w.world.arrive(batch)
		case o := <-w.outcomes:
			w.settle(o)
			if o.incident == "" {
				return w.wait(ctx, wake) // made ready for a commit that does not stand: no reason to try that one again early
			}
		case o := <-w.orders:
			w.world.orders = append(w.world.orders, o)
		case o := <-w.offers:
			w.consider(o)
		case <-w.pulses:
			pulsed = true // which is nothing to decide about
		case <-timer:
		}
	}
	for {
		if len(w.world.pending) >= maxTaken {
			arrived = nil
		}
		select {
		case c := <-w.followed:
			w.fold(c)
		case batch := <-arrived:
			w.world.arrive(batch)
		case o := <-w.outcomes:
			w.settle(o)
		case o := <-w.orders:
			w.world.orders = append(w.world.orders, o)
		case o := <-w.offers:
			w.consider(o)
		default:
			w.gather(ctx)
			w.waits()
			return true
		}
	}
}

// gather lets a storm come in for a moment longer: what is recorded together is written to disk once. It waits about as long as
// a write takes, so that a storm is taken in by fewer writes where each costs more.
func (w *Worker) gather(ctx context.Context) {
	n := len(w.world.pending)
	goesOn := w.Now().Sub(w.world.storm) < stormOver
	if n == 0 || n >= maxTaken || n < stormFrom && !goesOn || w.world.fed {
		return
	}
	over := time.NewTimer(min(max(stormFor, w.world.wrote), stormMost))
	defer over.Stop()
	for len(w.world.pending) < maxTaken {
		select {
		case batch := <-w.arrived:
			w.world.arrive(batch)
		case <-over.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (w *Worker) settle(o outcome) {
	delete(w.running, o.key)
	if !o.retry.IsZero() {
		w.world.held[o.key] = o.retry
	}
	i, ok := w.board.Incident(o.incident)
	if ok && !i.IsOpen() {
		return
	}
	if o.facts != nil && o.position >= max(w.world.moved[o.incident], w.world.ruled) {
		w.world.facts[o.incident] = *o.facts
	}
	if o.body != nil {
		w.Metrics.answered(o.incident, o.body, w.Now())
		w.world.results[o.incident] = append(w.world.results[o.incident], o.body)
	}
}

// turn decides and acts once, and returns when to do so again at the latest.
func (w *Worker) turn(ctx context.Context) (wake time.Time) {
	w.leaveToOthers()
	if w.Status().Halted != "" {
		w.refuseOrders(errors.New(w.Status().Halted))
		return w.Now().Add(time.Second)
	}
	if !w.settleDoubt(ctx) {
		w.offline(ctx)
		return w.Now().Add(writeAgain)
	}
	if len(w.world.orders) > 0 {
		if w.carryOut(ctx) == unwritten {
			w.offline(ctx)
			return w.Now().Add(writeAgain)
		}
		return w.Now()
	}
	// After a turn that recorded anomalies comes one that leaves the bus aside, so that a storm cannot keep what stands on
	// the ledger from being carried out.
	taken := w.world.pending[:0]
	if !w.world.fed {
		taken = w.world.pending[:min(len(w.world.pending), maxTaken, w.atMost)]
	}
	w.world.fed = len(taken) > 0
	began := w.Now()
	decision := w.decide(w.board, taken)
	if n := len(taken); n > 0 && n < stormFrom && w.prefetch(ctx, decision.Commands) { // a storm does not wait for routers
		decision = w.decide(w.board, taken)
	}
	if decision.Fault != "" {
		w.halt("a decision was not lawful, which is a defect: " + decision.Fault)
		return w.Now().Add(time.Second)
	}
	records := append(deadLetters(taken), decision.Records...)
	if len(records) > 0 {
		w.Metrics.deciding(taken, decision.Records)
		w.spans.deciding(taken, decision.Records, began, w.Now())
		gate := newGate()
		how := w.appendWhile(ctx, records, func() { w.ready(gate, decision.Ahead) })
		gate.open(how == stored)
		w.spans.written(decision.Records, how, w.board.Position, w.Now())
		w.world.rests = nil
		switch how {
		case stored:
			w.world.rests = decision.Rests
			w.recorded(taken, decision, began)
			w.atMost = min(2*w.atMost, incident.MaxRecords)
		case oversize:
			if w.atMost == 1 {
				return w.Now().Add(retryAfter)
			}
			w.atMost = max(1, min(w.atMost, len(records))/2)
		case unwritten:
			w.offline(ctx)
			return w.Now().Add(writeAgain)
		}
		return w.Now()
	}
	w.world.rests = decision.Rests
	wake = decision.Wake
	for _, c := range decision.Commands {
		wake = sooner(wake, w.begin(c))
	}
	if len(w.world.pending) > 0 {
		return w.Now()
	}
	return sooner(wake, w.nothingToWrite(ctx))
}

// sooner is the earlier of two moments; zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (w *Worker) decide(b *incident.Board, taken []Delivery) incident.Decision {
	var alive []string
	if w.peers != nil {
		alive = w.peers.Alive()
	}
	now := w.Now()
	world := incident.World{
		Now: now, Me: w.me, Policy: w.PolicyInForce(), Mode: w.Mode, Inventory: w.Inventory, Remediators: w.Remediators,
		Facts: w.world.facts, Results: w.world.results, MayRun: w.mayRun(alive), Pursues: w.pursues(alive), Rests: w.world.rests, AtMost: w.atMost,
		Lap: w.Metrics.lap(), Told: w.Routers.Told,
	}
	world.Events = w.world.room[:0]
	for n := range taken {
		if taken[n].Dead == nil {
			world.Events = append(world.Events, *taken[n].Event)
		}
	}
	defer func() {
		clear(world.Events)
		w.world.room = world.Events
		w.Metrics.decided(w.Now().Sub(now))
	}()
	return incident.Decide(b, world)
}

// carryOut records what people ordered, each at the position that it was decided from.
func (w *Worker) carryOut(ctx context.Context) storage {
	o := &w.world.orders[0]
	records, err := o.do.Among(w.Scopes)(w.board, w.Now())
	if err == nil {
		c := w.commit(records)
		o.commit = c.ID
		how := w.store(ctx, c)
		if how != oversize {
			return how // told when it was folded, or decided anew on the next turn
		}
		err = fmt.Errorf("record the order: %w", events.ErrTooLarge)
	}
	w.answer(orderReply{err: err})
	return stored
}

// answer tells whoever gave the first order what became of it.
func (w *Worker) answer(r orderReply) {
	o := w.world.orders[0]
	w.world.orders = w.world.orders[1:]
	if o.then != nil && r.err == nil {
		o.then()
	}
	if o.reply == nil {
		return // the worker's own
	}
	o.reply <- r
	for _, rec := range r.commit.Records {
		w.log.Info("ordered", zap.String("record", string(rec.Body.Kind())), zap.String("incident", rec.Incident))
	}
}

// refuseOrders tells whoever gave an order that it is not carried out here. Of one whose record may stand nobody can tell.
func (w *Worker) refuseOrders(err error) {
	for _, o := range w.world.orders {
		what := incident.ErrAside
		if w.doubted != nil && w.doubted.commit.ID == o.commit {
			what = fmt.Errorf("%w: nobody can tell whether the order was recorded", incident.ErrUnsure)
		}
		if o.reply != nil {
			o.reply <- orderReply{err: fmt.Errorf("%w: %w", what, err)}
		}
	}
	w.world.orders = nil
}
