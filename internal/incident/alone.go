package incident

import (
	"time"

	"github.com/detour-net/detour/events"
)

// What a replica may do while the ledger cannot be written: nothing new, and take back what it set itself and what has
// failed. No bus may keep it from that.

// Authorised returns the undo orders among records that this replica may carry out although they cannot be written: its own
// intent on the ledger authorises taking its step back when the step or its verification fails.
func Authorised(b *Board, records []events.Record, me string) []events.Order {
	var orders []events.Order
	for _, r := range records {
		in, isIntent := r.Body.(events.Intended)
		i, ok := b.Incident(r.Incident)
		if !isIntent || !in.Undo || !ok || i.Phase != Acting && i.Phase != Verifying || !i.Live() || i.Intent.Undo || i.Intent.Owner != me {
			continue
		}
		for _, n := range in.Changes {
			orders = append(orders, i.order(in.Step, n, true, i.fence(in.Step, n)))
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
