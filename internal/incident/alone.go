package incident

import (
	"slices"
	"time"

	"github.com/detour-net/detour/events"
)

// What a replica may do while the ledger cannot be written: nothing new, and take back what it set itself and what has
// failed, step after step as ever. No bus may keep it from that. It goes by a Board of its own: the ledger's, with what it
// knows and cannot write.

// Authorised returns those of the records decided on alone that this replica may act on although they cannot be written: what
// leads to an undo, and what goes on with one. Its own intent on the ledger authorises taking back its step, and all before
// it, when the step or its verification fails. Records are of one incident after the other.
func Authorised(ledger, alone *Board, records []events.Record, me string) []events.Record {
	var all []events.Record
	for len(records) > 0 {
		id := records[0].Incident
		n := slices.IndexFunc(records, func(r events.Record) bool { return r.Incident != id })
		if n < 0 {
			n = len(records)
		}
		if i, ok := alone.Incident(id); ok && owns(ledger, id, me) {
			all = append(all, records[:undoing(i, records[:n])]...)
		}
		records = records[n:]
	}
	return all
}

// owns reports whether the newest word of the ledger on an incident is a step of this replica's.
func owns(ledger *Board, id, me string) bool {
	i, ok := ledger.Incident(id)
	return ok && i.Live() && (i.Phase == Acting || i.Phase == Verifying) && !i.Intent.Undo && i.Intent.Owner == me
}

// undoing counts the records of an incident up to the last one that leads to an undo or goes on with it.
func undoing(i *Incident, records []events.Record) (n int) {
	under := i.Phase == Reverting
	for at, r := range records {
		switch in, isIntent := r.Body.(events.Intended); {
		case isIntent && !in.Undo:
			return n
		case isIntent:
			under, n = true, at+1
		case under && r.Body.Kind() != events.KindApplied:
			return n
		case under:
			n = at + 1
		}
	}
	return n
}

// Undoing returns the orders of the undos that are under way on alone and not on the ledger. The fence of each is the ledger's:
// the newest intent there, or what a look has raised its router to since.
func Undoing(ledger, alone *Board, me string) []events.Order {
	var orders []events.Order
	for _, i := range alone.Open() {
		if i.Phase != Reverting || !owns(ledger, i.ID, me) {
			continue
		}
		is, _ := ledger.Incident(i.ID)
		for n, c := range i.Steps[i.Intent.Step] {
			if c.Pending {
				orders = append(orders, i.order(i.Intent.Step, n, true, is.fence(i.Intent.Step, n)))
			}
		}
	}
	return orders
}

// Suppose returns the Board that b would be if records stood: what a replica goes by that knows what came of its acts and
// cannot write it. It is valid while b is unchanged.
func Suppose(b *Board, records []events.Record, now time.Time, me string) *Board {
	f := b.Fork()
	f.Position++
	if now.After(f.Now) {
		f.Now = now
	}
	c := events.Commit{At: now, By: me, Position: f.Position}
	for _, r := range records {
		f.fold(c, r) // what is not lawful changes nothing; that is for the ledger to say
	}
	return f
}

// Outcomes returns what came of this replica's acts that the ledger still waits for.
func Outcomes(b *Board, results map[string][]events.Body) []events.Record {
	var records []events.Record
	for id, list := range results {
		i, ok := b.Incident(id)
		if !ok {
			continue
		}
		i = i.clone()
		for _, body := range list {
			if a, isAct := actOf(body); isAct {
				if _, why := i.outcome(a); why == "" {
					records = append(records, events.Record{Incident: id, Body: body})
				}
			}
		}
	}
	return records
}

// undoneAlone is what this replica found of a step that it took back while the ledger could not be written, since the newest
// intent there.
func (d *draft) undoneAlone(i *Incident) (events.Found, bool) {
	for _, r := range d.world.Results[i.ID] {
		if f, ok := r.(events.Found); ok && takenBack(f) && f.Fence >= i.Intent.Position {
			return f, true
		}
	}
	return events.Found{}, false
}

// takenBack reports whether what was found is what this replica took back itself: a look always settles a doubt.
func takenBack(f events.Found) bool { return f.Doubt == 0 && f.Seen == events.SeenBefore }
