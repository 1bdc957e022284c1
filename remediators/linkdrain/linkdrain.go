// Package linkdrain takes a link out of use by its IS-IS metric, at both ends at once.
//
// Soft, the default, sets the highest metric that SPF still uses (RFC 5305, section 3: 2^24-2 for wide metrics): traffic
// leaves, and the link stays the last resort should everything else fail. Hard sets the metric that takes the link out
// of SPF (2^24-1); it is for links that lose what crosses them silently, and only when a rule says so in so many words.
// Adjacencies stay up either way.
//
// While routers learn of a new metric one after the other, packets may go round between two of them. So the metric is raised
// step by step, each end by metrics of its own, where the what-if names steps between which that cannot happen, and the undo
// goes the same way back. A link that loses more than such a moment costs is drained at once; which one does is the policy's
// to say.
package linkdrain

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/remediators/internal/linkmetric"
)

// Name is what a rule calls this remediation.
const Name = "link-drain"

// The styles of draining.
const (
	Soft = "soft"
	Hard = "hard"
)

// Whether a drain goes by steps.
const (
	StepsAuto  = "auto"  // where the what-if knows steps without loops
	StepsNever = "never" // at once
)

// DefaultSettle is how long every router of a network is given to go by a step before the next one: flooding and SPF timers
// of a few seconds, with room.
const DefaultSettle = 10 * time.Second

// params is a rule's "with".
type params struct {
	Style  string          `json:"style"`  // Soft when not given
	Steps  string          `json:"steps"`  // StepsAuto when not given
	Settle events.Duration `json:"settle"` // between two steps, DefaultSettle when not given; up to a minute
}

// Remediator drains links.
type Remediator struct{}

// New returns the remediator.
func New() Remediator { return Remediator{} }

// Name is the remediation's name.
func (Remediator) Name() string { return Name }

// Check says what is wrong with a rule's parameters.
func (Remediator) Check(with json.RawMessage) error {
	_, err := read(with)
	return err
}

func read(with json.RawMessage) (params, error) {
	p := params{Style: Soft, Steps: StepsAuto, Settle: events.Duration(DefaultSettle)}
	if err := linkmetric.Decode(with, &p); err != nil {
		return p, err
	}
	if p.Style != Soft && p.Style != Hard {
		return p, fmt.Errorf("style %q: want %s or %s", p.Style, Soft, Hard)
	}
	if p.Steps != StepsAuto && p.Steps != StepsNever {
		return p, fmt.Errorf("steps %q: want %s or %s", p.Steps, StepsAuto, StepsNever)
	}
	if d := p.Settle.Std(); d < 0 || d > time.Minute {
		return p, fmt.Errorf("settle %s: want 0s to 1m0s", p.Settle)
	}
	return p, nil
}

// Propose plans to set the drain metric at both ends, for every level and family configured there, by the steps of
// facts.Prospect where there are any.
func (Remediator) Propose(target events.Target, facts events.Facts, atOnce string, with json.RawMessage) (events.Plan, error) {
	p, err := read(with)
	if err != nil {
		return events.Plan{}, err
	}
	var drained uint64 // what is set in the end
	step, err := linkmetric.Raise(target, facts, func(end events.EndFacts, metric uint64) (uint64, error) {
		value := uint64(end.Profile.SoftMetric)
		if p.Style == Hard {
			value = uint64(end.Profile.HardMetric)
		}
		switch {
		case value == 0:
			return 0, fmt.Errorf("platform profile %q has no %s drain", end.Profile.Name, p.Style)
		case value <= metric:
			return 0, fmt.Errorf("it already stands at %d, the %s drain is %d", metric, p.Style, value)
		}
		drained = value
		return value, nil
	})
	if err != nil {
		return events.Plan{}, err
	}
	way, how := p.way(facts.Prospect, atOnce)
	steps, passed := linkmetric.By(step, target.Name, way, facts)
	if len(steps) > 1 {
		for i := range steps {
			steps[i].Settle = p.Settle
		}
	}
	if len(passed) > 0 {
		how = " by way of " + strings.Join(passed, ", ")
	}
	stays := "it stays usable as a last resort"
	if p.Style == Hard {
		stays = "it is out of SPF, also as a last resort"
	}
	return events.Plan{
		Remediator: Name,
		Sentence:   fmt.Sprintf("drain link %s (%s): IS-IS metric %d on %s and %s%s; %s", target.Name, p.Style, drained, target.Ends[0].Device, target.Ends[1].Device, how, stays),
		Target:     target,
		Steps:      steps,
		Checks:     []string{events.CheckAsConfigured, events.CheckTrafficLeft, events.CheckSymptomGone, events.CheckNothingBroke},
	}, nil
}

// way returns the pushes to go by, and why none although some are known.
func (p params) way(f *events.Prospect, atOnce string) (way []events.Push, whyNot string) {
	switch {
	case f == nil || f.Missing != "" || len(f.Way) < 2 || p.Steps == StepsNever:
		return nil, ""
	case atOnce != "":
		return nil, " at once, since " + atOnce
	}
	return f.Way, ""
}
