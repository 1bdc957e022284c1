package backbone

import (
	"time"

	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/detour-net/detour/internal/backbone/fabric"
)

// defaultRollback is how long a commit waits for its confirmation if its sender does not say (gNMI commit confirmed
// extension, section 3.1).
const defaultRollback = 10 * time.Minute

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
func (r *Router) admit(p *plan, now time.Time) (proceed bool, err error) {
	if p.commit == nil {
		if r.window != nil && len(p.operations) > 0 {
			return false, status.Errorf(codes.FailedPrecondition, "commit %q waits to be confirmed", r.window.id)
		}
		return true, nil
	}
	if p.commit.GetId() == "" {
		return false, status.Error(codes.InvalidArgument, "commit: no id")
	}
	if _, ok := p.commit.GetAction().(*gnmi_ext.Commit_Commit); ok {
		return r.admitCommit(p)
	}
	if len(p.operations) > 0 {
		return false, status.Error(codes.InvalidArgument, "commit: only a commit request may carry operations")
	}
	if r.window == nil {
		return false, status.Error(codes.FailedPrecondition, "commit: none waits to be confirmed")
	}
	if r.window.id != p.commit.GetId() {
		return false, status.Errorf(codes.InvalidArgument, "commit: %q waits to be confirmed, not %q", r.window.id, p.commit.GetId())
	}
	switch x := p.commit.GetAction().(type) {
	case *gnmi_ext.Commit_Confirm:
		r.closeWindow()
		if r.options.Persist {
			r.saved = r.running
		}
	case *gnmi_ext.Commit_Cancel:
		r.rollBack(now)
	case *gnmi_ext.Commit_SetRollbackDuration:
		d, err := rollbackAfter(x.SetRollbackDuration.GetRollbackDuration())
		if err != nil {
			return false, err
		}
		r.window.stop()
		r.window.timer = r.network.fabric.At(now.Add(d), r.expire(r.window))
	default:
		return false, status.Error(codes.InvalidArgument, "commit: no action")
	}
	return false, nil
}

func (r *Router) admitCommit(p *plan) (bool, error) {
	if r.window != nil {
		return false, status.Errorf(codes.FailedPrecondition, "commit %q waits to be confirmed", r.window.id)
	}
	_, err := rollbackAfter(p.commit.GetCommit().GetRollbackDuration())
	return true, err
}

func rollbackAfter(sent *durationpb.Duration) (time.Duration, error) {
	if sent == nil {
		return defaultRollback, nil
	}
	d := sent.AsDuration()
	switch {
	case d < 0:
		return 0, status.Errorf(codes.InvalidArgument, "commit: rollback duration %v is negative", d)
	case d == 0:
		return defaultRollback, nil
	}
	return d, nil
}

// openWindow begins to wait for confirmation of a commit that has just been made. The mutex is held.
func (r *Router) openWindow(p *plan, before settings, now time.Time) {
	d, _ := rollbackAfter(p.commit.GetCommit().GetRollbackDuration()) // checked by admit
	w := &window{id: p.commit.GetId(), before: before}
	w.timer = r.network.fabric.At(now.Add(d), r.expire(w))
	r.window = w
}

func (r *Router) expire(w *window) func(time.Time) {
	return func(at time.Time) {
		if r.window == w {
			r.rollBack(at)
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
