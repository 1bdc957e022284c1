package policy

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/detour-net/detour/events"
)

// share bounds how much of a scope's capacity is under mitigation at once, the target included and everybody's drains counted:
// links count by what they can carry, which a count of links does not see. A single link always may; whether the rest
// bears that is computed, not budgeted.
func share(p *Policy, q Question) answer {
	var values, limits []string
	a := answer{ok: true, detail: "little enough capacity around the target is under mitigation"}
	for _, scope := range q.Plan.Target.Scopes {
		limit, ok := p.file.Budgets.CapacityPermil[scope.Kind()]
		if !ok {
			continue
		}
		n, by := counted(scope, q.claimed)
		permil, known := q.shareOf(Claim{Scopes: q.Plan.Target.Scopes, Capacity: q.Plan.Target.Capacity}, scope)
		value := "an unknown share"
		if known {
			value = fmt.Sprintf("%d per mille", permil)
		}
		values = append(values, fmt.Sprintf("%s of %s (%d)", value, scope, n+1))
		if l := fmt.Sprintf("%s %d", scope.Kind(), limit); !slices.Contains(limits, l) {
			limits = append(limits, l)
		}
		if n == 0 || known && permil <= int64(limit) || !a.ok {
			continue
		}
		a.ok = false
		a.detail = fmt.Sprintf("with the target %s of the capacity of %s would be under mitigation (%s), at most %d per mille may be", value, scope, by, limit)
		a.remedy = fmt.Sprintf("%s; or raise the policy's budgets.capacity_permil.%s", back(scope, q.claimed), scope.Kind())
		if !known {
			a.remedy = "it goes on by itself when none of them is left; how large a link is is known once the topology has it"
		}
	}
	a.value, a.limit = or(strings.Join(values, ", "), "nothing counted"), "any"
	if len(limits) > 0 {
		a.limit = "at most " + strings.Join(limits, ", ") + " per mille, or one link"
	}
	return a
}

// shareOf is the part of a scope's capacity that is claimed, the target's own claim among it, in thousandths and rounded up;
// known is false where anything of it is not.
func (q Question) shareOf(target Claim, scope events.Scope) (permil int64, known bool) {
	whole := q.Situation.Capacity[scope]
	part := uint64(0)
	for _, c := range append(slices.Clip(q.claimed), target) {
		switch {
		case !within(scope, c.Scopes):
		case c.Capacity <= 0 || whole <= 0:
			return 0, false
		default:
			part += uint64(c.Capacity)
		}
	}
	return permilOf(part, uint64(whole)), true
}

// permilOf is part in thousandths of whole, rounded up, and at most what an int64 holds. whole must not be zero.
func permilOf(part, whole uint64) int64 {
	high, low := bits.Mul64(part, 1000)
	if high >= whole {
		return math.MaxInt64
	}
	permil, rest := bits.Div64(high, low, whole)
	if rest > 0 {
		permil++
	}
	return int64(min(permil, math.MaxInt64))
}
