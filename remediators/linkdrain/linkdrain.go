// Package linkdrain takes a link out of use by its IS-IS metric, at both ends at once.
//
// Soft, the default, sets the highest metric that SPF still uses (RFC 5305, section 3: 2^24-2 for wide metrics): traffic
// leaves, and the link stays the last resort should everything else fail. Hard sets the metric that takes the link out
// of SPF (2^24-1); it is for links that lose what crosses them silently, and only when a rule says so in so many words.
// Adjacencies stay up either way.
package linkdrain

import (
	"encoding/json"
	"fmt"

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

// params is a rule's "with".
type params struct {
	Style string `json:"style"` // Soft when not given
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
	p := params{Style: Soft}
	if err := linkmetric.Decode(with, &p); err != nil {
		return p, err
	}
	if p.Style != Soft && p.Style != Hard {
		return p, fmt.Errorf("style %q: want %s or %s", p.Style, Soft, Hard)
	}
	return p, nil
}

// Propose plans to set the drain metric at both ends, for every level and family configured there.
func (Remediator) Propose(target events.Target, facts events.Facts, with json.RawMessage) (events.Plan, error) {
	p, err := read(with)
	if err != nil {
		return events.Plan{}, err
	}
	var drained uint64
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
	stays := "it stays usable as a last resort"
	if p.Style == Hard {
		stays = "it is out of SPF, also as a last resort"
	}
	return events.Plan{
		Remediator: Name,
		Sentence:   fmt.Sprintf("drain link %s (%s): IS-IS metric %d on %s and %s; %s", target.Name, p.Style, drained, target.Ends[0].Device, target.Ends[1].Device, stays),
		Target:     target,
		Steps:      []events.Step{step},
		Checks:     []string{events.CheckAsConfigured, events.CheckTrafficLeft, events.CheckSymptomGone, events.CheckNothingBroke},
	}, nil
}
