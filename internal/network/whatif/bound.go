package whatif

import "math"

// bound is what is known of a failure after a change without computing it. It is about the directions that may get
// above the level.
type bound struct {
	peak   peak  // the fullest that one can get; none when none can get above the level
	likely peak  // the fullest, if the change and the failure did not meet
	room   int64 // how far the loads may exceed the sum of both before any of these directions gets above the level
	doubt  bool  // one may be over both limits
}

// above reports whether anything may get above the level.
func (b *bound) above() bool { return b.peak.arc >= 0 }

// bounding is a bound in the making.
type bounding struct {
	*trial
	bound
	bar
	moved   int64 // what the failure adds to any arc at most
	drained int64 // what the change does, once the failure has happened
	more    int64 // how far the sum of both may be exceeded
	drop    int64 // and how much farther where the change takes something off
	effect  *effect
	closer  *correction
}

// bound bounds every arc by what it carries after the change and what failure i moves, and when that is too much, by the
// sum of what the two do alone; closer is what a closer look has found, if there was any.
func (t *trial) bound(i int, closer *correction) bound {
	f, e := &t.sv.failures[i], &t.sv.effects[i]
	b := bounding{trial: t, bar: t.barFor(i), moved: t.after.moved(f), effect: e, closer: closer}
	b.bound = bound{peak: peak{arc: -1}, likely: peak{arc: -1}, room: math.MaxInt64}
	if !t.additive(i) {
		b.fits(false)
		return b.bound
	}
	if b.fits(true) {
		return b.bound
	}
	b.drained = t.slack.drained(f, e)
	if b.more, b.drop = t.slack.of(f, e); closer.rows > 0 {
		b.more, b.drop = closer.more, closer.drop
	}
	b.sum()
	return b.bound
}

// additive reports whether the sum of what the change and failure i do alone bounds what they do together.
func (t *trial) additive(i int) bool { return t.worse && t.sv.effects[i].kept }

// fits bounds every arc by what it carries after the change and what the failure moves, and reports whether that stays
// below the level. It notes what does not, unless all that is asked is whether.
func (b *bounding) fits(only bool) bool {
	spread := ((toBPS(b.moved)+1)*1000+b.least-1)/b.least + 1
	for j, arc := range b.ranked.arcs {
		if b.ranked.permil[j]+spread <= b.level {
			break
		}
		if b.moved > b.space[arc] {
			if only {
				return false
			}
			b.note(arc, b.after.load[arc]+b.moved, maxTotal<<fraction)
		}
	}
	return !b.above()
}

// sum bounds every arc by the sum of what the change and the failure do alone, what a closer look adds to that, and more.
func (b *bounding) sum() {
	e, n, most := b.effect, b.after.net, b.more+b.drop
	arcs, by := b.closer.arcs, b.closer.by // ascending like the effect's
	gain := e.gain[:len(e.arcs)]
	for j, arc := range e.arcs {
		for ; len(arcs) > 0 && arcs[0] < arc; arcs, by = arcs[1:], by[1:] {
			b.take(arcs[0], n.trifle(arcs[0]), by[0])
		}
		if len(arcs) > 0 && arcs[0] == arc {
			b.take(arc, gain[j], by[0])
			arcs, by = arcs[1:], by[1:]
		} else if gain[j]+most > b.space[arc] {
			b.take(arc, gain[j], 0)
		}
	}
	for i, arc := range arcs {
		b.take(arc, n.trifle(arc), by[i])
	}
	// The failure adds no more than a trifle to the others: the fullest first, until the rest must be below.
	spread := ((toBPS(most)+1)*1000+b.least-1)/b.least + 2
	for j, arc := range b.ranked.arcs {
		if b.ranked.permil[j]+spread <= b.level {
			break
		}
		if n.trifle(arc)+most > b.space[arc] && !e.has(arc) && !b.closer.has(arc) {
			b.take(arc, n.trifle(arc), 0)
		}
	}
}

// take takes in an arc to which the failure alone adds gain at most, and which has by more than the sum of both in the rows
// that were looked at closer.
func (b *bounding) take(arc int32, gain, by int64) {
	more := b.more + min(b.drop, b.slack.drop[arc])
	if gain+by+more <= b.space[arc] {
		return
	}
	more = min(by+more, b.drained-b.delta[arc])
	added := min(gain+more, b.moved)
	if added <= b.space[arc] {
		return
	}
	load := b.after.load[arc]
	b.room = min(b.room, b.space[arc]-gain-by-min(b.drop, b.slack.drop[arc]))
	b.likely.over(b.after.net, arc, max(0, load+gain+by))
	b.note(arc, load+added, b.delta[arc]+more)
}

// note takes in an arc whose bound is above the level, and where the change adds at most more to what the failure does.
func (b *bounding) note(arc int32, load, more int64) {
	b.peak.over(b.after.net, arc, load)
	if load > b.full[arc] && toBPS(max(0, more))+1 > b.extra[arc] {
		b.doubt = true
	}
}
