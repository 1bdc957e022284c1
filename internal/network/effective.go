package network

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
)

// Effective lays what was observed over what is configured. It refuses a state that speaks of what the topology does not
// have, or that no router can show.
//
// A link drained by nobody that is known, and advertised by an end with MetricLastResort or more where that is not
// configured, counts as drained by others; so does a router with an overload bit that is not configured.
func Effective(t *Topology, s State) (Live, error) {
	if err := s.validate(t); err != nil {
		return Live{}, err
	}
	live := Live{Topology: t, Links: make([]LiveLink, len(t.Links)), Routers: make([]LiveRouter, len(t.Routers))}
	for i, l := range t.Links {
		live.Links[i] = liveLink(l, s.Links[l.Name])
	}
	for i, r := range t.Routers {
		seen := s.Routers[r.Name]
		now := LiveRouter{Overload: r.Overload, DrainedBy: seen.DrainedBy}
		if seen.Overload != nil {
			now.Overload = *seen.Overload
		}
		if now.Overload && !r.Overload && now.DrainedBy == "" {
			now.DrainedBy = Others
		}
		live.Routers[i] = now
	}
	return live, nil
}

func liveLink(l Link, seen LinkState) LiveLink {
	a, foreignA := advertised(l, l.A, seen.A)
	b, foreignB := advertised(l, l.B, seen.B)
	now := LiveLink{A: a, B: b, Capacity: l.Capacity, Down: seen.A.Down || seen.B.Down, DrainedBy: seen.DrainedBy}
	if now.DrainedBy == "" && (foreignA || foreignB) {
		now.DrainedBy = Others
	}
	up := len(l.Members)
	for _, m := range l.Members {
		if slices.Contains(seen.MembersDown, m.Name) {
			now.Capacity -= m.Capacity
			up--
		}
	}
	if len(l.Members) > 0 && up < max(1, l.MinLinks) {
		now.Down = true
	}
	return now
}

// advertised are an end's metrics as seen, else as configured; drained says that one of them keeps traffic away and was
// not configured to.
func advertised(l Link, e End, seen EndState) (metrics []Metric, drained bool) {
	if len(seen.Metrics) == 0 {
		return e.metrics(l.Levels()), false
	}
	metrics = seen.Metrics
	if !slices.IsSortedFunc(metrics, compareMetrics) {
		metrics = slices.SortedFunc(slices.Values(metrics), compareMetrics)
	}
	for _, m := range metrics {
		if m.Value >= MetricLastResort && e.MetricAt(m.Level, m.Family) < MetricLastResort {
			drained = true
		}
	}
	return metrics, drained
}

// validate says everything in s that does not fit t.
func (s State) validate(t *Topology) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("observed: "+format, args...)) }
	links, routers := 0, 0
	for _, l := range t.Links {
		if seen, ok := s.Links[l.Name]; ok {
			links++
			seen.validate(l, bad)
		}
	}
	for _, r := range t.Routers {
		if seen, ok := s.Routers[r.Name]; ok {
			routers++
			seen.DrainedBy.validate("router", r.Name, bad)
		}
	}
	if links < len(s.Links) {
		for name := range strangers(s.Links, t.Links, func(l Link) string { return l.Name }) {
			bad("link %q is not in the topology", name)
		}
	}
	if routers < len(s.Routers) {
		for name := range strangers(s.Routers, t.Routers, func(r Router) string { return r.Name }) {
			bad("router %q is not in the inventory", name)
		}
	}
	return errors.Join(errs...)
}

// strangers are the names in seen that nothing in known has, sorted.
func strangers[S, K any](seen map[string]S, known []K, nameOf func(K) string) iter.Seq[string] {
	names := map[string]bool{}
	for _, k := range known {
		names[nameOf(k)] = true
	}
	return func(yield func(string) bool) {
		for _, name := range slices.Sorted(maps.Keys(seen)) {
			if !names[name] && !yield(name) {
				return
			}
		}
	}
}

func (s LinkState) validate(l Link, bad func(string, ...any)) {
	s.DrainedBy.validate("link", l.Name, bad)
	s.A.validate(l.Name, l.A, bad)
	s.B.validate(l.Name, l.B, bad)
	down := sorted(s.MembersDown)
	for i, m := range down {
		if i > 0 && down[i-1] == m || !slices.ContainsFunc(l.Members, func(x Member) bool { return x.Name == m }) {
			bad("link %q: member %q is given twice or is none of its members", l.Name, m)
		}
	}
}

func (e EndState) validate(link string, at End, bad func(string, ...any)) {
	for i, m := range e.Metrics {
		if !m.named() || m.Value > MetricUnused {
			bad("link %q: %s: level %d %s metric %d: want level 1 or 2, ipv4 or ipv6, at most %d", link, at.Device, m.Level, m.Family, m.Value, MetricUnused)
		}
		if slices.ContainsFunc(e.Metrics[:i], func(other Metric) bool { return other.Level == m.Level && other.Family == m.Family }) {
			bad("link %q: %s: level %d %s is given twice", link, at.Device, m.Level, m.Family)
		}
	}
	for _, load := range []int64{e.Load.BPS, e.Arrived.BPS} {
		if load < 0 || load > maxCapacity {
			bad("link %q: %s: a load of %d: want 0 to %d bits per second", link, at.Device, load, int64(maxCapacity))
		}
	}
}

func (d DrainedBy) validate(kind, name string, bad func(string, ...any)) {
	if d != "" && d != Ours && d != Others {
		bad("%s %q: drained by %q: want %q or %q", kind, name, string(d), Ours, Others)
	}
}
