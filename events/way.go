package events

// Push is one step of a way into a drain: metrics that are set together, after which every router converges.
type Push []EndMetric

// EndMetric is the IS-IS metric of an end of a link, for every level.
type EndMetric struct {
	Link   string `json:"link"`
	Device string `json:"device,omitempty"` // the router at that end; "" is both ends
	Family string `json:"family,omitempty"` // IPv4 or IPv6; "" is both
	Metric uint32 `json:"metric"`
}

// Uniform is a way on which both ends of a link go from metric to metric together, for both address families.
func Uniform(link string, metrics ...uint32) []Push {
	var way []Push
	for _, m := range metrics {
		way = append(way, Push{{Link: link, Metric: m}})
	}
	return way
}

// Metric is what the push sets at a router's end of a link for an address family; ok is false when it sets nothing there.
func (p Push) Metric(link, device, family string) (metric uint32, ok bool) {
	for _, m := range p {
		if m.Link == link && (m.Device == "" || m.Device == device) && (m.Family == "" || m.Family == family) {
			return m.Metric, true
		}
	}
	return 0, false
}

// Next is the first metric above from that a way sets at a router's end of a link for an address family; ok is false when
// there is none.
func Next(way []Push, link, device, family string, from uint64) (metric uint32, ok bool) {
	for _, push := range way {
		if m, set := push.Metric(link, device, family); set && uint64(m) > from {
			return m, true
		}
	}
	return 0, false
}

// Sets reports whether a way sets anything at a router's end of a link for an address family.
func Sets(way []Push, link, device, family string) bool {
	_, ok := Next(way, link, device, family, 0)
	return ok
}
