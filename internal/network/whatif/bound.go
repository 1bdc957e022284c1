package whatif

import (
	"cmp"
	"slices"
)

// bound is what is known of a failure after a change without computing it. It is about the directions that may get
// above the level.
type bound struct {
	peak   peak // the fullest that one can get; none when none can get above the level
	likely peak // the fullest, if the change and the failure did not meet
	doubt  bool // one may be over both limits

	suspects []suspect // the directions, ascending, when the failure is additive
}

// suspect is a direction that may get above the level.
type suspect struct {
	arc  int32
	gain int64 // what the failure alone adds to it at most
	by   int64 // how far the load exceeds the sum of both in the rows that were computed
	more int64 // and may in the others, but for what comes onto the worse arcs
	drop int64 // and may because traffic leaves it twice
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
	onto    int64 // how far the sum of both may be exceeded by what the failure brings onto the worse arcs
}

// begin prepares to bound what failure i does.
func (t *trial) begin(i int) bounding {
	b := bounding{trial: t, bar: t.barFor(i), moved: t.after.moved(&t.sv.failures[i])}
	b.bound = bound{peak: peak{arc: -1}, likely: peak{arc: -1}}
	return b
}

// bound bounds every arc by what it carries after the change and what failure i moves, and when that is too much, by the
// sum of what the two do alone.
func (t *trial) bound(i int) bound {
	f, e := &t.sv.failures[i], &t.sv.effects[i]
	b := t.begin(i)
	if !t.additive(i) {
		b.fits(false)
		return b.bound
	}
	if b.fits(true) {
		return b.bound
	}
	sum := t.slack.meeting(f)
	brought := t.slack.brought(f, e)
	b.drained, b.onto = t.slack.drained(brought), t.slack.onto(brought, sum.joint)
	b.sum(e, suspect{more: sum.moved, drop: sum.joint})
	return b.bound
}

// again bounds the suspects of a failure that is looked at closer.
func (t *trial) again(o *open) {
	f, e := &t.sv.failures[o.index], &t.sv.effects[o.index]
	b := t.begin(o.index)
	b.suspects = o.bound.suspects[:0]
	brought := t.slack.brought(f, e)
	b.drained = t.slack.drained(brought)
	if !o.known.exact {
		b.onto = t.slack.onto(brought-o.known.net, o.known.rest.joint)
	}
	for _, x := range o.bound.suspects {
		b.take(x)
	}
	o.bound = b.bound
}

// additive reports whether the sum of what the change and failure i do alone bounds what they do together.
func (t *trial) additive(i int) bool { return t.worse && t.sv.effects[i].kept }

// fits bounds every arc by what it carries after the change and what the failure moves, and reports whether that stays
// below the level. It notes what does not, unless all that is asked is whether.
func (b *bounding) fits(only bool) bool {
	spread := b.spread(b.moved)
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

// spread is how many permil fuller so many units more and a trifle make any direction, at most.
func (b *bounding) spread(more int64) int64 { return ((toBPS(more)+1)*1000+b.least-1)/b.least + 2 }

// sum bounds every arc by the sum of what the change and the failure do alone, and what any may exceed that by.
func (b *bounding) sum(e *effect, any suspect) {
	n, most := b.after.net, saturate(any.more+b.onto)+any.drop
	take := func(arc int32, gain int64) {
		if gain+most > b.space[arc] {
			x := any
			x.arc, x.gain, x.drop = arc, gain, min(any.drop, b.slack.drop[arc])
			b.take(x)
		}
	}
	gain, spread := e.gain[:len(e.arcs)], b.spread(most)
	if b.ranked.permil[len(b.ranked.arcs)/2]+spread > b.level { // most arcs have to be looked at
		next := 0
		for arc := range int32(len(n.tail)) {
			if next < len(e.arcs) && e.arcs[next] == arc {
				take(arc, gain[next])
				next++
			} else if n.trifle(arc)+most > b.space[arc] {
				take(arc, min(n.trifle(arc), atMost(e.rest[n.linkOf[arc]])))
			}
		}
		return
	}
	rising := b.rising.within(most)
	quiet := e.less+calm+spread < b.level && len(rising) <= foremost
	if quiet { // no other arc that the failure changes gets so full
		for _, x := range e.full {
			if x.permil+calm+spread < b.level {
				break
			}
			if !b.rising.set.has(x.arc) {
				take(x.arc, x.gain)
			}
		}
		for _, x := range rising {
			take(x.arc, e.atMost(n, x.arc))
		}
	} else {
		for j, arc := range e.arcs {
			take(arc, gain[j])
		}
	}
	// The failure adds no more than a trifle to the others: the fullest first, until the rest must be below.
	for j, arc := range b.ranked.arcs {
		if b.ranked.permil[j]+spread <= b.level {
			break
		}
		if n.trifle(arc)+most > b.space[arc] && !e.has(n, arc) && !(quiet && b.rising.set.has(arc)) {
			take(arc, e.atMost(n, arc))
		}
	}
	slices.SortFunc(b.suspects, func(x, y suspect) int { return int(x.arc - y.arc) })
}

// rising are the arcs to which a change adds more than calm: a failure may fill them although it does not fill them now.
type rising struct {
	set  bitset
	list []riser // the one with least room first
}

// riser is an arc and how much more than the most that any failure brings may come onto it before it matters, in units.
type riser struct {
	arc  int32
	room int64
}

// calm is how many permil of an arc's capacity a change adds to most arcs at most.
const calm = 10

// rise finds the arcs that rise.
func (t *trial) rise() {
	t.rising = rising{set: newBitset(len(t.delta))}
	for arc, more := range t.delta {
		if more > t.after.net.share(int32(arc), calm)<<fraction {
			t.rising.set.put(int32(arc))
			t.rising.list = append(t.rising.list, riser{arc: int32(arc)})
		}
	}
}

// order orders them by their room under a bar, when a failure brings most onto each arc.
func (r *rising) order(b *bar, most []int64) {
	for i := range r.list {
		x := &r.list[i]
		x.room = b.space[x.arc] - most[x.arc]
	}
	slices.SortFunc(r.list, func(a, b riser) int { return cmp.Or(cmp.Compare(a.room, b.room), cmp.Compare(a.arc, b.arc)) })
}

// within are those that so much more than any failure brings may matter to.
func (r *rising) within(more int64) []riser {
	i, _ := slices.BinarySearchFunc(r.list, more, func(x riser, more int64) int { return cmp.Compare(x.room, more) })
	return r.list[:i]
}

// take takes in an arc, unless what is known of it keeps it below the level.
func (b *bounding) take(x suspect) {
	more := min(x.by+saturate(x.more+b.onto)+x.drop, b.drained-b.delta[x.arc])
	added := min(x.gain+more, b.moved)
	if added <= b.space[x.arc] {
		return
	}
	load := b.after.load[x.arc]
	b.likely.over(b.after.net, x.arc, max(0, load+x.gain+x.by))
	b.note(x.arc, load+added, b.delta[x.arc]+more)
	b.suspects = append(b.suspects, x)
}

// note takes in an arc whose bound is above the level, and where the change adds at most more to what the failure does.
func (b *bounding) note(arc int32, load, more int64) {
	b.peak.over(b.after.net, arc, load)
	if load > b.full[arc] && toBPS(max(0, more))+1 > b.extra[arc] {
		b.doubt = true
	}
}
