package incident

import "time"

// Rest says that a waiting incident is held, and that asking again before Until gives the same answer unless something has
// happened. It is an economy: in a storm decisions are made hundreds of times in a second.
type Rest struct {
	Until time.Time
	moved uint64    // of the Board when it was asked
	value float64   // of the incident's newest event, which rules may ask for
	seen  time.Time // when the facts that were at hand were seen
}

// resting reports whether an incident was found held and nothing has happened since. It rests on.
func (d *draft) resting(i *Incident) bool {
	r, ok := d.world.Rests[i.ID]
	ok = ok && d.world.Now.Before(r.Until) && r.moved == d.board.moved && r.value == i.Value && r.seen.Equal(d.world.Facts[i.ID].At)
	if ok {
		d.rests[i.ID] = r
		d.wakeAt(r.Until)
	}
	return ok
}

// rest looks at a held incident again only after a while.
func (d *draft) rest(i *Incident) {
	until := d.world.Now.Add(d.clocks().LookEvery.Std())
	d.rests[i.ID] = Rest{Until: until, moved: d.board.moved, value: i.Value, seen: d.world.Facts[i.ID].At}
	d.wakeAt(until)
}
