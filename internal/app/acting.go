package app

import "context"

// whileActing runs a task while the worker acts: what a replica takes from the bus that decides nothing would have to be delivered
// again, and nobody takes over from one that is heard.
func whileActing(acting func() (bool, <-chan struct{}), task func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		for ctx.Err() == nil {
			acts, changed := acting()
			if !acts {
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
