//go:build linux

package testbed

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"github.com/detour-net/detour/test/lab/frr"
	"github.com/detour-net/detour/test/lab/plan"
)

// Report is how one router is.
type Report struct {
	Router      *plan.Router
	Adjacencies int    // up
	LSPs        int    // in its database
	Drained     int    // interfaces whose metric is that of a soft drain, or above
	Wrong       string // why nothing is known, "" when it is

	// Unreached are the loopbacks of other routers that it has no route to.
	Unreached []netip.Addr
}

// Converged says whether the router has every adjacency and reaches every other router.
func (r Report) Converged(of *plan.Lab) bool {
	return r.Wrong == "" && r.Adjacencies == len(r.Router.Interfaces) && r.LSPs >= len(of.Routers) && len(r.Unreached) == 0
}

// Routeless says whether the router has everything that routes follow from, and lacks some all the same.
func (r Report) Routeless(of *plan.Lab) bool {
	rest := r
	rest.Unreached = nil
	return len(r.Unreached) > 0 && rest.Converged(of)
}

// drained is the metric from which on an interface counts as drained (RFC 5305, section 3).
const drained = 1<<24 - 2

// Report asks a router's isisd and kernel.
func (b *Bed) Report(ctx context.Context, r *plan.Router) Report {
	report := Report{Router: r}
	if err := b.report(ctx, &report); err != nil {
		report.Wrong = err.Error()
	}
	return report
}

func (b *Bed) report(ctx context.Context, report *Report) error {
	r := report.Router
	status, err := frr.ISISD{Dir: r.Dir}.Status(ctx)
	if err != nil {
		return err
	}
	for _, list := range status.Neighbours {
		for _, n := range list {
			if n.State == "up" {
				report.Adjacencies++
			}
		}
	}
	report.LSPs = len(status.Database)
	for _, i := range r.Interfaces {
		if status.Circuits[i.Name].Metric >= drained {
			report.Drained++
		}
	}
	handle, closeHandle, err := kernel(r)
	if err != nil {
		return err
	}
	defer closeHandle()
	for i := range b.Routers {
		if b.Routers[i].Name == r.Name {
			continue
		}
		for _, to := range []netip.Addr{b.Routers[i].IPv4, b.Routers[i].IPv6} {
			if routes, err := handle.RouteGet(to.AsSlice()); err != nil || len(routes) == 0 {
				report.Unreached = append(report.Unreached, to)
			}
		}
	}
	return nil
}

// kernel is a way to the kernel of a router's namespace.
func kernel(r *plan.Router) (handle *netlink.Handle, closeHandle func(), err error) {
	ns, err := netns.GetFromName(r.Namespace)
	if err != nil {
		return nil, nil, fmt.Errorf("namespace %s: %w", r.Namespace, err)
	}
	defer ns.Close()
	handle, err = netlink.NewHandleAt(ns)
	if err != nil {
		return nil, nil, fmt.Errorf("namespace %s: %w", r.Namespace, err)
	}
	return handle, handle.Close, nil
}

// AwaitConverged waits until every router has its adjacencies and reaches every other.
func (b *Bed) AwaitConverged(ctx context.Context) error {
	return b.await(ctx, func(context.Context, []Report) error { return nil })
}

// await is AwaitConverged; of every look the routers that are not converged are shown to see.
func (b *Bed) await(ctx context.Context, see func(context.Context, []Report) error) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var last []string
	for {
		waiting := b.waiting(ctx)
		if len(waiting) == 0 {
			return nil
		}
		if last == nil || ctx.Err() == nil { // who was asked too late has nothing to say
			last = b.describe(waiting)
		}
		if err := see(ctx, waiting); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the lab does not converge: %s: %w\n%s", strings.Join(last, "; "), ctx.Err(), b.logs())
		}
	}
}

// waiting are the routers that are not converged.
func (b *Bed) waiting(ctx context.Context) []Report {
	var list []Report
	for i := range b.Routers {
		if r := b.Report(ctx, &b.Routers[i]); !r.Converged(b.Lab) {
			list = append(list, r)
		}
	}
	return list
}

func (b *Bed) describe(waiting []Report) []string {
	list := make([]string, len(waiting))
	for i, r := range waiting {
		list[i] = r.Router.Name + ": " + r.Wrong
		if r.Wrong == "" {
			list[i] = fmt.Sprintf("%s has %d of %d adjacencies, %d of %d packets of others, and no route to %v",
				r.Router.Name, r.Adjacencies, len(r.Router.Interfaces), r.LSPs, len(b.Routers), r.Unreached)
		}
	}
	return list
}

// logs are the ends of what each router's daemons have written down, and which of them run no more.
func (b *Bed) logs() string {
	const enough = 400
	var text strings.Builder
	for i := range b.Routers {
		r := &b.Routers[i]
		for _, p := range daemonsOf(r) {
			if _, err := b.find(r.Name, p); err != nil {
				fmt.Fprintln(&text, err)
			}
			raw, err := os.ReadFile(filepath.Join(r.Dir, string(p)+".log"))
			if err != nil {
				continue // it may not have come to write anything
			}
			fmt.Fprintf(&text, "%s %s: ...%s\n", r.Name, p, raw[max(0, len(raw)-enough):])
		}
	}
	return text.String()
}
