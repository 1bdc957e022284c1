package forecast

import (
	"github.com/detour-net/detour/internal/network/whatif"
)

// layers are the states of a network, one for each of its topologies (RFC 5120): a single one where both address families have
// the same metrics on every link, else one for each family. Paths are computed in each by itself; the links are shared, so
// their loads add up.
type layers []*whatif.State

// apply gives every layer its change.
func (l layers) apply(change func(layer int) whatif.Change) (layers, error) {
	after := make(layers, len(l))
	for i, st := range l {
		var err error
		if after[i], err = st.Apply(change(i)); err != nil {
			return nil, err
		}
	}
	return after, nil
}

// fail is the network with a scenario come true.
func (l layers) fail(s whatif.Scenario) (layers, error) {
	return l.apply(func(int) whatif.Change { return whatif.Change{Down: s.Links, Dead: s.Nodes} })
}

// loads are those of all links in the order of their names, as State.Loads has them.
func (l layers) loads() []whatif.Load { return whatif.Loads(l...) }

// load is the load of a link from its end A to its end B, and back.
func (l layers) load(link string) (ab, ba whatif.Load) {
	for i, st := range l {
		x, y, _ := st.Load(link)
		if i == 0 {
			ab, ba = x, y
			continue
		}
		ab, ba = plus(ab, x.BPS), plus(ba, y.BPS)
	}
	return ab, ba
}

// plus is a load with more on it.
func plus(l whatif.Load, bps int64) whatif.Load {
	l.BPS += bps
	l.Permil = (l.BPS*1000 + l.Capacity - 1) / l.Capacity
	return l
}

// fullest is the fullest direction, of several the first; zero where there is none.
func fullest(loads []whatif.Load) (worst whatif.Load) {
	for i, l := range loads {
		if i == 0 || l.Permil > worst.Permil {
			worst = l
		}
	}
	return worst
}

// undelivered is the traffic that has no way to go, of which at most named demands are named.
func (l layers) undelivered(named int) (sum whatif.Undelivered) {
	for _, st := range l {
		u := st.Undelivered(max(0, named-len(sum.Named)))
		sum.Count, sum.BPS, sum.Named = sum.Count+u.Count, sum.BPS+u.BPS, append(sum.Named, u.Named...)
	}
	return sum
}
