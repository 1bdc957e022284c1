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
	seen  []int   // per arc, 1 + the failure whose effect was looked at
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
	o := open{index: i, must: t.mayCut(i), loads: true}
	var found look
	switch _, done := t.exact[i]; {
	case done:
		o.loads = false
	case t.scan(i, nil, t.after.moved(f), &found): // what the failure moves fits anywhere
		o.loads = false
	case t.worse && e.kept:
		more := t.slack.of(f, e)
		switch fits := t.scan(i, e, more, &found); {
		case fits:
			o.loads = false
		case more == 0:
			t.take(i, found)
			o.loads = false
		}
	}
	if o.loads {
		o.bound = found.peak
		o.must = o.must || found.doubt
	}
	if o.loads || o.must {
		t.open = append(t.open, o)
	}
}

// look is what a scan found above the gate.
type look struct {
	peak  peak // the fullest, at most
	doubt bool // a direction may be over both limits
	over  peak // the fullest of those
}

// scan reports whether every arc stays below the gate with failure i's effect e, when it is given, and more on top. If not,
// it says in found what is above.
func (t *trial) scan(i int, e *effect, more int64, found *look) bool {
	*found = look{peak: peak{arc: -1}, over: peak{arc: -1}}
	if e != nil {
		for j, arc := range e.arcs {
			t.seen[arc] = i + 1
			if load := t.after.load[arc] + e.gain[j] + more; load > t.gate[arc] {
				t.note(arc, load, more, true, found)
			}
		}
	}
	// The others, the fullest first, until the rest must be below.
	spread := int64(0)
	if more > 0 {
		spread = ((toBPS(more)+1)*1000+t.least-1)/t.least + 1
	}
	for j, arc := range t.ranked.arcs {
		if t.ranked.permil[j]+spread <= t.level {
			break
		}
		if e != nil && t.seen[arc] == i+1 {
			continue
		}
		if load := t.after.load[arc] + more; load > t.gate[arc] {
			t.note(arc, load, more, e != nil, found)
		}
	}
	return found.peak.arc < 0
}

// note takes in an arc above the gate. known says that load is, but for more, what the failure and the change do alone:
// then the change adds its delta to what the failure does.
func (t *trial) note(arc int32, load, more int64, known bool, found *look) {
	found.peak.over(t.after.net, arc, load)
	switch {
	case t.after.net.permil(arc, load) <= t.limits.Permil:
	case known && more == 0 && !t.breaks(arc, load, load-t.delta[arc]):
	case known && more > 0 && t.tolerable(arc, t.delta[arc]+more):
	default:
		found.doubt = true
		found.over.over(t.after.net, arc, load)
	}
}

// breaks reports whether load on arc is over both limits, when the same failure brought so much onto it before.
func (t *trial) breaks(arc int32, load, before int64) bool {
	n := t.after.net
	return n.permil(arc, load) > t.limits.Permil && toBPS(load)-toBPS(before) > n.share(arc, t.limits.Worse)
}

// tolerable reports whether so much more is within the limit whatever was there.
func (t *trial) tolerable(arc int32, more int64) bool {
	return toBPS(max(0, more))+1 <= t.after.net.share(arc, t.limits.Worse)
}

// take records a failure whose loads are known without computing paths.
func (t *trial) take(i int, found look) {
	out := &outcome{settled: true, worst: verdict{index: i, peak: found.peak}}
	if found.doubt {
		out.breaks, out.over = true, found.over
		out.before = found.over.load - t.delta[found.over.arc]
	}
	t.keep(i, out)
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
	const batch = 16 // fixed, so that what is computed does not depend on the number of processors
	var next []open
	for _, o := range t.open {
		if o.must || (verdict{index: o.index, peak: o.bound}).beats(t.best) {
			next = append(next, o)
		}
		if len(next) == batch {
			t.evaluate(next)
			next = next[:0]
		}
	}
	t.evaluate(next)
}
