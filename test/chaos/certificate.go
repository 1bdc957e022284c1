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

// certificate says what was done to the service, and what came of it.
type certificate struct {
	Seed    uint64          `json:"seed"`
	Began   time.Time       `json:"began"`
	Took    events.Duration `json:"took"`
	Version string          `json:"version"` // of the binary
	Sites   int             `json:"sites"`   // brought up one after the other: a ledger takes so many acts an hour and no more

	Kills    int               `json:"kills"`     // SIGKILLs, of replicas and servers
	ByState  map[string]int    `json:"by_state"`  // kills, by the newest record and the phase that it left its incident in
	Faults   map[string]int    `json:"faults"`    // by kind
	TakeOver map[string]spread `json:"take_over"` // from the SIGKILL of an incident's owner to the next record by another, by what else was wrong

	Gaps *gaps `json:"leader_killed,omitempty"` // nil when that was not measured

	Soak *soak `json:"soak,omitempty"` // nil when there was none

	Anomalies int                    `json:"anomalies"` // stored by the bus
	Commits   int                    `json:"commits"`
	Sets      int                    `json:"sets"` // that changed something
	Outcomes  map[events.Outcome]int `json:"outcomes"`

	Violations []violation `json:"violations"`
}

func newCertificate(seed uint64) *certificate {
	return &certificate{
		Seed: seed, Began: time.Now().UTC(), ByState: map[string]int{}, Faults: map[string]int{}, TakeOver: map[string]spread{}, Outcomes: map[events.Outcome]int{}, Violations: []violation{},
	}
}

// spread is how a time was distributed, in order.
type spread []events.Duration

// MarshalJSON writes it as its quantiles.
func (s spread) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"n": len(s), "p50": s.at(0.5).String(), "p99": s.at(0.99).String(), "max": s.at(1).String()})
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

// write prints it for people.
func (c *certificate) write(w io.Writer) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("seed %d, %s, %d sites, %s, binary %s", c.Seed, c.Began.Format(time.RFC3339), c.Sites, c.Took.Std().Round(time.Second), c.Version)
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
		line("not written to when the ledger's leader was killed: ledger %s, a stream of NATS alone %s; p50 %.2f times as long", g.Ledger, g.NATS, float64(g.Ledger.at(0.5))/float64(g.NATS.at(0.5)))
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
