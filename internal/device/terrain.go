package device

import "slices"

// Loads is how full every link is in its fuller direction, in the topology's order: thousandths of capacity, -1 where that is
// not known.
func (s Sight) Loads() []int {
	list := make([]int, len(s.links))
	for i, l := range s.fleet.topology.Links {
		list[i] = -1
		for _, e := range s.links[i] {
			if e.traffic != nil && l.Capacity > 0 {
				list[i] = max(list[i], permil(max(e.traffic.InBPS, e.traffic.OutBPS), l.Capacity))
			}
		}
	}
	return list
}

// Unseen are the routers whose telemetry is not fresh, by name.
func (s Sight) Unseen() []string {
	var names []string
	for name, session := range s.fleet.sessions {
		if session.seen.lastHeard().Before(s.at.Add(-s.fleet.opts.StaleAfter)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
