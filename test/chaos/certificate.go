package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
)

// certificate says what was done to the service, and what came of it: of sites that were judged, and of nothing else.
type certificate struct {
	Seeds  []uint64        `json:"seeds"` // of the runs that it adds up, in order
	Began  time.Time       `json:"began"`
	Took   events.Duration `json:"took"`   // of all runs
	Builds []product       `json:"builds"` // that were hurt, in order
	Sites  int             `json:"sites"`  // a ledger takes so many acts an hour and no more

	Kills    int               `json:"kills"`     // SIGKILLs, of replicas and servers
	ByState  map[string]int    `json:"by_state"`  // kills, by the newest record and the phase that it left its incident in
	Faults   map[string]int    `json:"faults"`    // by kind
	TakeOver map[string]spread `json:"take_over"` // from the SIGKILL of an incident's owner to the next record by another, by what else was wrong; see midSet

	Gaps *gaps `json:"leader_killed,omitempty"` // the newest, nil when that was not measured
	Soak *soak `json:"soak,omitempty"`          // the newest, nil when there was none

	Anomalies int                    `json:"anomalies"` // stored by the bus
	Commits   int                    `json:"commits"`
	Sets      int                    `json:"sets"` // that changed something
	Outcomes  map[events.Outcome]int `json:"outcomes"`

	Violations verdict `json:"violations"`
}

// product is a build of the service.
type product struct {
	Version string `json:"version"` // as it says itself
	Digest  string `json:"sha256"`  // of the binary
	Kills   int    `json:"kills"`   // of its processes, and of the servers that they used
}

func newCertificate() *certificate {
	return &certificate{
		Began: time.Now().UTC(), ByState: map[string]int{}, Faults: map[string]int{}, TakeOver: map[string]spread{}, Outcomes: map[events.Outcome]int{}, Violations: verdict{},
	}
}

// spread is how a time was distributed, in order.
type spread []events.Duration

// spreadJSON is how it is written: the quantiles for those who read it, and all of it for whoever goes on with it.
type spreadJSON struct {
	N   int               `json:"n"`
	P50 string            `json:"p50"`
	P99 string            `json:"p99"`
	Max string            `json:"max"`
	All []events.Duration `json:"all"`
}

// MarshalJSON writes it with its quantiles.
func (s spread) MarshalJSON() ([]byte, error) {
	return json.Marshal(spreadJSON{N: len(s), P50: s.at(0.5).String(), P99: s.at(0.99).String(), Max: s.at(1).String(), All: s})
}

// UnmarshalJSON reads what MarshalJSON has written.
func (s *spread) UnmarshalJSON(raw []byte) error {
	var j spreadJSON
	if err := json.Unmarshal(raw, &j); err != nil {
		return err
	}
	if j.N != len(j.All) {
		return fmt.Errorf("of %d times %d are there", j.N, len(j.All))
	}
	*s = j.All
	return nil
}

// at is the given quantile, 0 of none.
func (s spread) at(q float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))].Std()
}

func (s spread) String() string {
	return fmt.Sprintf("p50 %s, p99 %s, max %s of %d", short(s.at(0.5)), short(s.at(0.99)), short(s.at(1)), len(s))
}

// add takes in what a site has shown.
func (c *certificate) add(e evidence, found verdict) {
	c.Sites++
	c.Anomalies, c.Commits = c.Anomalies+len(e.published), c.Commits+len(e.commits)
	for _, set := range e.sets {
		if set.Effective() && !set.Local {
			c.Sets++
		}
	}
	for _, commit := range e.commits {
		for _, r := range commit.Records {
			if end, ok := r.Body.(events.Closed); ok {
				c.Outcomes[end.Outcome]++
			}
		}
	}
	c.Violations = append(c.Violations, found...)
}

// join adds what another certificate tells, of the same build.
func (c *certificate) join(o *certificate) {
	c.Sites, c.Kills = c.Sites+o.Sites, c.Kills+o.Kills
	c.Anomalies, c.Commits, c.Sets = c.Anomalies+o.Anomalies, c.Commits+o.Commits, c.Sets+o.Sets
	sum(c.ByState, o.ByState)
	sum(c.Faults, o.Faults)
	sum(c.Outcomes, o.Outcomes)
	for how, times := range o.TakeOver {
		c.TakeOver[how] = append(c.TakeOver[how], times...)
	}
	if o.Gaps != nil {
		c.Gaps = o.Gaps
	}
	if o.Soak != nil {
		c.Soak = o.Soak
	}
	c.Violations = append(c.Violations, o.Violations...)
}

func sum[K comparable](into, of map[K]int) {
	for k, n := range of {
		into[k] += n
	}
}

// write prints it for people.
func (c *certificate) write(w io.Writer) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("seeds %v, from %s on, %d sites, %s", c.Seeds, c.Began.Format(time.RFC3339), c.Sites, c.Took.Std().Round(time.Second))
	for _, p := range c.Builds {
		line("binary %s, sha256 %s: %d kills", p.Version, p.Digest, p.Kills)
	}
	line("%d anomalies, %d commits, %d Sets, incidents %s", c.Anomalies, c.Commits, c.Sets, counts(c.Outcomes))
	line("faults injected: %s", counts(c.Faults))
	line("kills: %d", c.Kills)
	for _, state := range slices.SortedFunc(maps.Keys(c.ByState), func(x, y string) int { return cmp.Or(c.ByState[y]-c.ByState[x], cmp.Compare(x, y)) }) {
		line("  %6d  %s", c.ByState[state], state)
	}
	for _, what := range slices.Sorted(maps.Keys(c.TakeOver)) {
		s := c.TakeOver[what]
		line("take-over, %s: %s", what, s)
	}
	if g := c.Gaps; g != nil {
		line("not written to when the ledger's leader was killed: %s", g.Writes)
		line("no anomaly recorded then: %s", g.Anomalies)
	}
	if s := c.Soak; s != nil {
		line("soak of %s, %d drains: MiB resident in each eighth of it, the median: %s", s.Took.Std().Round(time.Second), s.Drains, s)
	}
	line("violations: %d", len(c.Violations))
	for _, v := range c.Violations {
		line("  %s: %s", v.Rule, v.Detail)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func short(d time.Duration) string { return d.Round(10 * time.Millisecond).String() }

// counts writes numbers, the largest first.
func counts[K ~string](of map[K]int) string {
	var parts []string
	for _, k := range slices.SortedFunc(maps.Keys(of), func(x, y K) int { return cmp.Or(of[y]-of[x], cmp.Compare(x, y)) }) {
		parts = append(parts, fmt.Sprintf("%s %d", k, of[k]))
	}
	return strings.Join(parts, ", ")
}
