package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/client"
	"github.com/detour-net/detour/test/wire"
)

// harm is one way to hurt the service; victim is the replica that has just done something. What it does is made good by mend.
type harm struct {
	name   string
	weight int
	do     func(a *attack, victim *replica)
}

const (
	plainKill  = "kill" // take-over is measured by it
	killLeader = "kill the ledger's leader"
)

// harms are those there are, with those that want disks with a power switch if there are any. Whatever dies stays dead for a while, or
// not: what follows a kill at once is another matter than what follows it later.
func harms(disks bool) []harm {
	list := []harm{
		{plainKill, 20, func(a *attack, victim *replica) { a.shoot(victim) }},
		{"kill another replica", 3, func(a *attack, victim *replica) { a.shoot(a.other(victim)) }},
		{"kill all replicas", 1, func(a *attack, _ *replica) { a.shoot(a.replicas...) }},
		{"stop", 2, func(_ *attack, victim *replica) { victim.signal(syscall.SIGSTOP) }},
		{"cut off", 2, func(_ *attack, victim *replica) { victim.wire(wire.Cut) }},
		{"stalled", 1, func(_ *attack, victim *replica) { victim.wire(wire.Stalled) }},
		{"deafened", 1, func(_ *attack, victim *replica) { victim.wire(wire.Deafened) }},
		{"clock minutes off", 1, func(a *attack, victim *replica) { a.misset(victim) }},
		{"freeze", 1, func(a *attack, _ *replica) { a.freeze() }},
		{killLeader, 2, func(a *attack, _ *replica) { a.killServers(a.leader()) }},
		{"kill a server", 1, func(a *attack, _ *replica) { a.killServers(a.rng.IntN(a.servers.Len())) }},
		{"kill two servers", 1, func(a *attack, _ *replica) { a.killServers(a.two()...) }},
		{"stop a server", 1, func(a *attack, _ *replica) { a.signalServers(syscall.SIGSTOP, a.rng.IntN(a.servers.Len())) }},
		{"stop two servers", 1, func(a *attack, _ *replica) { a.signalServers(syscall.SIGSTOP, a.two()...) }},
	}
	if disks {
		list = append(list,
			harm{"power cut", 2, func(a *attack, _ *replica) { a.blackout() }},
			harm{"slow disk of the ledger's leader", 1, func(a *attack, _ *replica) { a.slowDisks(a.leader()) }},
			harm{"slow disks", 1, func(a *attack, _ *replica) { a.slowDisks(0, 1, 2) }},
		)
	}
	return list
}

// mend makes good whatever was done: the bus first, since a replica that starts without one gives up in the end.
func (a *attack) mend(ctx context.Context) error {
	for _, d := range a.disks {
		d.Slow(0)
	}
	if err := errors.Join(a.broken, a.servers.StartAll()); err != nil {
		return err
	}
	for n := range a.servers.Len() {
		a.signalServers(syscall.SIGCONT, n)
	}
	for _, r := range a.replicas {
		r.wire(wire.Whole)
		r.signal(syscall.SIGCONT)
		r.right()
	}
	if err := errors.Join(a.begin(ctx), a.thaw(ctx)); err != nil {
		return err
	}
	a.watch.mu.Lock()
	defer a.watch.mu.Unlock()
	a.wrong = 0
	return nil
}

// blackout takes the power from everything, with what the servers of the bus had not synced by then.
func (a *attack) blackout() {
	a.shoot(a.replicas...)
	a.broken = a.cutPower(a.rng)
	all := make([]int, a.servers.Len())
	for n := range all {
		all[n] = n
	}
	a.killServers(all...)
}

// slowDisks has disks take up to two seconds longer for each flush.
func (a *attack) slowDisks(list ...int) {
	by := time.Duration(20+a.rng.IntN(2000)) * time.Millisecond
	for _, n := range list {
		if n < len(a.disks) {
			a.disks[n].Slow(by)
		}
	}
}

// misset kills a replica, and lets it live on with a clock that is minutes off, ahead or behind.
func (a *attack) misset(r *replica) {
	off := time.Duration(1+a.rng.IntN(10)) * time.Minute
	if a.rng.IntN(2) == 0 {
		off = -off
	}
	a.shoot(r)
	_ = r.skew(a.skewed, off) // without a bus it does not live
}

// choose picks a harm by weight.
func choose(rng *rand.Rand, list []harm) harm {
	sum := 0
	for _, h := range list {
		sum += h.weight
	}
	n := rng.IntN(sum)
	for _, h := range list {
		if n -= h.weight; n < 0 {
			return h
		}
	}
	return list[len(list)-1]
}

// other is a living replica but the victim, if there is one.
func (a *attack) other(victim *replica) *replica {
	from := a.rng.IntN(len(a.replicas))
	for n := range a.replicas {
		if r := a.replicas[(from+n)%len(a.replicas)]; r != victim && r.alive() {
			return r
		}
	}
	return victim
}

func (a *attack) killServers(list ...int) {
	for _, n := range list {
		if a.servers.Alive(n) {
			a.servers.Kill(n)
			a.killed()
		}
	}
}

func (a *attack) signalServers(sig syscall.Signal, list ...int) {
	for _, n := range list {
		_ = a.servers.Signal(n, sig) // it may have been killed meanwhile
	}
}

// two are two different servers.
func (a *attack) two() []int {
	first := a.rng.IntN(a.servers.Len())
	return []int{first, (first + 1) % a.servers.Len()}
}

// leader is the server that leads the ledger's stream, or any when none is known to.
func (a *attack) leader() int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if n, err := a.servers.Leader(ctx, a.conn.JetStream(), events.StreamLedger); err == nil {
		return n
	}
	return a.rng.IntN(a.servers.Len())
}

// freeze has a person freeze the network over any replica.
func (a *attack) freeze() {
	// What becomes of it shows on the ledger: unanswered, it may yet be written.
	_ = a.order(context.Background(), func(ctx context.Context, cl *client.Client) error {
		_, err := cl.Freeze(ctx, string(events.Network), "chaos")
		return err
	})
}

// thaw ends every freeze there is.
func (a *attack) thaw(ctx context.Context) error {
	frozen := func(b *incident.Board) bool { return len(b.Freezes()) > 0 }
	for ctx.Err() == nil && a.watch.look(frozen) {
		_ = a.order(ctx, func(ctx context.Context, cl *client.Client) error {
			_, err := cl.Thaw(ctx, string(events.Network))
			return err
		})
		a.pause(ctx, 20*time.Millisecond)
	}
	return ctx.Err()
}

// order gives an order to one living replica.
func (a *attack) order(ctx context.Context, f func(context.Context, *client.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	from := a.rng.IntN(len(a.replicas))
	for n := range a.replicas {
		if r := a.replicas[(from+n)%len(a.replicas)]; r.alive() {
			return r.call(ctx, f)
		}
	}
	return fmt.Errorf("no replica lives")
}
