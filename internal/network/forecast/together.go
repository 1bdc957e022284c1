package forecast

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"

	"github.com/detour-net/detour/internal/network/whatif"
)

// A network of one layer is whatif's to survey. Of several, each says what a failure cuts off in it, and how full the failure
// makes the links is found here, where their loads add up: a bound settles most failures, since a path of either layer crosses
// a link once and so no link gains more than what the failure moves, and paths the rest.

// survive says what one failure more would do in after, against the same failure in h's network as it is.
func (h *held) survive(after layers, limits whatif.Limits) (s whatif.Survival, err error) {
	if err := h.survey(); err != nil {
		return s, err
	}
	if len(after) == 1 {
		return h.surveys[0].Survive(after[0], limits)
	}
	t := trial{held: h, after: after, limits: limits, best: -1}
	if err := t.fill(); err != nil {
		return s, err
	}
	err = t.cut()
	return t.out, err
}

// present says what one failure more would do in the network as it is.
func (h *held) present(limits whatif.Limits) (whatif.Survival, error) {
	if err := h.survey(); err != nil {
		return whatif.Survival{}, err
	}
	if len(h.base) == 1 {
		return h.surveys[0].Present(limits), nil
	}
	t := trial{held: h, after: h.base, limits: limits, best: -1}
	t.limits.Permil = math.MaxInt32 // nothing is new in it
	err := t.fill()
	return t.out, err
}

// survey makes a survey of each layer, once.
func (h *held) survey() error {
	if h.surveys != nil {
		return nil
	}
	surveys, scenarios := make([]*whatif.Survey, len(h.base)), h.scenarios
	if len(h.base) > 1 {
		scenarios = numbered(scenarios)
	}
	for i, st := range h.base {
		var err error
		if surveys[i], err = whatif.NewSurvey(st, scenarios, surveyMemory/int64(len(h.base))); err != nil {
			return fmt.Errorf("survey failures: %w", err)
		}
	}
	h.surveys = surveys
	return nil
}

// numbered are scenarios named by their index: a link and a router may have one name.
func numbered(scenarios []whatif.Scenario) []whatif.Scenario {
	list := slices.Clone(scenarios)
	for i := range list {
		list[i].Name = strconv.Itoa(i)
	}
	return list
}

// trial is one question about a network of several layers.
type trial struct {
	*held
	after  layers
	limits whatif.Limits
	best   int // index of the failure that fills a link most, -1 while there is none
	out    whatif.Survival
}

// suspect is a failure with how full it makes any link at most, in permil.
type suspect struct {
	index int
	most  int64
}

// fill finds the failure that fills a link most, and those that fill one over both limits.
func (t *trial) fill() error {
	t.out.Failures = len(t.scenarios)
	suspects := t.bound()
	for n, s := range suspects {
		worst := t.best < 0 || s.most > t.out.Worst.Load.Permil || s.most == t.out.Worst.Load.Permil && s.index < t.best
		if s.most <= t.limits.Permil && (t.limits.Bound || !worst) {
			t.out.Settled = len(suspects) - n
			t.out.AtMost = s.most
			break
		}
		if err := t.compute(s.index); err != nil {
			return err
		}
	}
	t.out.Exact = t.out.Failures - t.out.Settled
	if !t.limits.Bound || t.out.AtMost < t.out.Worst.Load.Permil {
		t.out.AtMost = t.out.Worst.Load.Permil
	}
	slices.SortStableFunc(t.out.Violating, func(a, b whatif.Violation) int { return cmp.Compare(b.Load.Permil, a.Load.Permil) })
	t.out.Violating = t.out.Violating[:min(len(t.out.Violating), t.limits.Listed)]
	return nil
}

// bound bounds every failure, those first that may be the worst.
func (t *trial) bound() []suspect {
	loads := t.after.loads()
	at, into := map[string]int{}, map[string]int64{}
	for i, l := range loads {
		if i%2 == 0 {
			at[l.Link] = i
		}
		into[l.To] += l.BPS
	}
	suspects := make([]suspect, len(t.scenarios))
	for n, s := range t.scenarios {
		moved := int64(0)
		for _, link := range s.Links {
			moved += loads[at[link]].BPS + loads[at[link]+1].BPS
		}
		for _, node := range s.Nodes {
			moved += into[node]
		}
		suspects[n] = suspect{index: n, most: -1}
		for _, l := range loads {
			if moved = min(moved, beyond); !slices.Contains(s.Links, l.Link) {
				suspects[n].most = max(suspects[n].most, plus(l, moved).Permil)
			}
		}
	}
	slices.SortFunc(suspects, func(a, b suspect) int { return cmp.Or(cmp.Compare(b.most, a.most), cmp.Compare(a.index, b.index)) })
	return suspects
}

// compute computes one failure.
func (t *trial) compute(index int) error {
	s := t.scenarios[index]
	after, err := t.after.fail(s)
	if err != nil {
		return fmt.Errorf("fail %s: %w", s.Name, err)
	}
	loads := after.loads()
	if worst := fullest(loads); t.best < 0 || worst.Permil > t.out.Worst.Load.Permil || worst.Permil == t.out.Worst.Load.Permil && index < t.best {
		t.best, t.out.Worst = index, whatif.Impact{Failure: s.Name, Load: worst}
	}
	if fullest(loads).Permil <= t.limits.Permil {
		return nil
	}
	before, err := t.base.fail(s)
	if err != nil {
		return fmt.Errorf("fail %s: %w", s.Name, err)
	}
	var over *whatif.Violation
	for i, was := range before.loads() {
		l := loads[i]
		if l.Permil > t.limits.Permil && worse(l, was, t.limits.Worse) && (over == nil || l.Permil > over.Load.Permil) {
			over = &whatif.Violation{Impact: whatif.Impact{Failure: s.Name, Load: l}, Before: was.Permil}
		}
	}
	if over != nil {
		t.out.Violations++
		t.out.Violating = append(t.out.Violating, *over)
	}
	return nil
}

// worse reports whether a direction carries more than it did by more than so many permil of its capacity.
func worse(is, was whatif.Load, permil int64) bool {
	hi, lo := bits.Mul64(uint64(is.Capacity), uint64(max(0, permil)))
	if hi >= 1000 {
		return false
	}
	allowed, _ := bits.Div64(hi, lo, 1000)
	return is.BPS > was.BPS && uint64(is.BPS-was.BPS) > allowed
}

// cut adds up what the failures cut off in each layer. Loads do not matter for that, so nothing is over a limit there.
func (t *trial) cut() error {
	all := whatif.Limits{Permil: math.MaxInt32, Listed: len(t.scenarios), Bound: true}
	cut := make([]whatif.CutOff, len(t.scenarios))
	for i, survey := range t.surveys {
		s, err := survey.Survive(t.after[i], all)
		if err != nil {
			return err
		}
		for _, c := range s.Cutting {
			index, err := strconv.Atoi(c.Failure)
			if err != nil {
				return fmt.Errorf("failure %q: %w", c.Failure, err)
			}
			of := &cut[index]
			of.Failure = t.scenarios[index].Name
			of.Count, of.BPS, of.Named = of.Count+c.Count, of.BPS+c.BPS, append(of.Named, c.Named...)
		}
	}
	cut = slices.DeleteFunc(cut, func(c whatif.CutOff) bool { return c.Count == 0 })
	slices.SortStableFunc(cut, func(a, b whatif.CutOff) int { return cmp.Compare(b.BPS, a.BPS) })
	t.out.Cut = len(cut)
	for i := range cut {
		t.out.CutBPS += cut[i].BPS
		cut[i].Named = cut[i].Named[:min(len(cut[i].Named), t.limits.Listed)]
	}
	t.out.Cutting = cut[:min(len(cut), t.limits.Listed)]
	return nil
}
