package discover

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/detour-net/detour/internal/network"
)

// pairs joins ends to links, by the surest sign first.
func (j *joining) pairs() {
	for _, sign := range []func(a, b end, left []end) bool{byCircuit, j.byConfiguration, aloneBetween, byDescription} {
		for i := 0; i < len(j.ends); i++ {
			a := j.ends[i]
			n := slices.IndexFunc(j.ends, func(b end) bool { return j.facing(a, b) && sign(a, b, j.ends) })
			if n < 0 {
				continue
			}
			j.link(a, j.ends[n])
			j.ends = slices.Delete(j.ends, max(i, n), max(i, n)+1)
			j.ends = slices.Delete(j.ends, min(i, n), min(i, n)+1)
			i--
		}
	}
	for _, e := range j.ends {
		j.found.Loose = append(j.found.Loose, Loose{End: e.at(), System: e.system, Peer: j.routers[e.system], Why: j.whyLoose(e)})
	}
}

// facing reports whether two ends tell of each other's routers, on the same levels.
func (j *joining) facing(a, b end) bool {
	return a.Router != b.Router && a.system == b.System && b.system == a.System && slices.Equal(sorted(a.levels), sorted(b.levels))
}

func sorted(levels []int) []int { return slices.Sorted(slices.Values(levels)) }

func byCircuit(a, b end, _ []end) bool {
	return a.circuit != 0 && b.circuit != 0 && a.circuit == b.peer && b.circuit == a.peer
}

func (j *joining) byConfiguration(a, b end, _ []end) bool {
	return slices.ContainsFunc(j.configured.Links, func(l network.Link) bool { return joins(l, a.at(), b.at()) }) && !contradicted(a, b)
}

// contradicted reports whether two ends have told each other of other circuits.
func contradicted(a, b end) bool {
	return a.circuit != 0 && b.peer != 0 && a.circuit != b.peer || b.circuit != 0 && a.peer != 0 && b.circuit != a.peer
}

// aloneBetween reports whether nothing else is left between the two routers.
func aloneBetween(a, b end, left []end) bool {
	between := 0
	for _, e := range left {
		if e.System == a.System && e.system == a.system || e.System == b.System && e.system == b.system {
			between++
		}
	}
	return between == 2 && !contradicted(a, b)
}

// byDescription reports whether the ends' descriptions have a word in common that no other's between the two routers has,
// as the number of a circuit is.
func byDescription(a, b end, left []end) bool {
	others := map[string]bool{}
	for _, e := range left {
		same := e.at() == a.at() || e.at() == b.at()
		between := e.System == a.System && e.system == a.system || e.System == b.System && e.system == b.system
		if between && !same {
			for _, word := range strings.Fields(e.Description) {
				others[word] = true
			}
		}
	}
	of := strings.Fields(b.Description)
	return !contradicted(a, b) && slices.ContainsFunc(strings.Fields(a.Description), func(word string) bool {
		return !others[word] && slices.Contains(of, word)
	})
}

// whyLoose says why nothing was joined to an end.
func (j *joining) whyLoose(e end) string {
	peer, known := j.routers[e.system]
	switch {
	case !known:
		return fmt.Sprintf("it leads to the system %s, which is no router of the inventory", e.system)
	case slices.ContainsFunc(j.found.Silent, func(s Silent) bool { return s.Router == peer }):
		return fmt.Sprintf("it leads to %s, which could not be asked", peer)
	case !slices.ContainsFunc(j.ends, func(o end) bool { return j.facing(e, o) }):
		return fmt.Sprintf("it leads to %s, which shows no adjacency in return", peer)
	case !slices.ContainsFunc(j.ends, func(o end) bool { return j.facing(e, o) && !contradicted(e, o) }):
		return fmt.Sprintf("it leads to %s, and its circuit is none of those that %s tells of", peer, peer)
	}
	return fmt.Sprintf("there are several links to %s, and neither circuits nor descriptions tell them apart", peer)
}

// link makes one of two ends. The one that the inventory has first is A, unless the configured topology says otherwise.
func (j *joining) link(a, b end) {
	if j.order[b.Router] < j.order[a.Router] {
		a, b = b, a
	}
	l := Link{}
	for _, c := range j.configured.Links {
		if joins(c, a.at(), b.at()) {
			if c.A.Device == b.Router {
				a, b = b, a
			}
			l.Link = c
			break
		}
	}
	l.A, l.B = withMetrics(l.A, a), withMetrics(l.B, b)
	l.Speeds = [2]int64{a.Speed, b.Speed}
	if a.Speed > 0 && b.Speed > 0 {
		l.Capacity = min(a.Speed, b.Speed)
	}
	j.found.Links = append(j.found.Links, l)
}

// withMetrics is an end with the metrics in force on the levels of its adjacency: one where all are the same.
func withMetrics(as network.End, e end) network.End {
	as.Device, as.Interface, as.Metric, as.Metrics = e.Router, e.Interface, 0, nil
	for _, m := range e.Metrics {
		if slices.Contains(e.levels, m.Level) {
			as.Metrics = append(as.Metrics, m)
		}
	}
	plain := len(as.Metrics) > 0 && !slices.ContainsFunc(as.Metrics, func(m network.Metric) bool {
		return m.Level != 2 || m.Value != as.Metrics[0].Value
	})
	if plain {
		as.Metric, as.Metrics = as.Metrics[0].Value, nil
	}
	return as
}

// joins reports whether a link is between two ends, either way round.
func joins(l network.Link, a, b End) bool {
	x, y := End{l.A.Device, l.A.Interface}, End{l.B.Device, l.B.Interface}
	return x == a && y == b || x == b && y == a
}

// name gives a name to every link that the configured topology does not have: its routers', and a number where there are
// several. Then it puts the links in order.
func (j *joining) name() {
	place, taken := map[string]int{}, map[string]bool{}
	for i, l := range j.configured.Links {
		place[l.Name], taken[l.Name] = i-len(j.configured.Links), true
	}
	slices.SortStableFunc(j.found.Links, func(a, b Link) int {
		return cmp.Or(cmp.Compare(place[a.Name], place[b.Name]),
			cmp.Compare(j.order[a.A.Device], j.order[b.A.Device]), cmp.Compare(j.order[a.B.Device], j.order[b.B.Device]), cmp.Compare(a.A.Interface, b.A.Interface))
	})
	for i := range j.found.Links {
		l := &j.found.Links[i]
		if l.Name != "" {
			continue
		}
		base := l.A.Device + "-" + l.B.Device
		l.Name = base
		for n := 2; taken[l.Name]; n++ {
			l.Name = fmt.Sprintf("%s-%d", base, n)
		}
		taken[l.Name] = true
	}
}
