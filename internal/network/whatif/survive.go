package whatif

import (
	"cmp"
	"slices"
)

// Limits say what a failure may do to a changed network.
type Limits struct {
	Permil int64 // of its capacity that a link may be filled to
	Worse  int64 // permil of its capacity that a link may be filled more than by the same failure before the change
	Listed int   // violations, cut-off failures and their demands that are listed
}

// DefaultLimits accept a link that the failure fills to its capacity, or at most five points more than before the change.
func DefaultLimits() Limits { return Limits{Permil: 1000, Worse: 50, Listed: 20} }

// Survival is what one more failure would do after a change, against what it would do before.
type Survival struct {
	Failures int // evaluated
	Settled  int // by a bound alone
	Exact    int // by exact paths

	Worst      Impact      // the fullest direction in any failure; of equal ones the first failure's, and there the first of Loads
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
	}
	return out
}

// Survive says what the survey's failures would do in after, against what they do in the surveyed state. It fails when
// after is of another network.
func (sv *Survey) Survive(after *State, limits Limits) (Survival, error) {
	if after.net != sv.before.net {
		return Survival{}, errOtherNet
	}
	t := newTrial(sv, after, limits)
	for _, i := range sv.order {
		t.bound(i)
	}
	t.refine()
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
	parts  *parts
	worse  bool    // after is made of before by making arcs worse only
	alike  bool    // and cutting off can be compared by counting parts
	delta  []int64 // per arc: load after the change less load before
	slack  *slack  // when worse
	least  int64   // smallest capacity

	best  verdict
	gate  []int64 // per arc, the load above which it matters
	level int64   // permil of the gate
	seen  []int   // per arc, 1 + the failure that the look knows its change for
	look  look
	open  []open
	exact map[int]*outcome
}

// open is a failure that the bounds do not settle.
type open struct {
	index int
	bound peak // no direction gets fuller than that
	must  bool // a limit may be broken, or demands cut off
	loads bool // paths must be computed for loads; otherwise only for what is cut off
}

func newTrial(sv *Survey, after *State, limits Limits) *trial {
	n := after.net
	t := &trial{
		sv: sv, after: after, limits: limits, ranked: after.ranked(), parts: findParts(n, after.view),
		delta: make([]int64, len(after.load)), gate: make([]int64, len(after.load)), seen: make([]int, len(after.load)),
		best: verdict{index: -1, peak: peak{permil: -1, arc: -1}}, level: -2, exact: map[int]*outcome{},
	}
	for arc := range t.delta {
		t.delta[arc] = after.load[arc] - sv.before.load[arc]
	}
	worse, better := differences(n, sv.before.view, after.view)
	if t.worse = len(better) == 0; t.worse {
		t.slack = newSlack(sv.before, after, worse)
		t.alike = t.parts.comparable(sv.parts)
	}
	t.least = maxCapacity
	for _, c := range n.capacity {
		t.least = min(t.least, c)
	}
	if len(sv.order) > 0 { // a bar to measure the others by
		t.evaluate([]open{{index: sv.order[0], loads: true}})
	}
	t.raise()
	return t
}

// raise sets the gate to what still matters: fuller than the limit, or as full as the worst so far.
func (t *trial) raise() {
	level := min(t.limits.Permil, t.best.peak.permil-1)
	if level == t.level {
		return
	}
	t.level = level
	for arc := range t.gate {
		t.gate[arc] = t.after.net.room(int32(arc), level)
	}
}

// bound settles failure i, or notes it as open.
func (t *trial) bound(i int) {
	f, e := &t.sv.failures[i], &t.sv.effects[i]
	o := open{index: i, must: t.mayCut(i)}
	if _, done := t.exact[i]; !done {
		t.look = look{failure: i, moved: t.after.moved(f), peak: peak{arc: -1}}
		additive := t.worse && e.kept
		if !t.fits(additive) && additive { // what the failure moves does not fit anywhere
			t.sum(e, nil, t.slack.of(f, e))
		}
		o.loads = t.look.peak.arc >= 0
		o.bound, o.must = t.look.peak, o.must || t.look.doubt
	}
	if o.loads || o.must {
		t.open = append(t.open, o)
	}
}

// look is what the bounds leave above the gate.
type look struct {
	failure int
	moved   int64
	peak    peak // the fullest, at most
	doubt   bool // a direction may be over both limits
}

// sum bounds every arc by the sum of what the change and the failure do alone, what a closer look adds to that, and more.
// It stops at a doubt.
func (t *trial) sum(e *effect, closer *correction, more int64) {
	n := t.after.net
	for j, arc := range e.arcs {
		t.seen[arc] = t.look.failure + 1
		if t.above(arc, e.gain[j], closer.of(arc)+more) {
			return
		}
	}
	if closer != nil {
		for _, arc := range closer.arcs {
			if t.seen[arc] != t.look.failure+1 {
				t.seen[arc] = t.look.failure + 1
				if t.above(arc, n.trifle(arc), closer.of(arc)+more) {
					return
				}
			}
		}
	}
	// The failure adds no more than a trifle to the others: the fullest first, until the rest must be below.
	spread := ((toBPS(more)+1)*1000+t.least-1)/t.least + 2
	for j, arc := range t.ranked.arcs {
		if t.ranked.permil[j]+spread <= t.level {
			break
		}
		if t.seen[arc] != t.look.failure+1 && t.above(arc, n.trifle(arc), more) {
			return
		}
	}
}

// above takes in an arc to which the failure alone adds gain at most, and after the change more than that. It reports
// whether that leaves a doubt.
func (t *trial) above(arc int32, gain, more int64) bool {
	load := t.after.load[arc] + min(gain+more, t.look.moved)
	if load > t.gate[arc] {
		t.note(arc, load, t.delta[arc]+more)
	}
	return t.look.doubt
}

// fits bounds every arc by what it carries after the change and what the failure moves, and reports whether that stays
// below the gate. It notes what does not, unless all that is asked is whether.
func (t *trial) fits(only bool) bool {
	spread := ((toBPS(t.look.moved)+1)*1000+t.least-1)/t.least + 1
	for j, arc := range t.ranked.arcs {
		if t.ranked.permil[j]+spread <= t.level {
			break
		}
		if load := t.after.load[arc] + t.look.moved; load > t.gate[arc] {
			if only {
				return false
			}
			t.note(arc, load, maxTotal<<fraction)
		}
	}
	return t.look.peak.arc < 0
}

// note takes in an arc whose bound is above the gate, and where the change adds at most more to what the failure does.
func (t *trial) note(arc int32, load, more int64) {
	n := t.after.net
	t.look.peak.over(n, arc, load)
	if n.permil(arc, load) > t.limits.Permil && toBPS(max(0, more))+1 > n.share(arc, t.limits.Worse) {
		t.look.doubt = true
	}
}

// breaks reports whether load on arc is over both limits, when the same failure brought so much onto it before.
func (t *trial) breaks(arc int32, load, before int64) bool {
	n := t.after.net
	return n.permil(arc, load) > t.limits.Permil && toBPS(load)-toBPS(before) > n.share(arc, t.limits.Worse)
}

// keep records what a failure does.
func (t *trial) keep(i int, out *outcome) {
	t.exact[i] = out
	if out.worst.beats(t.best) {
		t.best = out.worst
		t.raise()
	}
}

// mayCut reports whether failure i may cut off demands that it did not cut off before.
func (t *trial) mayCut(i int) bool {
	f := &t.sv.failures[i]
	return t.parts.mayCut(f) && !(t.alike && t.parts.cutsAlike(t.sv.parts, f))
}

// resolve computes what the bounds left open: what may break a limit, then what may be the worst, until nothing can be.
func (t *trial) resolve() {
	slices.SortFunc(t.open, func(a, b open) int {
		if a.must != b.must {
			return int(truth(b.must) - truth(a.must))
		}
		return cmp.Or(cmp.Compare(b.bound.permil, a.bound.permil), cmp.Compare(a.index, b.index))
	})
	var next []open
	for _, o := range t.open {
		if o.must || (verdict{index: o.index, peak: o.bound}).beats(t.best) {
			next = append(next, o)
		}
		if len(next) == sweepBatch || len(next) == openBatch && !o.must {
			t.evaluate(next)
			next = next[:0]
		}
	}
	t.evaluate(next)
}

// openBatch is how many failures are computed before looking again whether the others still can be the worst.
const openBatch = 16
