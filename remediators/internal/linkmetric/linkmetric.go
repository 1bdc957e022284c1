// Package linkmetric builds plans that change the IS-IS metric of a link, for the remediators that do.
//
// A metric is one-directional: raising it at one end does not divert the traffic that the other end sends (RFC 8379,
// section 1). So both ends are set in one step, one change for each router, with every level and address family that is
// configured there: a family left behind would keep its traffic on the link. What cannot be done at both ends is not
// done at all, and the error is the sentence that goes on the record. What rises may do so by steps, both ends in each, each
// end by metrics of its own.
package linkmetric

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/detour-net/detour/events"
)

// Decode reads a rule's parameters strictly into the struct that into points to; nil parameters leave it alone.
func Decode(with json.RawMessage, into any) error {
	if len(with) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(with))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("parameters: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("parameters: one mapping is wanted")
	}
	return nil
}

// Raise builds one step that sets every configured metric leaf of both ends to what to answers for it; metric is what
// SPF sees now. It refuses an end that could not be read, has no metric leaf, or is drained already, and a value that is
// below the present one.
func Raise(target events.Target, facts events.Facts, to func(end events.EndFacts, metric uint64) (uint64, error)) (events.Step, error) {
	if target.Kind != events.TargetLink || len(target.Ends) != 2 {
		return events.Step{}, fmt.Errorf("%s is not a link with two known ends", target.Key())
	}
	var step events.Step
	for _, e := range target.Ends {
		end, err := find(facts, e)
		if err != nil {
			return events.Step{}, err
		}
		change, err := raise(end, to)
		if err != nil {
			return events.Step{}, err
		}
		step.Changes = append(step.Changes, change)
	}
	return step, nil
}

func find(facts events.Facts, e events.End) (events.EndFacts, error) {
	for _, end := range facts.Ends {
		if end.End != e {
			continue
		}
		if end.Unreadable != "" {
			return end, fmt.Errorf("the pre-image of %s %s is unreadable: %s", e.Device, e.Interface, end.Unreadable)
		}
		return end, nil
	}
	return events.EndFacts{}, fmt.Errorf("%s %s was not looked at", e.Device, e.Interface)
}

func raise(end events.EndFacts, to func(events.EndFacts, uint64) (uint64, error)) (events.Change, error) {
	change := events.Change{Device: end.Device}
	for _, leaf := range end.Leaves {
		if leaf.Leaf != events.ISISMetric || leaf.Interface != end.Interface {
			continue
		}
		now, err := metric(end, leaf)
		if err != nil {
			return change, err
		}
		after, err := to(end, now)
		if err != nil {
			return change, fmt.Errorf("%s on %s: %w", leaf.LeafRef, end.Device, err)
		}
		change.Settings = append(change.Settings, events.Setting{LeafRef: leaf.LeafRef, Before: leaf.Config, After: events.UintValue(after)})
	}
	if len(change.Settings) == 0 {
		return change, fmt.Errorf("IS-IS has no metric configured on %s %s", end.Device, end.Interface)
	}
	if end.Profile.SameLevels {
		level(change.Settings)
	}
	return change, nil
}

// metric is what SPF sees of a leaf now. A leaf that is not configured has its default, which only the state tells.
func metric(end events.EndFacts, leaf events.LeafFacts) (uint64, error) {
	now, ok := leaf.State.Uint()
	if configured, set := leaf.Config.Uint(); set {
		now, ok = configured, true
	} else if !leaf.Config.Absent() {
		return 0, fmt.Errorf("%s on %s is configured as %s, which is not a number", leaf.LeafRef, end.Device, leaf.Config)
	}
	if !ok {
		return 0, fmt.Errorf("%s on %s is not configured, and the router's state does not tell its default", leaf.LeafRef, end.Device)
	}
	if soft := uint64(end.Profile.SoftMetric); soft > 0 && now >= soft {
		return 0, fmt.Errorf("%s on %s already stands at %d: somebody has drained the link", leaf.LeafRef, end.Device, now)
	}
	return now, nil
}

// level gives every setting the highest of their values, for a router that has one metric for all levels.
func level(settings []events.Setting) {
	highest := settings[0].After
	for _, s := range settings {
		if a, _ := s.After.Uint(); a > num(highest) {
			highest = s.After
		}
	}
	for i := range settings {
		settings[i].After = highest
	}
}

func num(v events.Value) uint64 {
	n, _ := v.Uint()
	return n
}
