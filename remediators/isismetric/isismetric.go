// Package isismetric raises the IS-IS metric of a link at both ends, by a number or to a value.
//
// It moves some traffic and leaves the link in normal use: for a link that should be preferred less, not emptied. It never
// lowers a metric, and never goes beyond the highest that SPF still uses (RFC 5305, section 3).
package isismetric

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/remediators/internal/linkmetric"
)

// Name is what a rule calls this remediation.
const Name = "isis-metric"

// params is a rule's "with": exactly one of the two.
type params struct {
	RaiseBy uint32 `json:"raise_by"`
	RaiseTo uint32 `json:"raise_to"`
}

// Remediator raises metrics.
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
	var p params
	if err := linkmetric.Decode(with, &p); err != nil {
		return p, err
	}
	const highest = 1<<24 - 2
	switch {
	case (p.RaiseBy == 0) == (p.RaiseTo == 0):
		return p, errors.New("give exactly one of raise_by and raise_to, above 0")
	case p.RaiseBy > highest || p.RaiseTo > highest:
		return p, fmt.Errorf("%d is above %d, the highest metric that SPF uses", max(p.RaiseBy, p.RaiseTo), highest)
	}
	return p, nil
}

// Propose plans the raise at both ends, for every level and family configured there.
func (Remediator) Propose(target events.Target, facts events.Facts, _ string, with json.RawMessage) (events.Plan, error) {
	p, err := read(with)
	if err != nil {
		return events.Plan{}, err
	}
	step, err := linkmetric.Raise(target, facts, func(end events.EndFacts, metric uint64) (uint64, error) {
		highest := uint64(end.Profile.SoftMetric)
		if highest == 0 {
			return 0, fmt.Errorf("platform profile %q does not say its highest metric", end.Profile.Name)
		}
		value := uint64(p.RaiseTo)
		if p.RaiseBy > 0 {
			value = metric + uint64(p.RaiseBy)
		}
		value = min(value, highest)
		if value <= metric {
			return 0, fmt.Errorf("it already stands at %d, and a raise to %d would lower it or change nothing", metric, value)
		}
		return value, nil
	})
	if err != nil {
		return events.Plan{}, err
	}
	how := fmt.Sprintf("by %d", p.RaiseBy)
	if p.RaiseTo > 0 {
		how = fmt.Sprintf("to %d", p.RaiseTo)
	}
	return events.Plan{
		Remediator: Name,
		Sentence:   fmt.Sprintf("raise the IS-IS metric of link %s %s on %s and %s", target.Name, how, target.Ends[0].Device, target.Ends[1].Device),
		Target:     target,
		Steps:      []events.Step{step},
		Checks:     []string{events.CheckAsConfigured, events.CheckNothingBroke},
	}, nil
}
