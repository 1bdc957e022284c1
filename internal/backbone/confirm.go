package backbone

import (
	"time"

	"github.com/detour-net/detour/internal/backbone/fabric"
	"github.com/detour-net/detour/internal/backbone/target"
)

// window is a commit that waits to be confirmed.
type window struct {
	id     string
	before settings
	timer  *fabric.Timer
}

func (w *window) stop() {
	if w != nil {
		w.timer.Stop()
	}
}

// admit checks a Set against a window that may be open, and handles what needs no commit: confirm, cancel and a new
// rollback duration. It says whether the Set's operations are still to be done. The mutex is held.
func (r *Router) admit(p *target.Plan, now time.Time) (ask target.Ask, proceed bool, err error) {
	waiting := ""
	if r.window != nil {
		waiting = r.window.id
	}
	ask, err = p.Ask(waiting)
	if err != nil {
		return ask, false, err
	}
	switch ask.Deed {
	case target.Confirm:
		r.closeWindow()
		if r.options.Persist {
			r.saved = r.running
		}
	case target.Cancel:
		r.rollBack(now) // the Set that cancels stands in the account, with what it changed
	case target.Prolong:
		r.window.stop()
		r.window.timer = r.network.fabric.At(now.Add(ask.Rollback), r.expire(r.window))
	default:
		return ask, true, nil
	}
	return ask, false, nil
}

// openWindow begins to wait for confirmation of a commit that has just been made. The mutex is held.
func (r *Router) openWindow(ask target.Ask, before settings, now time.Time) {
	w := &window{id: ask.ID, before: before}
	w.timer = r.network.fabric.At(now.Add(ask.Rollback), r.expire(w))
	r.window = w
}

func (r *Router) expire(w *window) func(time.Time) {
	return func(at time.Time) {
		if r.window == w {
			before := r.running
			r.rollBack(at)
			r.noteSince(before, at)
		}
	}
}

// rollBack brings back the configuration as it was before the commit that waits, all of it, whoever has changed what
// since. The mutex is held.
func (r *Router) rollBack(now time.Time) {
	before := r.window.before
	r.closeWindow()
	r.adopt(before, true, now)
}

func (r *Router) closeWindow() {
	r.window.stop()
	r.window = nil
	r.network.announce()
}

// Unconfirmed is the id of the commit that waits to be confirmed, and false if none does.
func (r *Router) Unconfirmed() (id string, ok bool) {
	r.network.lock()
	defer r.network.unlock()
	if r.window == nil {
		return "", false
	}
	return r.window.id, true
}
