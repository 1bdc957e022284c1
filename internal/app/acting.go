package app

import "context"

// takeIn runs the intake while the replica decides, once it has caught up with the ledger, and while it is for this one to take in
// anomalies: what several took in at once would be appended at the same positions, most of it in vain. What a replica takes from the
// bus that decides nothing would have to be delivered again, and nobody takes over from one that is heard: it does not beat either.
func (a *App) takeIn(ctx context.Context) error {
	if err := a.worker.CaughtUp(ctx); err != nil {
		return nil // ctx has ended
	}
	return while(a.worker.Acting, while(a.peers.Taking, a.intake.Run))(ctx)
}

// canTakeIn reports whether this replica could take in anomalies: they get to it, and it can record them.
func (a *App) canTakeIn() bool {
	return a.worker.Able() && a.feed.Connected() && a.intake.Able()
}

// while runs a task while something holds, which changes when the channel that is given with it is closed.
func while(holds func() (bool, <-chan struct{}), task func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		for ctx.Err() == nil {
			does, changed := holds()
			if !does {
				select {
				case <-changed:
				case <-ctx.Done():
				}
				continue
			}
			if err, over := until(ctx, changed, task); over {
				return err
			}
		}
		return nil
	}
}

// until runs a task until it ends by itself, which is over, or changed is closed.
func until(ctx context.Context, changed <-chan struct{}, task func(context.Context) error) (err error, over bool) {
	inner, end := context.WithCancel(ctx)
	defer end()
	go func() {
		select {
		case <-changed:
			end()
		case <-inner.Done():
		}
	}()
	err = task(inner)
	return err, inner.Err() == nil || ctx.Err() != nil
}
