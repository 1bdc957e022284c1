package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// Times of effects that no intent bounds.
const (
	observeLonger = 5 * time.Second // than this no observation takes, however old facts may be
	lookWithin    = 10 * time.Second
	lookAgain     = time.Second
	returnWithin  = 5 * time.Second
	lastAppends   = 8 // attempts to record outcomes at the end, should others take the position
	observeAgain  = 50 * time.Millisecond
)

// prefetch reads the targets of incidents that are not on the ledger yet, which is waited for Prefetch long. It reports whether
// any was seen; the others are seen beside the loop.
func (w *Worker) prefetch(ctx context.Context, commands []incident.Command) bool {
	var wanted []incident.Observe
	for _, c := range commands {
		o, ok := c.(incident.Observe)
		if !ok || w.running[o.Key()] {
			continue
		}
		if _, known := w.board.Incident(o.Incident); !known {
			wanted = append(wanted, o)
		}
	}
	return w.read(ctx, wanted)
}

// read reads targets for at most Prefetch, whatever holds up whoever reads, and reports whether any was read.
func (w *Worker) read(ctx context.Context, wanted []incident.Observe) (seen bool) {
	if len(wanted) == 0 {
		return false
	}
	bounded, cancel := context.WithTimeout(ctx, Prefetch)
	defer cancel()
	type reading struct {
		of    string
		facts events.Facts
	}
	readings := make(chan reading, len(wanted))
	for _, o := range wanted {
		w.effects.Go(func() { readings <- reading{o.Incident, w.Routers.Observe(bounded, o)} })
	}
	for range wanted {
		select {
		case r := <-readings:
			seen = true
			if !slices.ContainsFunc(r.facts.Ends, func(e events.EndFacts) bool { return e.Unreadable != "" }) {
				w.world.facts[r.of] = r.facts
			}
		case <-bounded.Done():
			return seen
		}
	}
	return seen
}

// begin runs a command beside the loop, once at a time. When it may not run again yet, begin returns when it may, and
// otherwise the zero time: nothing else would wake the loop for it.
func (w *Worker) begin(c incident.Command) (again time.Time) {
	key := c.Key()
	if w.running[key] {
		return time.Time{}
	}
	if a, ok := c.(incident.Actuate); ok && w.isTakingBack(a.Order) {
		return time.Time{}
	}
	if at := w.world.held[key]; w.Now().Before(at) {
		return at
	}
	maps.DeleteFunc(w.world.held, func(_ string, at time.Time) bool { return !w.Now().Before(at) })
	w.running[key] = true
	position := w.board.Position
	w.effects.Go(func() {
		o := w.run(key, c)
		o.position = position
		w.outcomes <- o
	})
	return time.Time{}
}

// run carries out one command. An effect's deadline comes from its intent, not from the end of the process.
func (w *Worker) run(key string, c incident.Command) outcome {
	switch c := c.(type) {
	case incident.Actuate:
		return w.actuate(key, c.Order, func(ctx context.Context) error { return w.permit(ctx, c.Order) })
	case incident.Look:
		ctx, cancel := context.WithTimeout(context.Background(), lookWithin)
		defer cancel()
		began := w.Now().UTC()
		found, err := w.Routers.Look(ctx, c.Order, c.Fence)
		if err != nil {
			w.log.Warn("look at a router", w.fields(c.Order, zap.Error(err))...)
			return outcome{key: key, incident: c.Order.Incident, retry: w.Now().Add(lookAgain)}
		}
		found.Doubt, found.At = c.Fence, began
		w.log.Info("looked at a router", w.fields(c.Order, zap.String("seen", string(found.Seen)))...)
		return outcome{key: key, incident: c.Order.Incident, body: found}
	case incident.Confirm:
		ctx, cancel := context.WithTimeout(context.Background(), lookWithin)
		defer cancel()
		return outcome{key: key, incident: c.Order.Incident, body: w.Routers.Confirm(ctx, c.Order)}
	case incident.Observe:
		ctx, cancel := context.WithTimeout(context.Background(), w.observeWithin())
		defer cancel()
		facts := w.Routers.Observe(ctx, c)
		return outcome{key: key, incident: c.Incident, facts: &facts, retry: w.Now().Add(observeAgain)}
	}
	panic(fmt.Sprintf("worker: unknown command %T", c))
}

// observeWithin bounds an observation: what a router that does not answer leaves of it must still be fresh enough to be
// decided on when it is given up, or nobody would ever be told that the router cannot be read.
func (w *Worker) observeWithin() time.Duration {
	fresh := w.PolicyInForce().Clocks().Fresh.Std()
	return min(observeLonger, fresh-fresh/4)
}

func (w *Worker) fields(o events.Order, more ...zap.Field) []zap.Field {
	return append([]zap.Field{
		zap.String("incident", o.Incident), zap.Int("step", o.Step), zap.String("device", o.Change.Device), zap.Uint64("position", o.Fence), zap.Bool("undo", o.Undo),
		w.spans.field(o.Incident),
	}, more...)
}

// permit is asked right before a Set leaves: does its intent stand, is it still the newest word, and has nobody frozen its scope?
func (w *Worker) permit(ctx context.Context, o events.Order) error {
	if !o.Undo {
		if err := w.stands(ctx, o); err != nil {
			return err
		}
		if err := w.heard(ctx); err != nil {
			return err
		}
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	i, ok := w.board.Incident(o.Incident)
	switch {
	case !ok || i.Intent == nil || i.Intent.Position != o.Fence || !i.Steps[o.Step][o.Act.Change].Pending:
		return fmt.Errorf("the intent at position %d is no longer the newest word on %s", o.Fence, o.Incident)
	case w.halted != "" || w.suspended != "":
		return fmt.Errorf("this replica has halted: %s", cmp.Or(w.halted, w.suspended))
	}
	if o.Undo {
		return nil
	}
	if f, frozen := w.board.FrozenBy(i.Target.Scopes); frozen {
		return fmt.Errorf("%s is frozen by %s: %s", f.Scope, f.By.Name, f.Reason)
	}
	return nil
}

// errSilent keeps back a Set of which the ledger has not said that it may still leave.
var errSilent = errors.New("the ledger was silent")

// heard makes sure that a freeze could have been heard of: all that the ledger held within the last contactWithin is
// folded, or all that it holds now.
func (w *Worker) heard(ctx context.Context) error {
	w.mu.RLock()
	recent := w.Now().Sub(w.contact) <= contactWithin
	w.mu.RUnlock()
	if recent {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, contactWithin/2)
	defer cancel()
	asked := w.Now()
	last, err := w.Ledger.LastPosition(bounded)
	if err != nil {
		return fmt.Errorf("%w: it did not answer within %s, so a freeze could not be heard of: %w", errSilent, contactWithin/2, err)
	}
	for tick := time.NewTicker(time.Millisecond); ; {
		if w.Status().Position >= last {
			tick.Stop()
			w.upToDate(asked)
			return nil
		}
		select {
		case <-tick.C:
		case <-bounded.Done():
			tick.Stop()
			return fmt.Errorf("%w: it is at position %d and this replica at %d after %s, so a freeze could not be heard of", errSilent, last, w.Status().Position, contactWithin/2)
		}
	}
}

// recorded forgets what now stands on the ledger and tells the bus so. The decision was begun at began.
func (w *Worker) recorded(taken []Delivery, decision incident.Decision, began time.Time) {
	for _, r := range decision.Records {
		if list := w.world.results[r.Incident]; len(list) > 0 {
			w.world.results[r.Incident] = slices.DeleteFunc(list, func(b events.Body) bool { return sameResult(b, r.Body) })
		}
		w.say(r)
	}
	if len(taken) == 0 {
		return
	}
	returned := map[string]string{} // why, by identity of the event
	for _, r := range decision.Records {
		o, ok := r.Body.(*events.Observed)
		if !ok {
			continue
		}
		what, detail := o.Disposition, o.Detail
		if what == events.WasDuplicate {
			if t, known := w.board.TraceOf(o); known {
				what, detail = t.Disposition, t.Detail // it comes again because it could not be returned
			}
		}
		switch what {
		case events.WasStale, events.WasFuture, events.WasNowhere, events.WasUnknown:
			returned[o.Source+"\x00"+o.Event] = string(what) + ": " + detail
		}
	}
	var back []returning
	now := w.Now()
	if len(taken) >= stormFrom {
		w.world.storm = now
	}
	for _, d := range taken {
		reason := ""
		switch {
		case d.Dead != nil:
			reason = d.Dead.Reason
		case len(returned) == 0:
		default:
			reason = returned[d.Event.Identity()]
		}
		if reason != "" {
			back = append(back, returning{d, reason, began})
			continue
		}
		d.Ack()
		w.Metrics.recorded(d, began, now)
	}
	if len(back) > 0 {
		w.effects.Go(func() { w.giveBack(back) })
	}
	w.world.pending = w.world.pending[len(taken):]
	w.waits()
}

// returning is a delivery that goes to the rejected stream, and why.
type returning struct {
	Delivery
	reason string
	taken  time.Time
}

// giveBack puts messages on the rejected stream and acknowledges them, beside the loop: it may be slow. After a failure
// the rest is left to be delivered again.
func (w *Worker) giveBack(back []returning) {
	for _, d := range back {
		ctx, cancel := context.WithTimeout(context.Background(), returnWithin)
		err := d.Return(ctx, d.reason)
		cancel()
		if err != nil {
			w.log.Warn("put a message on the rejected stream; it and those after it are delivered again", zap.Error(err))
			return
		}
		d.Ack()
		w.Metrics.recorded(d.Delivery, d.taken, w.Now())
	}
}

func sameResult(a, b events.Body) bool {
	switch a := a.(type) {
	case events.Found:
		if undone, ok := b.(events.Applied); ok { // taken back without the ledger
			return undone.Undo && a.Doubt == 0 && undone.Step == a.Step && undone.Change == a.Change && undone.Detail == a.Detail
		}
		f, ok := b.(events.Found)
		return ok && f == a
	case events.Confirmed:
		c, ok := b.(events.Confirmed)
		return ok && c == a
	case events.Applied:
		c, ok := b.(events.Applied)
		return ok && c.Act == a.Act
	case events.Refused:
		c, ok := b.(events.Refused)
		return ok && c.Act == a.Act
	case events.Unknown:
		c, ok := b.(events.Unknown)
		return ok && c.Act == a.Act
	}
	return false
}

// say writes one line per effect and per refusal; the ledger is the account.
func (w *Worker) say(r events.Record) {
	if r.Body.Kind() == events.KindObserved {
		return
	}
	log := w.log.With(zap.String("incident", r.Incident), zap.Uint64("position", w.board.Position), w.spans.field(r.Incident))
	switch b := r.Body.(type) {
	case events.Opened:
		log.Info("incident opened", zap.String("symptom", string(b.Symptom)))
	case events.Asked:
		log.Warn("needs approval", zap.String("plan", b.Plan.Short()), zap.Time("expires", b.Expires))
	case events.Ruled:
		if b.Verdict != events.Allow {
			held := slices.DeleteFunc(slices.Clone(b.Checks), func(c events.Check) bool { return c.OK })
			log.Info("not now", zap.String("verdict", string(b.Verdict)), zap.Any("held_by", held))
		}
	case events.Stuck:
		log.Error("needs a person", zap.String("why", b.Why), zap.String("remedy", b.Remedy))
	case events.Closed:
		log.Info("incident closed", zap.String("outcome", string(b.Outcome)), zap.String("reason", b.Reason))
	}
}

func deadLetters(taken []Delivery) []events.Record {
	var records []events.Record
	for _, d := range taken {
		if d.Dead != nil {
			records = append(records, events.Record{Body: *d.Dead})
		}
	}
	return records
}

// mayRun are the replicas that may be running, given those that are heard: while it is not sure that the others are gone, all
// that have ever said by which policy they decide.
func (w *Worker) mayRun(alive []string) []string {
	if w.peers == nil || w.peers.Sure() {
		return alive
	}
	all := slices.Clone(alive)
	for name := range w.board.Policies() {
		all = append(all, name)
	}
	return all
}

// pursues says which incidents this replica drives: its own, those whose owner is not heard if it is the first that is,
// and those that nobody owns yet by the same order.
func (w *Worker) pursues(alive []string) func(*incident.Incident) bool {
	if w.peers == nil {
		return nil
	}
	first := len(alive) == 0 || alive[0] == w.me
	return func(i *incident.Incident) bool {
		if i.Intent == nil || !slices.Contains(alive, i.Intent.Owner) {
			return first
		}
		return i.Intent.Owner == w.me
	}
}

// finish leaves to others what is not recorded, waits for acts in flight and records what came of them. What cannot be recorded now is
// found by whoever reads on.
func (w *Worker) finish() error {
	defer w.count()
	w.giveUpPending()
	done := make(chan struct{})
	go func() { defer close(done); w.effects.Wait() }()
	for open := true; open; {
		select {
		case o := <-w.outcomes:
			w.settle(o)
		case c := <-w.followed:
			w.fold(c)
		case <-done:
			open = false
		}
	}
	for len(w.outcomes) > 0 {
		w.settle(<-w.outcomes)
	}
	w.refuseOrders(context.Canceled)
	for range lastAppends {
		if w.Status().Halted != "" || !w.settleDoubt(context.Background()) {
			break
		}
		records := incident.Outcomes(w.board, w.world.results)
		if len(records) == 0 || w.append(context.Background(), records) != overtaken {
			break
		}
	}
	return nil
}
