package network

import (
	"cmp"
	"slices"
)

// Metrics with a meaning of their own in IS-IS.
const (
	DefaultMetric    = 10        // of an interface without a configured one, as routers of all usual makes have it
	MetricLastResort = 1<<24 - 2 // highest wide metric that SPF uses (RFC 5305, section 3): a soft drain
	MetricUnused     = 1<<24 - 1 // a link with this metric is left out of SPF (RFC 5305, section 3): a hard drain
)

// Family is an address family that IS-IS routes, by OpenConfig's word for it in lower case.
type Family string

// The families that a link can carry.
const (
	IPv4 Family = "ipv4"
	IPv6 Family = "ipv6"
)

// Families are both families, in the order in which lists of metrics have them.
func Families() []Family { return []Family{IPv4, IPv6} }

// Metric is an end's IS-IS wide metric for one level and family.
type Metric struct {
	Level  int    `yaml:"level" json:"level"` // 1 or 2
	Family Family `yaml:"family" json:"family"`
	Value  uint32 `yaml:"value" json:"value"` // configured: 1 to MetricLastResort; observed: 0 to MetricUnused
}

// Levels are the IS-IS levels on which the link has an adjacency, ascending: those that its ends' Metrics name, the same
// at both; only level 2 when they name none.
func (l Link) Levels() []int { return l.A.levels() }

func (e End) levels() []int {
	if len(e.Metrics) == 0 {
		return []int{2}
	}
	levels := make([]int, len(e.Metrics))
	for i, m := range e.Metrics {
		levels[i] = m.Level
	}
	slices.Sort(levels)
	return slices.Compact(levels)
}

// MetricAt is the configured metric for a level and family: the one listed, else the end's Metric, else DefaultMetric.
func (e End) MetricAt(level int, family Family) uint32 {
	for _, m := range e.Metrics {
		if m.Level == level && m.Family == family {
			return m.Value
		}
	}
	return cmp.Or(e.Metric, DefaultMetric)
}

// metrics are the end's configured metrics, spelled out for every family on the given levels.
func (e End) metrics(levels []int) []Metric {
	var all []Metric
	for _, level := range levels {
		for _, family := range Families() {
			all = append(all, Metric{Level: level, Family: family, Value: e.MetricAt(level, family)})
		}
	}
	return all
}

// Symmetric reports whether both ends are configured with the same metric on every level and for every family.
func (l Link) Symmetric() bool {
	return slices.Equal(l.A.metrics(l.A.levels()), l.B.metrics(l.B.levels()))
}

func compareMetrics(a, b Metric) int {
	return cmp.Or(cmp.Compare(a.Level, b.Level), cmp.Compare(a.Family, b.Family))
}

// named reports whether the metric is for a level and a family that exist.
func (m Metric) named() bool {
	return (m.Level == 1 || m.Level == 2) && slices.Contains(Families(), m.Family)
}
