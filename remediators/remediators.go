// Package remediators is what can be done about a fault: the Remediator interface, and All of them.
//
// A remediator looks at a target and at what was seen of it, and proposes a plan: what to set on which router, from which
// pre-image to which value, and what must be seen afterwards. It proposes and nothing else: whether, when and how many at
// once is the policy's to say, doing is the worker's, and taking back needs no help, because the pre-images are the
// plan's undo. A remediator is pure (no clock, no I/O, no state) and vendor-neutral: it speaks of leaves in the
// trade's words, and each router's profile says which values mean what on it.
//
// To add one: write a package beside linkdrain with a type that has the three methods (its Check reads the parameters
// of a rule's "with", strictly), and add one line to All.
package remediators

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/remediators/isismetric"
	"github.com/detour-net/detour/remediators/linkdrain"
)

// Remediator proposes mitigations of one kind.
type Remediator interface {
	// Name is what a rule's remediation calls it.
	Name() string
	// Check says what is wrong with the parameters of a rule (canonical JSON, nil when none are given); nil when nothing is.
	Check(with json.RawMessage) error
	// Propose makes a plan for target from what was seen of it. atOnce is why it must not take its time over steps, "" when it
	// may. An error is a sentence for the record that says why there can be no plan.
	Propose(target events.Target, facts events.Facts, atOnce string, with json.RawMessage) (events.Plan, error)
}

// All returns every remediator.
func All() []Remediator {
	return []Remediator{
		linkdrain.New(),
		isismetric.New(),
	}
}

// Find returns the remediator of list that is called name.
func Find(list []Remediator, name string) (Remediator, error) {
	names := make([]string, len(list))
	for i, r := range list {
		if r.Name() == name {
			return r, nil
		}
		names[i] = r.Name()
	}
	return nil, fmt.Errorf("remediation %q is not known; want one of %s", name, strings.Join(names, ", "))
}

// Check says what is wrong with a rule's remediation and its parameters, in the shape that a policy asks it.
func Check(remediation string, with json.RawMessage) error {
	r, err := Find(All(), remediation)
	if err != nil {
		return err
	}
	if err := r.Check(with); err != nil {
		return fmt.Errorf("%s: %w", remediation, err)
	}
	return nil
}
