package backbone

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const forever time.Duration = -1

// wait waits, but not beyond the RPC's or the network's end. Waits are in real time, whatever clock the network runs by.
func (r *Router) wait(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	var over <-chan time.Time
	if d != forever {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	case <-r.network.done:
		return status.Error(codes.Unavailable, "router is shutting down")
	}
}

// SetLatency lets the router wait before it begins with an RPC.
func (r *Router) SetLatency(d time.Duration) {
	r.behave(func(m *manners) { m.latency = d })
}

// SetHanging lets the router take RPCs and never begin with them.
func (r *Router) SetHanging(hanging bool) {
	r.behave(func(m *manners) { m.hanging = hanging })
}

// RefuseGet lets every Get fail with the code, while Subscribe goes on working; codes.OK ends that.
func (r *Router) RefuseGet(code codes.Code, reason string) {
	r.behave(func(m *manners) { m.getCode, m.getReason = code, reason })
}

func (r *Router) behave(alter func(*manners)) {
	r.network.lock()
	defer r.network.unlock()
	alter(&r.manners)
}
