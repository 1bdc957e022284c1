package worker

import "context"

// Pulse returns once the loop has taken note of it: it turns. It returns ctx's error if that ends first. A loop that has
// ended needs nobody to start it again.
func (w *Worker) Pulse(ctx context.Context) error {
	select {
	case w.pulses <- struct{}{}:
		return nil
	case <-w.gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
