package incident

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
)

// Replicas decide alike because they decide by the same policy. While those that may be running do not, which one an incident
// falls to would decide what is done, so nothing that adds risk is begun; what stands is looked after, and taken back, by
// whoever has it. A replica that takes a new policy earlier than another makes such a time, which is short when all read
// the same file.

// Course is what a replica last said of its policy.
type Course struct {
	Loaded  events.PolicyLoaded   `json:"loaded"`
	Since   time.Time             `json:"since"`             // ledger time of Loaded
	Refused *events.PolicyRefused `json:"refused,omitempty"` // what its file has held since then, and cannot be used; nil: the file is in order
}

// Policies returns what each replica last said of its policy, by the replica's name.
func (b *Board) Policies() map[string]Course { return maps.Clone(b.policies) }

// refused notes that a replica does not take what its file holds.
func (b *Board) refused(replica string, r events.PolicyRefused) {
	course := b.policies[replica]
	course.Refused = &r
	b.policies[replica] = course
}

// replicaOf is the name of the replica that a process is of.
func replicaOf(process string) string {
	name, _, _ := strings.Cut(process, "/")
	return name
}

// terms is the policy that asks people.
func (i *Incident) terms() events.Digest {
	if i.Ruling == nil {
		return ""
	}
	return i.Ruling.Policy
}

// CheckOnePolicy is the check of whether the replicas decide by one policy.
const CheckOnePolicy = "one-policy"

// ofOnePolicy puts the check on a ruling: what would be allowed waits while the replicas differ.
func (d *draft) ofOnePolicy(ruled *events.Ruled) {
	mine := events.PolicyLoaded{Digest: d.world.Policy.Digest(), Mode: d.world.Mode}
	others := d.dissent(mine)
	if len(others) == 0 {
		return
	}
	ruled.Checks = slices.Insert(ruled.Checks, 0, events.Check{
		Name: CheckOnePolicy, Value: strings.Join(others, ", "), Limit: said(mine),
		Detail: fmt.Sprintf("the replicas decide by different policies: this one by %s, %s", said(mine), strings.Join(others, ", ")),
		Remedy: "give every replica the same policy file and mode; one that is not heard for some seconds does not count",
	})
	if ruled.Verdict == events.Allow || ruled.Verdict == events.Ask {
		ruled.Verdict = events.Defer
	}
}

// dissent names the replicas that may be running and have said that they decide otherwise than mine, in order.
func (d *draft) dissent(mine events.PolicyLoaded) (others []string) {
	asked := map[string]bool{replicaOf(d.world.Me): true}
	for _, process := range slices.Sorted(slices.Values(d.world.MayRun)) {
		name := replicaOf(process)
		if asked[name] {
			continue
		}
		asked[name] = true
		its := d.board.policies[name].Loaded
		if its.Digest != "" && (its.Digest != mine.Digest || its.Mode != mine.Mode) {
			others = append(others, fmt.Sprintf("%s by %s", name, said(its)))
		}
	}
	return others
}

func said(p events.PolicyLoaded) string { return fmt.Sprintf("%s (%s)", p.Digest.Short(), p.Mode) }
