package worker

import "go.uber.org/zap"

// Acting reports whether the worker makes decisions (see Status.Halted), and gives a channel that is closed when that changes.
// Others go on in its place once they hear nothing of it.
func (w *Worker) Acting() (acts bool, changed <-chan struct{}) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.halted == "" && w.suspended == "", w.turned
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
