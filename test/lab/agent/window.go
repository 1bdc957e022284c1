package agent

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// settled takes back what is half done, and reports whether there is nothing left of it.
func (a *Agent) settled(ctx context.Context) bool {
	a.setting.Lock()
	defer a.setting.Unlock()
	if err := a.settle(ctx); err != nil {
		a.log.Warn("a Set that is half done cannot be taken back yet", zap.Error(err))
		return false
	}
	return true
}

// settle takes back what an agent before this one, or a Set of this one, has left half done. It comes before any other
// change. The caller holds setting.
func (a *Agent) settle(ctx context.Context) error {
	if a.journal.Undo == nil {
		return nil
	}
	if err := a.takeBack(ctx, *a.journal.Undo); err != nil {
		return err
	}
	a.log.Info("took back a Set that was half done", zap.Any("change", a.journal.Undo))
	a.journal.Undo = nil
	return a.write()
}

// rollBack takes back the commit that waits to be confirmed, whoever has changed what since. Until it is done the window
// stays open. All errors are statuses. The caller holds setting.
func (a *Agent) rollBack(ctx context.Context) error {
	w := a.journal.Window
	if err := a.takeBack(ctx, w.Undo); err != nil {
		return err
	}
	a.log.Info("rolled back", zap.String("commit", w.ID))
	a.journal.Window = nil
	poke(a.wakened)
	return also(a.write(), a.look(ctx, 0))
}

// keepWindow rolls back what nobody has confirmed in time, and tries again what could not be taken back, until ctx ends.
func (a *Agent) keepWindow(ctx context.Context) {
	for {
		wait := a.due(ctx)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-a.wakened:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// due does what is due, and returns how long nothing else will be.
func (a *Agent) due(ctx context.Context) time.Duration {
	a.setting.Lock()
	defer a.setting.Unlock()
	if err := a.settle(ctx); err != nil {
		a.log.Warn("a Set that is half done cannot be taken back yet", zap.Error(err))
		return retry
	}
	w := a.journal.Window
	switch {
	case w == nil:
		return time.Hour
	case time.Now().Before(w.Until):
		return time.Until(w.Until)
	}
	if err := a.rollBack(ctx); err != nil {
		a.log.Error("a commit that nobody confirmed cannot be rolled back yet", zap.String("commit", w.ID), zap.Error(err))
		return retry
	}
	return time.Hour
}
