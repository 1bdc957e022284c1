package incident

import (
	"slices"

	"github.com/detour-net/detour/events"
)

// An approval is of exactly one plan, for the checks that wanted a person when people were asked. A check that turns to ask
// only afterwards was not before their eyes: it asks again, under a digest of its own, so that a late yes to the first
// question is none to the second.

// appeal is what people are asked about a plan, if they are.
type appeal struct {
	checks  []string // that say no
	byClick bool     // an answer from a chat is enough
}

// ask asks people about the plan with a digest. What they have approved already stays approved with their answer.
func (d *draft) ask(id string, plan events.Digest, about appeal, approved bool) {
	checks := about.checks
	i, _ := d.board.Incident(id)
	a := d.world.Policy.Approvals()
	r := events.Asked{Plan: plan, Checks: checks, Quorum: a.Quorum, Roles: a.Roles, Expires: d.world.Now.Add(a.Expiry.Std()), ByClick: about.byClick}
	if was := i.Ask; was != nil { // about the same plan: another one voids it
		if r.Plan = was.Plan; approved {
			r.Checks = slices.Concat(was.Checks, checks)
		}
	}
	slices.Sort(r.Checks)
	r.Checks = slices.Compact(r.Checks)
	if was := i.Ask; was != nil && slices.ContainsFunc(r.Checks, func(c string) bool { return !slices.Contains(was.Checks, c) }) {
		r.Plan = events.DigestOf(struct {
			Plan   events.Digest `json:"plan"`
			Checks []string      `json:"checks"`
		}{plan, r.Checks})
	}
	d.append(id, r)
}

// approved reports whether the plan has been approved and may still be begun: what then waits until the request would have
// lapsed is asked about anew.
func (d *draft) approved(i *Incident) bool {
	return i.Quorum() && d.sameTerms(i) && (i.Phase == Asking || d.world.Now.Before(i.Ask.Expires))
}

// sameTerms reports whether people were asked under the policy that is in force: who must approve, how many of them, and
// what besides was found in order are that policy's.
func (d *draft) sameTerms(i *Incident) bool { return i.Terms == d.world.Policy.Digest() }
