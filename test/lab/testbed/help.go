//go:build linux

package testbed

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/detour-net/detour/test/lab/frr"
	"github.com/detour-net/detour/test/lab/plan"
)

// routeless is how long a router may have every adjacency and every packet and lack routes: ten times the longest that the
// lab's timers let it wait before it computes (plan.Router.ISISD).
const routeless = 20 * time.Second

// help is for routers that come to have everything but routes and would stay so, as now and then one with FRR 8.4 does when
// it starts. Their isisd is started again, once each, and that is said.
type help struct {
	lab     *plan.Lab
	restart func(ctx context.Context, r *plan.Router) (why string, err error)
	now     func() time.Time
	say     func(string)

	since  map[string]time.Time // when a router was first seen without routes, by name
	helped map[string]bool
}

// see looks at the routers that are not converged. An error says that help failed.
func (h *help) see(ctx context.Context, waiting []Report) error {
	without := map[string]time.Time{}
	for _, r := range waiting {
		name := r.Router.Name
		if !r.Routeless(h.lab) {
			continue
		}
		without[name] = h.now()
		if first, ok := h.since[name]; ok {
			without[name] = first
		}
		if h.helped[name] || h.now().Sub(without[name]) < routeless {
			continue
		}
		h.helped[name] = true
		why, err := h.restart(ctx, r.Router)
		if err != nil {
			return fmt.Errorf("router %s has no route to %v, and cannot be helped: %w", name, r.Unreached, err)
		}
		if h.say != nil {
			h.say(fmt.Sprintf("router %s had every adjacency, and no route to %v for %s: %s; its isisd was started again", name, r.Unreached, routeless, why))
		}
	}
	h.since = without
	return nil
}

// restartISISD starts a router's isisd again, and says where routes were lost.
func (b *Bed) restartISISD(ctx context.Context, r *plan.Router) (why string, err error) {
	routes, err := frr.ISISD{Dir: r.Dir}.Routes(ctx)
	if err != nil {
		return "", err
	}
	why = "isisd computed none"
	for i := range b.Routers {
		if to := &b.Routers[i]; to.Name != r.Name && routes[netip.PrefixFrom(to.IPv4, 32)] {
			why = "isisd had some, and the kernel did not"
		}
	}
	if err := b.Kill(r.Name, ISISD); err != nil {
		return "", err
	}
	return why, b.Start(ctx, r.Name, ISISD)
}
