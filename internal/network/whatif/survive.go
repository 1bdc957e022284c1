package whatif

import (
	"cmp"
	"math"
	"slices"
)

// Limits say what a failure may do to a changed network.
type Limits struct {
	Permil int64 // of its capacity that a link may be filled to
	Worse  int64 // permil of its capacity that a link may be filled more than by the same failure before the change
	Listed int   // violations, cut-off failures and their demands that are listed
	Bound  bool  // Worst need not be found: computed is only what may break a limit, and AtMost bounds the rest
}

// DefaultLimits accept a link that the failure fills to its capacity, or at most five points more than before the change.
func DefaultLimits() Limits { return Limits{Permil: 1000, Worse: 50, Listed: 20} }

// Survival is what one more failure would do after a change, against what it would do before.
type Survival struct {
	Failures int // evaluated
	Settled  int // by a bound alone
	Exact    int // by exact paths

	// Worst is the fullest direction in any failure; of equal ones the first failure's, and there the first of Loads. With
	// Limits.Bound it is that of the failures that were computed, and zero when none was.
	Worst Impact

	AtMost     int64       // permil: no failure fills any direction more; Worst's own unless Limits.Bound
	Violations int         // failures that fill a direction over both limits
	Violating  []Violation // some of them, the fullest first
	Cut        int         // failures that cut off demands which the same failure did not cut off before
	CutBPS     int64       // those demands of all these failures added up, in bits per second
	Cutting    []CutOff    // some of them, those with most traffic first
}

// Impact is a failure and the direction that it fills most.
type Impact struct {
	Failure string
	Load    Load
}

// Violation is a failure that fills a direction too much; Before is how full the same failure made it before.
type Violation struct {
	Impact
	Before int64 // permil
}

// CutOff is a failure and what it newly cuts off. What failed nodes themselves send and receive is not counted.
type CutOff struct {
	Failure string
	Undelivered
}

// OK reports whether no failure does new harm.
func (s Survival) OK() bool { return s.Violations == 0 && s.Cut == 0 }

// Survive says what the scenarios would do in after, a state of the same network, against before. It keeps nothing; who
// asks often makes a Survey.
func Survive(before, after *State, scenarios []Scenario, limits Limits) (Survival, error) {
	sv, err := NewSurvey(before, scenarios, 0)
	if err != nil {
		return Survival{}, err
	}
	return sv.Survive(after, limits)
}

// Present says what the failures do to the state that the survey is of: nothing is new then, and Worst is what counts.
func (sv *Survey) Present(limits Limits) Survival {
	out := Survival{Failures: len(sv.failures), Exact: len(sv.failures)}
	if len(sv.order) > 0 {
		i := sv.order[0]
		out.Worst = sv.impact(verdict{index: i, peak: sv.effects[i].peak})
		out.AtMost = out.Worst.Load.Permil
	}
	return out
}

// Survive says what the survey's failures would do in after, against what they do in the surveyed state. It fails when
// after is of another network.
func (sv *Survey) Survive(after *State, limits Limits) (Survival, error) {
	return sv.SurviveLayers([]*State{after}, limits)
}

// SurviveLayers is Survive for a survey of several layers: after has them in the same order.
func (sv *Survey) SurviveLayers(layers []*State, limits Limits) (Survival, error) {
	after, err := together(layers)
	if err != nil {
		return Survival{}, err
	}
	if !after.ofOne(sv.before) {
		return Survival{}, errOtherNet
	}
	t := newTrial(sv, after, limits)
	t.look(sv.order)
	if !limits.Bound {
		t.aim()
	}
	t.narrowAll()
	for _, whole := range []bool{false, false, true} {
		t.refine(whole)
	}
	t.resolve()
	return t.survival(), nil
}

// verdict is the fullest direction that failure index causes.
type verdict struct {
	index int
	peak  peak
}

// beats reports whether v is the worse one, or the first of equal ones.
func (v verdict) beats(w verdict) bool {
	return v.peak.permil > w.peak.permil || v.peak.permil == w.peak.permil && v.index < w.index
}

// trial is one question to a survey under way.
type trial struct {
	sv     *Survey
	after  *State
	limits Limits
	ranked ranking
	parts  []*parts // of each layer
	worse  bool     // after is made of before by making arcs worse only
	by     worsened // these, when worse
	alike  []bool   // per layer: and cutting off can be compared by counting parts
	delta  []int64  // per arc: load after the change less load before
	slack  *slack   // when worse
	rising rising
	least  int64   // smallest capacity
	full   []int64 // per arc: the greatest load that is not over Limits.Permil, in units
	extra  []int64 // per arc: Limits.Worse in bits per second

	best  verdict // exact, be it of one direction only (see hint)
	bar           // for the failures after best
	tying bar     // for those before it, each of which is the worst if it does the same
	open  []open
	exact map[int]*outcome
}

// bar is what a failure is measured by.
type bar struct {
	level int64   // permil above which a direction matters
	space []int64 // per arc: how much more than after the change it carries before it matters, in units
}

// set gives the bar another level.
func (b *bar) set(st *State, level int64) {
	if b.space != nil && level == b.level {
		return
	}
	b.level, b.space = level, make([]int64, len(st.load))
	for arc := range b.space {
		b.space[arc] = st.net.room(int32(arc), level) - st.load[arc]
	}
}

// open is a failure that the bounds do not settle.
type open struct {
	index int
	bound bound
	meets []meet     // where it meets the change, most first, once narrowed
	known correction // by a closer look
	cuts  bool       // demands may be cut off
}

// must reports whether the failure must be computed, because it may do new harm.
func (o *open) must() bool { return o.cuts || o.bound.doubt }

func newTrial(sv *Survey, after *State, limits Limits) *trial {
	n := after.net
	t := &trial{
		sv: sv, after: after, limits: limits, ranked: after.ranked(),
		delta: make([]int64, len(after.load)),
		full:  make([]int64, len(after.load)), extra: make([]int64, len(after.load)),
		best: verdict{index: -1, peak: peak{permil: -1, arc: -1}}, least: maxCapacity, exact: map[int]*outcome{},
	}
	for arc := range t.delta {
		t.delta[arc] = after.load[arc] - sv.before.load[arc]
		t.full[arc], t.extra[arc] = n.room(int32(arc), limits.Permil), n.share(int32(arc), limits.Worse)
		t.least = min(t.least, n.capacity[arc])
	}
	t.rise()
	by, ok := worsens(sv.before, after)
	if t.worse = ok; ok {
		t.by, t.slack = by, newSlack(sv.before, after, by)
	}
	for i, layer := range after.all() {
		p := sv.parts[i].under(layer.view)
		t.parts, t.alike = append(t.parts, p), append(t.alike, ok && p.comparable(sv.parts[i]))
	}
	if len(sv.order) > 0 && !limits.Bound { // a bar to measure the others by
		if i := sv.order[0]; !t.hint(i, sv.effects[i].peak.arc) {
			t.evaluate([]open{{index: i, bound: bound{peak: peak{permil: math.MaxInt64}}}})
		}
	}
	t.raise()
	return t
}

// raise sets the bars to what still matters: fuller than the limit, or as full as the worst so far, or, when that need not
// be found, as the worst before the change. As full as the worst so far is not enough for a failure after that one. A bar
// only ever rises for a failure: the worst gets worse, or an earlier one, for which fewer are before it.
func (t *trial) raise() {
	most := t.best.peak.permil
	if t.limits.Bound && len(t.sv.order) > 0 {
		most = t.sv.effects[t.sv.order[0]].peak.permil - 1
	}
	t.bar.set(t.after, min(t.limits.Permil, most))
	if t.tying = t.bar; !t.limits.Bound {
		t.tying.set(t.after, min(t.limits.Permil, most-1))
	}
	t.rising.order(&t.tying, t.sv.most)
}

// barFor is what failure i is measured by.
func (t *trial) barFor(i int) bar {
	if i < t.best.index || t.hinted(i) {
		return t.tying
	}
	return t.bar
}

// hinted reports whether failure i is the worst so far, and not known but for one direction.
func (t *trial) hinted(i int) bool { return i == t.best.index && t.exact[i] == nil }

// look bounds failures, and opens those that the bounds do not settle.
func (t *trial) look(list []int) {
	found := make([]open, len(list))
	t.after.net.parallel(len(list), func(_ *scratch, j int) {
		found[j].bound.peak.arc = -1
		if i := list[j]; t.exact[i] == nil {
			found[j] = open{index: i, bound: t.bound(i), cuts: t.mayCut(i)}
		}
	}, nil)
	for _, o := range found {
		if o.bound.above() || o.cuts {
			t.open = append(t.open, o)
		}
	}
}

// aim computes the failures that look worst, one after the other, so that the others have more to be measured by.
func (t *trial) aim() {
	best, tried := t.best, map[int]bool{}
	for range aimed {
		worst := -1
		for i, o := range t.open {
			p := verdict{o.index, o.bound.likely}
			if !tried[o.index] && t.exact[o.index] == nil && p.peak.arc >= 0 && p.beats(t.best) &&
				(worst < 0 || p.beats(verdict{t.open[worst].index, t.open[worst].bound.likely})) {
				worst = i
			}
		}
		if worst < 0 {
			break
		}
		o := t.open[worst]
		tried[o.index] = true
		if !t.hint(o.index, o.bound.likely.arc) {
			t.evaluate([]open{o})
		}
	}
	if t.best == best {
		return
	}
	again := make([]int, len(t.open))
	for i, o := range t.open {
		again[i] = o.index
	}
	t.open = t.open[:0]
	t.look(again)
}

// aimed is how many failures are computed at most before the others are looked at closer.
const aimed = 4

// breaks reports whether load on arc is over both limits, when the same failure brought so much onto it before.
func (t *trial) breaks(arc int32, load, before int64) bool {
	return load > t.full[arc] && toBPS(load)-toBPS(before) > t.extra[arc]
}

// keep records what a failure does.
func (t *trial) keep(i int, out *outcome) {
	t.exact[i] = out
	if out.worst.beats(t.best) || out.worst.index == t.best.index {
		t.best = out.worst
		t.raise()
	}
}

// mayCut reports whether failure i may cut off demands that it did not cut off before.
func (t *trial) mayCut(i int) bool {
	f := &t.sv.failures[i]
	for layer, p := range t.parts {
		if was := t.sv.parts[layer]; p != was && p.mayCut(f) && !(t.alike[layer] && p.cutsAlike(was, f)) {
			return true
		}
	}
	return false
}

// mayBeWorst reports whether a failure may be the worst, when that is asked.
func (t *trial) mayBeWorst(o *open) bool {
	return !t.limits.Bound && ((verdict{index: o.index, peak: o.bound.peak}).beats(t.best) || t.hinted(o.index))
}

// resolve computes what the bounds left open: what may break a limit, then what may be the worst, until nothing can be.
func (t *trial) resolve() {
	slices.SortFunc(t.open, func(a, b open) int {
		if a.must() != b.must() {
			return int(truth(b.must()) - truth(a.must()))
		}
		return cmp.Or(cmp.Compare(b.bound.peak.permil, a.bound.peak.permil), cmp.Compare(a.index, b.index))
	})
	var next []open
	for _, o := range t.open {
		if t.exact[o.index] == nil && (o.must() || t.mayBeWorst(&o)) {
			next = append(next, o)
		}
		if len(next) == sweepBatch || len(next) == openBatch && !o.must() {
			t.evaluate(next)
			next = next[:0]
		}
	}
	t.evaluate(next)
}

// openBatch is how many failures are computed before looking again whether the others still can be the worst.
const openBatch = 4
