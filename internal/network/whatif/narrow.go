package whatif

import (
	"cmp"
	"slices"
)

// share is among how many arcs M of r (see slack) is divided where arc leaves, arc being one of them; 0 when nothing of it comes by
// arc.
//
// Of M an arc gets what comes by its tail when both have happened. A tail that what fails does not strand, after the change, gets no
// next hop that it had not: to a destination for which the arc is none, nothing comes by it. A tail from which no path is by what
// fails keeps its next hops, and each gets an equal share, since whoever has crossed what fails, by the change alone, has not come by
// the tail, and so the choice that is made there says nothing about who is in M.
func (w *ways) share(r *row, arc int32) int {
	n := w.net
	tail := n.tail[arc]
	switch {
	case r.dist[tail] >= Unreachable || !w.change(r, arc):
		return 0
	case w.use(r, tail):
		return 1
	}
	return int(r.count(n, tail))
}

// narrow finds the destinations where a failure meets the change, those first where that is most, and bounds each suspect by what
// may come by it, if that may settle the failure.
func (t *trial) narrow(o *open) {
	o.meets = t.slack.meets(&t.sv.failures[o.index])
	if t.hopeful(o) {
		t.divide(o)
	}
	t.rank(o)
	t.again(o)
}

// divide bounds, without computing paths, each suspect by what may come by it, and each destination by how much that is for any suspect.
func (t *trial) divide(o *open) {
	f, list := &t.sv.failures[o.index], o.bound.suspects
	for j := range list {
		list[j].more = 0
	}
	var w ways
	layer := -1
	for i := range o.meets {
		m := &o.meets[i]
		if which, _ := t.after.layer(int(m.row)); which != layer {
			layer = which
			w = t.after.all()[layer].ways(f)
		}
		most := int64(0)
		for j := range list {
			if k := w.share(t.after.rows[m.row], list[j].arc); k > 0 {
				part := ceil(m.moved, k)
				list[j].more = saturate(list[j].more + part)
				most = max(most, part)
			}
		}
		m.moved = most
	}
	o.meets = slices.DeleteFunc(o.meets, func(m meet) bool { return m.moved == 0 && m.joint == 0 })
}

// rank orders the destinations where a failure meets the change by how much that is.
func (t *trial) rank(o *open) {
	slices.SortFunc(o.meets, func(a, b meet) int {
		return cmp.Or(cmp.Compare(b.moved+b.joint, a.moved+a.joint), cmp.Compare(a.row, b.row))
	})
	for _, m := range o.meets {
		o.known.rest = o.known.rest.plus(m.meeting)
	}
}

// few suspects are narrowed in any case, since that spares paths later.
const few = 16

// hopeful reports whether to narrow may settle a failure, or takes little.
func (t *trial) hopeful(o *open) bool {
	f, space := &t.sv.failures[o.index], t.barFor(o.index).space
	onto := t.slack.onto(t.slack.brought(f, &t.sv.effects[o.index]), t.slack.meeting(f).joint)
	return len(o.bound.suspects) <= few || !slices.ContainsFunc(o.bound.suspects, func(x suspect) bool { return x.gain+onto > space[x.arc] })
}
