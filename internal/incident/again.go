package incident

import (
	"slices"

	"github.com/detour-net/detour/events"
)

// The past under another policy: each decision on a plan is made once more, on the ledger as it was and on the facts that stand
// in its record, and laid beside the one that was made. What follows from a decision is not made up: the next one is looked at
// on the ledger as it is again.

// Choice is what was decided of an incident at one moment.
type Choice struct {
	Verdict events.Verdict `json:"verdict,omitempty"` // "" when nothing was ruled
	Mode    events.Mode    `json:"mode,omitempty"`    // "" when there is no plan
	Rule    string         `json:"rule,omitempty"`
	Plan    events.Digest  `json:"plan,omitempty"`
	Action  string         `json:"action,omitempty"`  // the plan, in a sentence
	Outcome events.Outcome `json:"outcome,omitempty"` // when it ended the incident
	Held    []string       `json:"held_by,omitempty"` // names of the checks that say no
	Why     string         `json:"why,omitempty"`     // what the first of those says
}

// Acts reports whether routers are set without anybody's doing anything more.
func (c Choice) Acts() bool { return c.Verdict == events.Allow && c.Mode == events.Live }

// Same reports whether two choices come to the same: the same verdict on the same plan in the same mode, or the same end. By
// which rule, and which checks hold it, may differ.
func (c Choice) Same(o Choice) bool {
	planless := c.Verdict == events.Deny && o.Verdict == events.Deny
	return c.Verdict == o.Verdict && c.Outcome == o.Outcome && (planless || c.Mode == o.Mode && c.Plan == o.Plan)
}

// Redecision is a decision that was made, and the same once more. Unknown says why it cannot be made once more; then there is
// no Now.
type Redecision struct {
	Incident string
	Target   events.Target
	Was, Now Choice
	Unknown  string
}

// Redecide makes the decisions on plans that commit c holds once more by the policy, inventory and remediators of w; b is the
// Board up to c, which it leaves as it is. Decisions of one commit rest on each other, as they did. Whatever else c holds is
// taken as it is: what was made of alarms, what people ordered and approved, what was set and seen. The rest of w is not looked at.
func Redecide(b *Board, c events.Commit, w World) []Redecision {
	if !slices.ContainsFunc(c.Records, func(r events.Record) bool { return r.Body.Kind() == events.KindRuled }) {
		return nil
	}
	was := map[string][]events.Record{}
	world := World{Now: c.At, Me: c.By, Policy: w.Policy, Mode: events.Live, Inventory: w.Inventory, Remediators: w.Remediators, Facts: map[string]events.Facts{}}
	if course, ok := b.policies[replicaOf(c.By)]; ok {
		world.Mode = course.Loaded.Mode
	}
	for _, r := range c.Records {
		if p, ok := r.Body.(events.Planned); ok {
			world.Facts[r.Incident] = p.Facts
		}
		was[r.Incident] = append(was[r.Incident], r)
	}
	if c.At.Before(b.Now) {
		world.Now = b.Now
	}
	d := &draft{board: b.Fork(), world: world, position: c.Position, atMost: MaxRecords, rests: map[string]Rest{}}
	d.board.Now = world.Now
	var all []Redecision
	decided := map[string]bool{}
	for _, r := range c.Records {
		i, known := d.board.Incident(r.Incident)
		kind := r.Body.Kind()
		switch {
		case decided[r.Incident]: // it follows from the decision that was made
		case known && i.undecided() && (kind == events.KindPlanned || kind == events.KindRuled):
			decided[i.ID] = true
			if ruled := firstRuling(was[i.ID]); ruled != nil {
				d.lookAsThen(i, ruled)
				all = append(all, d.redecide(i, was[i.ID], ruled))
			}
		default:
			d.board.fold(c, r)
		}
	}
	return all
}

// lookAsThen gives a decision that was made once people had approved what they had been shown: what was seen at that moment is
// not on record, but that it was no worse.
func (d *draft) lookAsThen(i *Incident, ruled *events.Ruled) {
	if _, known := d.world.Facts[i.ID]; known || i.Phase != Asking || ruled.Verdict != events.Allow {
		return
	}
	facts := i.Plan.Facts
	since := d.world.Now.Sub(facts.At)
	facts.At = d.world.Now
	if p := facts.Prospect; p != nil {
		later := *p
		later.At = p.At.Add(since)
		if !p.MatrixAt.IsZero() {
			later.MatrixAt = p.MatrixAt.Add(since)
		}
		facts.Prospect = &later
	}
	d.world.Facts[i.ID] = facts
}

// firstRuling is the ruling of a decision that holds records of an incident.
func firstRuling(records []events.Record) *events.Ruled {
	for _, r := range records {
		if ruled, ok := r.Body.(events.Ruled); ok {
			return &ruled
		}
	}
	return nil
}

// redecide decides on one incident until it is ruled on or has ended. Approvals count as if they had been given under this
// policy where they counted then.
func (d *draft) redecide(i *Incident, was []events.Record, ruled *events.Ruled) Redecision {
	out := Redecision{Incident: i.ID, Target: i.Target, Was: i.choice(was)}
	if slices.Contains(events.Failing(ruled.Checks), CheckOnePolicy) {
		out.Unknown = "the replicas decided by different policies then"
		return out
	}
	if _, known := d.world.Inventory.(Groups); ruled.Cause != nil && !known {
		out.Unknown = "it was decided with others for one cause, and without the network nobody can tell which links share one"
		return out
	}
	if i.Ask != nil && i.Terms == ruled.Policy {
		i, _ = d.board.change(i.ID)
		i.Terms = d.world.Policy.Digest()
	}
	from := len(d.records)
	mine := func() (list []events.Record) {
		for _, r := range d.records[from:] {
			if r.Incident == out.Incident {
				list = append(list, r)
			}
		}
		return list
	}
	for range maxChain {
		before := len(d.records)
		now, _ := d.board.Incident(i.ID)
		d.next(now)
		if made := mine(); firstRuling(made) != nil || len(d.records) == before || d.fault != "" {
			break
		}
	}
	made := mine()
	switch out.Now = i.choice(made); {
	case d.fault != "":
		out.Now, out.Unknown, d.fault = Choice{}, d.fault, ""
	case len(made) == 0:
		out.Now, out.Unknown = Choice{}, "what this policy would have looked at was not recorded"
	}
	return out
}

// choice is what records of one decision come to; i is the incident before them.
func (i *Incident) choice(records []events.Record) (c Choice) {
	plan := i.Plan
	for _, r := range records {
		switch b := r.Body.(type) {
		case events.Planned:
			plan = &b
		case events.Ruled:
			if c.Verdict != "" {
				continue
			}
			c.Verdict, c.Rule, c.Held, c.Why = b.Verdict, b.Rule, events.Failing(b.Checks), ""
			if len(c.Held) > 0 {
				c.Why = firstFailed(b.Checks)
			}
			if plan != nil && b.Plan == plan.Digest {
				c.Mode, c.Plan, c.Action = plan.Mode, plan.Digest, plan.Plan.Sentence
			}
		case events.Closed:
			if c.Verdict == "" || c.Verdict == events.Deny {
				c.Outcome = b.Outcome // not what came of a drain
			}
		}
	}
	return c
}
