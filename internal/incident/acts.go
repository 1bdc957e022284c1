package incident

import (
	"fmt"

	"github.com/detour-net/detour/events"
)

// act folds what is intended of routers and what came of it.
func (i *Incident) act(c events.Commit, body events.Body) (Phase, string) {
	switch r := body.(type) {
	case events.Intended:
		return i.intend(c, r)
	case events.Applied:
		state, why := i.outcome(r.Act)
		if why != "" {
			return i.Phase, why
		}
		state.Seen, state.Armed = events.SeenAfter, r.Armed
		if r.Undo {
			state.Seen = events.SeenBefore
		}
		state.Stood = true // there is no undo of what has not stood
		i.Sets += r.Sets
	case events.Refused:
		state, why := i.outcome(r.Act)
		if why != "" {
			return i.Phase, why
		}
		if i.Phase != Acting || i.Refusal == nil || i.anew(&r) == "" {
			i.Refusal = &r // what may be decided anew says less than what kept the other end
		}
		i.Sets += r.Sets
		if r.Undo && r.Class == events.RefusedByChanged {
			state.Seen = events.SeenOther
		}
	case events.Unknown:
		state, why := i.outcome(r.Act)
		if why != "" {
			return i.Phase, why
		}
		state.Doubt, state.Since = c.Position, c.At
		i.Sets += r.Sets
	case events.Found:
		state, why := i.state(r.Step, r.Change)
		if why != "" {
			return i.Phase, why
		}
		if state.Pending {
			return i.Phase, "its outcome is outstanding"
		}
		armed := state.Armed || state.Doubt > 0 && state.Wait.IsZero() && i.Intent.Arm > 0 && !i.Intent.Undo
		*state = ChangeState{Seen: r.Seen, Stood: state.Stood || r.Seen != events.SeenBefore, Armed: armed && r.Seen == events.SeenAfter, Raised: max(state.Raised, r.Fence, r.Doubt)}
	}
	if body.Kind() != events.KindIntended {
		i.Touched = c.At
	}
	if i.Phase == Acting && i.allAfter() {
		return Verifying, ""
	}
	return i.Phase, ""
}

func (i *Incident) intend(c events.Commit, r events.Intended) (Phase, string) {
	for _, step := range i.Steps {
		for _, s := range step {
			if s.Pending {
				return i.Phase, "an intent's outcome is outstanding"
			}
		}
	}
	if len(r.Changes) == 0 {
		return i.Phase, "it intends nothing"
	}
	for _, n := range r.Changes {
		state, why := i.state(r.Step, n)
		if why != "" {
			return i.Phase, why
		}
		if state.Doubt > 0 {
			return i.Phase, fmt.Sprintf("step %d change %d is in doubt", r.Step, n)
		}
		state.Pending = true
	}
	i.Intent = &Intent{Intended: r, Position: c.Position, At: c.At}
	if r.Undo {
		return Reverting, ""
	}
	return i.Phase, ""
}

// outcome finds the change whose outcome an act tells, and settles that it is no longer outstanding.
func (i *Incident) outcome(a events.Act) (*ChangeState, string) {
	state, why := i.state(a.Step, a.Change)
	switch {
	case why != "":
		return nil, why
	case i.Intent == nil || !state.Pending || i.Intent.Position != a.Fence || i.Intent.Undo != a.Undo || i.Intent.Step != a.Step:
		return nil, fmt.Sprintf("no intent at position %d waits for it", a.Fence)
	}
	state.Pending = false
	return state, ""
}

func (i *Incident) state(step, change int) (*ChangeState, string) {
	if step < 0 || step >= len(i.Steps) || change < 0 || change >= len(i.Steps[step]) {
		return nil, fmt.Sprintf("the plan has no change %d in step %d", change, step)
	}
	return &i.Steps[step][change], ""
}

func (i *Incident) allAfter() bool {
	for _, step := range i.Steps {
		for _, c := range step {
			if c.Seen != events.SeenAfter || c.Pending || c.Doubt > 0 {
				return false
			}
		}
	}
	return true
}

func (i *Incident) confirm(c events.Commit, r events.Confirmed) string {
	state, why := i.state(r.Step, r.Change)
	if why != "" {
		return why
	}
	if !state.Armed {
		return "nothing waits for its confirmation"
	}
	state.Armed = false
	if !r.OK {
		// It stood when it was last looked at, so its router rolls back within Arm from now if it ever will.
		state.Doubt, state.Since, state.Wait = c.Position, c.At, c.At.Add(i.Intent.Arm.Std()+i.Intent.Margin.Std())
	}
	return ""
}
