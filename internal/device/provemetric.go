package device

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"

	"github.com/detour-net/detour/events"
)

// metricCanary is the metric leaf that a proof writes and deletes: of an IS-IS interface without a neighbour, which the
// inventory names.
type metricCanary struct {
	*canary
	ref    events.LeafRef
	path   *gnmi.Path
	before events.Value
}

// Metrics that a proof writes: small, so that nothing avoids what the router's own addresses are behind.
const (
	canaryMetric      = 77
	canaryMetricOther = 78 // where the first stands already
)

// findMetric makes sure that the interface is one whose metric moves no traffic, and reads what stands there.
func (c *canary) findMetric(ctx context.Context) (*metricCanary, error) {
	id := c.router.CanaryMetric
	refs, err := c.leavesInUse(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("correct canary_metric in the inventory: %w", err)
	}
	at := c.knownLayout()[id].place
	list, err := c.read(ctx, gnmi.GetRequest_STATE, c.profile.paths.adjacency.fill(names{"instance": at.instance, "protocol": at.protocol, "interface": id}))
	if err != nil {
		return nil, fmt.Errorf("read the adjacencies of canary_metric %q: %w", id, explain(c.router, err))
	}
	for _, u := range list {
		if len(c.profile.paths.adjacency.find(u.path, u.value)) > 0 {
			return nil, fmt.Errorf("canary_metric %q has a neighbour: its metric moves traffic; name an interface without one, as a loopback is", id)
		}
	}
	m := &metricCanary{canary: c, ref: refs[len(refs)-1]}
	if m.path, err = c.profile.configPath(at, m.ref); err != nil {
		return nil, err
	}
	if m.before, err = m.read(ctx); err != nil {
		return nil, fmt.Errorf("read canary_metric %q: %w", id, explain(c.router, err))
	}
	return m, nil
}

// read is the configured value now.
func (m *metricCanary) read(ctx context.Context) (events.Value, error) {
	values, err := m.leaves(ctx, []events.LeafRef{m.ref})
	return values[m.ref], err
}

// put sets the leaf, or deletes it where value is absent.
func (m *metricCanary) put(ctx context.Context, value events.Value) error {
	request := &gnmi.SetRequest{Delete: []*gnmi.Path{m.path}}
	if !value.Absent() {
		encoded, err := m.profile.encode(m.ref, value)
		if err != nil {
			return err
		}
		request = &gnmi.SetRequest{Update: []*gnmi.Update{{Path: m.path, Val: encoded}}}
	}
	ctx, cancel := context.WithTimeout(ctx, m.opts.ReadTimeout)
	defer cancel()
	_, err := m.client.Set(ctx, request)
	return err
}

// prove finds out whether the metric is written and deleted as asked, and what a router shows of one that is not
// configured. It returns why not, "" when proven; the leaf is to be put back in any case.
func (m *metricCanary) prove(ctx context.Context, proved *events.Proved) (string, error) {
	value := events.UintValue(canaryMetric)
	if m.before == value {
		value = events.UintValue(canaryMetricOther)
	}
	if err := m.put(ctx, value); err != nil {
		return m.declined(err)
	}
	if shown, err := m.read(ctx); err != nil || shown != value {
		return "a metric that was acknowledged does not show", err
	}
	if err := m.put(ctx, events.Value{}); err != nil {
		return m.declined(err)
	}
	unset, err := m.read(ctx)
	if err != nil || unset == value {
		return "a delete that was acknowledged leaves the metric as it was", err
	}
	proved.Unset, proved.Default = unset, m.inForce(ctx, value)
	return "", nil
}

// inForce is the metric that the router uses once none is configured, 0 when it does not tell. Its state may lag behind
// for a moment, and show the old metric.
func (m *metricCanary) inForce(ctx context.Context, old events.Value) uint32 {
	ctx, cancel := context.WithTimeout(ctx, m.opts.ReadBackFor)
	defer cancel()
	tick := time.NewTicker(max(m.opts.ReadBackFor/20, time.Millisecond))
	defer tick.Stop()
	p := m.profile.paths.metricState
	for {
		list, err := m.get(ctx, gnmi.GetRequest_STATE, p.fill(m.knownLayout()[m.ref.Interface].place.names(m.ref)))
		for _, u := range list {
			for _, i := range p.find(u.path, u.value) {
				if n, err := number(i.value); err == nil && n <= hardMetric && events.UintValue(n) != old {
					return uint32(n)
				}
			}
		}
		if err != nil && !hopeless(err) {
			return 0
		}
		select {
		case <-ctx.Done():
			return 0
		case <-tick.C:
		}
	}
}

// putBack makes the metric what it was.
func (m *metricCanary) putBack(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*m.opts.ReadTimeout)
	defer cancel()
	if now, err := m.read(ctx); err == nil && now == m.before {
		return nil
	}
	if err := m.put(ctx, m.before); err != nil {
		return fmt.Errorf("%s could not be put back: it was %s: %w", m.ref, m.before, explain(m.router, err))
	}
	if now, err := m.read(ctx); err != nil || now != m.before {
		return fmt.Errorf("%s is not back: it was %s: %w", m.ref, m.before, errors.Join(fmt.Errorf("it reads %s", now), err))
	}
	return nil
}

// proveMetric runs the canary of the metric, where the inventory names one, and says what it showed.
func (c *canary) proveMetric(ctx context.Context, m *metricCanary, proved *events.Proved) (string, error) {
	if m == nil {
		return fmt.Sprintf("%s: not tried, the inventory names no canary_metric", events.ISISMetric), nil
	}
	why, err := m.prove(ctx, proved)
	if err := errors.Join(err, m.putBack(ctx)); err != nil {
		return "", fmt.Errorf("prove %s on router %s: %w", events.ISISMetric, c.router.Name, err)
	}
	if why != "" {
		proved.Unset, proved.Default = events.Value{}, 0
		return fmt.Sprintf("%s: %s", events.ISISMetric, why), nil
	}
	proved.Leaves = append(proved.Leaves, events.ISISMetric)
	shown := "nothing"
	if !proved.Unset.Absent() {
		shown = proved.Unset.String()
	}
	said := fmt.Sprintf("%s: written and deleted as asked; unset it shows %s", events.ISISMetric, shown)
	if proved.Default > 0 {
		said += fmt.Sprintf(", and %d is in force", proved.Default)
	}
	return said, nil
}

// persistence finds out whether what one session sets is there for another. Whether it outlives a reboot a trial shows
// (events.RebootTrial).
func (c *canary) persistence(ctx context.Context) (string, error) {
	text, err := described("detour canary: for another session")
	if err != nil {
		return "", err
	}
	if err := c.write(ctx, text); err != nil {
		why, err := c.declined(err)
		return "persistence: " + why, err
	}
	conn, err := dial(c.router, c.opts)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	other := &canary{path: c.path, session: &session{
		router: c.router, profile: c.profile, opts: c.opts, log: c.log, conn: conn, client: gnmi.NewGNMIClient(conn),
	}}
	switch there, err := other.holds(ctx, text); {
	case err != nil:
		return "", explain(c.router, err)
	case !there:
		return "persistence: another session does not see what was set", nil
	}
	return "persistence: what is set outlives its session; whether it outlives a reboot takes a trial (--reboot)", nil
}
