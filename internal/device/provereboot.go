package device

import (
	"context"
	"fmt"

	"github.com/detour-net/detour/events"
)

// FindCanary reads the metric of the interface that a router's inventory entry names as canary_metric, which must have no
// neighbour.
func (f *Fleet) FindCanary(ctx context.Context, device string) (events.Canary, error) {
	s, release, err := f.turn(ctx, device)
	if err != nil {
		return events.Canary{}, err
	}
	defer release()
	if s.router.CanaryMetric == "" {
		return events.Canary{}, fmt.Errorf(
			"router %s has no canary_metric: name an IS-IS interface without a neighbour, as a loopback is, in the inventory", device)
	}
	m, err := (&canary{session: s}).findMetric(ctx)
	if err != nil {
		return events.Canary{}, fmt.Errorf("router %s: %w", device, err)
	}
	return s.canary(ctx, m.ref)
}

// ReadCanary reads a leaf that FindCanary has found, and what the router says of itself.
func (f *Fleet) ReadCanary(ctx context.Context, device string, leaf events.LeafRef) (events.Canary, error) {
	s, release, err := f.turn(ctx, device)
	if err != nil {
		return events.Canary{}, err
	}
	defer release()
	return s.canary(ctx, leaf)
}

// SetCanary sets a leaf that reads from, and returns how it reads then. One that reads otherwise is left alone. An error
// means that nobody can tell how it reads, or that the router does not take it.
func (f *Fleet) SetCanary(ctx context.Context, device string, leaf events.LeafRef, from, to events.Value) (events.Canary, error) {
	s, release, err := f.turn(ctx, device)
	if err != nil {
		return events.Canary{}, err
	}
	defer release()
	now, err := s.canary(ctx, leaf)
	if err != nil || now.Value != from {
		return now, err
	}
	m := &metricCanary{canary: &canary{session: s}, ref: leaf}
	if m.path, err = s.profile.configPath(s.knownLayout()[leaf.Interface].place, leaf); err != nil {
		return now, err
	}
	if err := m.put(ctx, to); err != nil {
		return now, fmt.Errorf("set %s: %w", leaf, explain(s.router, err))
	}
	return s.canary(ctx, leaf)
}

// turn waits for the router's turn, which release gives back.
func (f *Fleet) turn(ctx context.Context, device string) (s *session, release func(), err error) {
	if s, err = f.session(device); err == nil {
		err = s.take(ctx)
	}
	if err != nil {
		return nil, nil, err
	}
	return s, s.release, nil
}

// canary is a leaf as it reads now, beside what the router says of itself.
func (s *session) canary(ctx context.Context, ref events.LeafRef) (events.Canary, error) {
	values, err := s.leaves(ctx, []events.LeafRef{ref})
	if err != nil {
		return events.Canary{}, fmt.Errorf("read %s: %w", ref, explain(s.router, err))
	}
	s.introduce(ctx)
	about := s.known()
	return events.Canary{Leaf: ref, Value: values[ref], Booted: about.booted, Software: about.software}, nil
}
