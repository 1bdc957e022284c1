package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/policy"
)

// Values that mark a canary: small, so that nothing avoids what the router's own addresses are behind.
const (
	trialMark      = 79
	trialMarkOther = 80 // where the first stands already
)

// TryReboot goes on with the trial of what a reboot does to what is set on a router: it marks a harmless leaf, or, once the
// router was rebooted, records what became of the mark, and puts back what was there. With undo the mark is taken off
// whatever is known by then. It returns the trial as recorded. After an error what was begun stands on the record, and may
// stand on the router; the same call goes on with it, once what was sent cannot come any more.
func (w *Worker) TryReboot(ctx context.Context, device string, by events.Person, undo bool) (events.RebootTrial, error) {
	var t events.RebootTrial
	w.View(func(b *incident.Board) { t, _ = b.Trial(device) })
	standing := t.Device != "" && !t.Over
	var err error
	switch {
	case undo || standing && t.Kept != "":
		t.Device = device
		t, err = w.noteTrial(ctx, incident.AbandonTrial(t, w.clocks(), by, "the mark was taken off before a reboot was seen"))
	case !standing:
		t, err = w.beginTrial(ctx, device, by)
	case t.Marked.IsZero():
		t, err = w.noteTrial(ctx, incident.ResumeTrial(t, w.clocks(), by))
	default:
		t, err = w.judgeTrial(ctx, t, by)
	}
	switch {
	case err != nil:
		return t, err
	case t.Kept == "":
		return w.mark(ctx, t, by)
	}
	return w.unmark(ctx, t, by)
}

func (w *Worker) noteTrial(ctx context.Context, do incident.Order) (events.RebootTrial, error) {
	c, err := w.Submit(ctx, do)
	if err != nil {
		return events.RebootTrial{}, err
	}
	return c.Records[0].Body.(events.RebootTrial), nil
}

func (w *Worker) beginTrial(ctx context.Context, device string, by events.Person) (events.RebootTrial, error) {
	c, err := w.Canaries.FindCanary(ctx, device)
	if err != nil {
		return events.RebootTrial{}, fmt.Errorf("find a leaf to mark: %w", err)
	}
	mark := events.UintValue(trialMark)
	if c.Value == mark {
		mark = events.UintValue(trialMarkOther)
	}
	return w.noteTrial(ctx, incident.BeginTrial(device, c, mark, w.clocks(), by))
}

func (w *Worker) judgeTrial(ctx context.Context, t events.RebootTrial, by events.Person) (events.RebootTrial, error) {
	c, err := w.Canaries.ReadCanary(ctx, t.Device, t.Leaf)
	if err != nil {
		return t, fmt.Errorf("read the mark on router %s: %w", t.Device, err)
	}
	return w.noteTrial(ctx, incident.JudgeTrial(t, c, w.clocks(), by))
}

// mark sets the mark that the record announces. A reboot meanwhile would be taken for none.
func (w *Worker) mark(ctx context.Context, t events.RebootTrial, by events.Person) (events.RebootTrial, error) {
	before, err := w.Canaries.ReadCanary(ctx, t.Device, t.Leaf)
	c := before
	if err == nil {
		c, err = w.setCanary(ctx, t, t.Before, t.Mark)
	}
	switch {
	case err != nil:
		return t, fmt.Errorf("mark router %s, which may be marked now (ask again, or undo): %w", t.Device, err)
	case c.Value != t.Mark:
		return t, fmt.Errorf("router %s shows %s as %s, and not the mark %s: somebody else sets it, or it does nothing; ask again, or undo", t.Device, t.Leaf, c.Value, t.Mark)
	case !c.Booted.Equal(before.Booted):
		return t, fmt.Errorf("router %s was rebooted while it was marked: ask again, or undo", t.Device)
	}
	return w.noteTrial(ctx, incident.MarkTrial(t, c, by))
}

// unmark puts back what was there, unless somebody else has set the leaf since.
func (w *Worker) unmark(ctx context.Context, t events.RebootTrial, by events.Person) (events.RebootTrial, error) {
	c, err := w.setCanary(ctx, t, t.Mark, t.Before)
	switch {
	case err != nil:
		return t, fmt.Errorf("take the mark off router %s, where it may stand (ask again, or undo): %w", t.Device, err)
	case c.Value == t.Mark:
		return t, fmt.Errorf("router %s shows the mark %s on %s still: set it to %s there, and undo", t.Device, t.Mark, t.Leaf, t.Before)
	}
	left := ""
	if c.Value != t.Before {
		left = fmt.Sprintf("%s is %s, which somebody else has set: it was left so", t.Leaf, c.Value)
	}
	return w.noteTrial(ctx, incident.EndTrial(t, by, left))
}

// setCanary sends a trial's newest Set, and nothing after the deadline on its record.
func (w *Worker) setCanary(ctx context.Context, t events.RebootTrial, from, to events.Value) (events.Canary, error) {
	if !w.Now().Before(t.Deadline) {
		return events.Canary{}, fmt.Errorf("the deadline %s has passed, and nothing was sent", t.Deadline.Format(time.RFC3339))
	}
	ctx, cancel := context.WithDeadline(ctx, t.Deadline)
	defer cancel()
	return w.Canaries.SetCanary(ctx, t.Device, t.Leaf, from, to)
}

func (w *Worker) clocks() policy.Clocks { return w.PolicyInForce().Clocks() }
