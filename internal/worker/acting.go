package worker

import (
	"context"

	"go.uber.org/zap"
)

// Acting reports whether the worker makes decisions (see Status.Halted), and gives a channel that is closed when that changes.
// Others go on in its place once they hear nothing of it.
func (w *Worker) Acting() (acts bool, changed <-chan struct{}) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.halted == "" && w.suspended == "", w.turned
}

// CaughtUp returns once what stood on the ledger when the worker began is folded, or ctx ends, whose error it returns.
func (w *Worker) CaughtUp(ctx context.Context) error {
	select {
	case <-w.replayed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Able reports whether the worker can record what arrives, as far as is known: it has caught up, decides, and the ledger takes what it
// writes.
func (w *Worker) Able() bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.caught && w.halted == "" && w.suspended == "" && w.unwritable == ""
}

// taking reports whether it is for this replica to take in what arrives.
func (w *Worker) taking() bool {
	if w.peers == nil {
		return true
	}
	taking, _ := w.peers.Taking()
	return taking
}

// leaveToOthers gives up what has arrived and is not recorded, when this worker decides nothing, or cannot write while another takes in
// what arrives.
func (w *Worker) leaveToOthers() {
	if s := w.Status(); s.Halted != "" || s.Unwritable != "" && !w.taking() {
		w.giveUpPending()
	}
}

func (w *Worker) giveUpPending() {
	giveUp(w.world.pending)
	w.world.pending = nil
	w.waits()
}

// giveUp has the bus deliver again, to whoever asks then.
func giveUp(list []Delivery) {
	for _, d := range list {
		d.Nak()
	}
}

// Suspend has the worker decide nothing and let nothing leave, for the given reason, until it is called with none.
func (w *Worker) Suspend(why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if (w.suspended == "") != (why == "") {
		w.log.Warn("whether decisions are made has changed", zap.Bool("acting", why == ""), zap.String("why", why))
		defer w.tellTurned()
	}
	w.suspended = why
}

// halt has the worker decide nothing any more.
func (w *Worker) halt(why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.noteHalted(why)
}

// noteHalted keeps the first reason. The mutex is held.
func (w *Worker) noteHalted(why string) {
	if w.halted != "" {
		return
	}
	w.log.Error("halted: no decision is made any more", zap.String("why", why))
	w.halted = why
	w.tellTurned()
}

// tellTurned tells that the worker acts no more, or does again. The mutex is held.
func (w *Worker) tellTurned() {
	close(w.turned)
	w.turned = make(chan struct{})
}
