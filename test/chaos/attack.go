package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/network"
)

// attack hurts one site. All of its chance comes from rng.
type attack struct {
	*site
	skewed string // binary with a clock that can be off
	rng    *rand.Rand
	harms  []harm
	cert   *certificate
	log    func(format string, args ...any)

	trap  *trap          // guarded by the watch's mutex, as those below
	hits  map[moment]int // how often somebody was hurt then
	wrong int            // harms that have not been made good
	waits []wait         // for a take-over
	last  moment         // of the newest harm

	broken     error // what a harm has broken for good
	background sync.WaitGroup
}

// wait is for somebody to take over from an owner that was killed.
type wait struct {
	incident, owner string
	since           time.Time
	alone           bool // nothing else has been wrong
}

func newAttack(s *site, skewed string, rng *rand.Rand, cert *certificate, log func(string, ...any)) *attack {
	a := &attack{site: s, skewed: skewed, rng: rng, harms: harms(len(s.disks) > 0), cert: cert, log: log, hits: map[moment]int{}}
	a.listen()
	return a
}

// named is the replica that owns intents under a name.
func (a *attack) named(name string) *replica {
	for _, r := range a.replicas {
		if name != "" && r.named() == name {
			return r
		}
	}
	return nil
}

// rare picks the moments at which nobody was hurt more often than at any other that has come so far; now and then, all.
func (a *attack) rare() func(moment) bool {
	a.watch.mu.Lock()
	defer a.watch.mu.Unlock()
	any := a.rng.IntN(3) == 0
	least := slices.MinFunc(append(slices.Collect(maps.Values(a.hits)), 1), func(x, y int) int { return x - y })
	hits := maps.Clone(a.hits)
	return func(m moment) bool {
		return m.kind != events.KindObserved && (any || hits[m] <= least)
	}
}

// shoot kills replicas, at whatever moment it is.
func (a *attack) shoot(list ...*replica) {
	a.watch.mu.Lock()
	defer a.watch.mu.Unlock()
	for _, r := range list {
		a.shootAt(r, a.last)
	}
}

// shootAt kills a replica, and begins to wait for those who take over from it. The watch's mutex is held.
func (a *attack) shootAt(r *replica, at moment) {
	name := r.named()
	if !r.shoot() {
		return
	}
	a.count(at.String())
	for n := range a.waits {
		a.waits[n].alone = false
	}
	for _, i := range a.watch.board.Open() {
		if i.Intent != nil && i.Intent.Owner == name && i.Phase != incident.Stuck {
			a.waits = append(a.waits, wait{incident: i.ID, owner: name, since: time.Now(), alone: a.wrong == 0})
		}
	}
}

// killed counts one process.
func (a *attack) killed() {
	a.watch.mu.Lock()
	defer a.watch.mu.Unlock()
	a.count(a.last.String())
}

func (a *attack) count(state string) {
	a.cert.Kills++
	a.cert.ByState[state]++
}

// takenOver notices who goes on with an incident in place of an owner that was killed. The watch's mutex is held.
func (a *attack) takenOver(c events.Commit) {
	a.waits = slices.DeleteFunc(a.waits, func(w wait) bool {
		over := c.By != w.owner && slices.ContainsFunc(c.Records, func(r events.Record) bool {
			return r.Incident == w.incident && r.Body.Kind() != events.KindObserved
		})
		if over {
			how := "nothing else wrong"
			if !w.alone {
				how = "amid other faults"
			}
			a.cert.TakeOver[how] = append(a.cert.TakeOver[how], events.Duration(time.Since(w.since)))
		}
		return over
	})
}

// harmed counts a harm, at the moment at which it is done.
func (a *attack) harmed(name string, at moment) {
	a.watch.mu.Lock()
	defer a.watch.mu.Unlock()
	a.cert.Faults[name]++
	a.hits[at]++
	a.last = at
	if name == plainKill {
		return
	}
	a.wrong++
	for n := range a.waits {
		a.waits[n].alone = false
	}
}

// pause lets time pass.
func (a *attack) pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// round lets more links fall sick than may be drained at once, hurts the service until all of them were drained and are back,
// and wants everything to end.
func (a *attack) round(ctx context.Context) error {
	var faults []*fault
	defer func() {
		for _, f := range faults {
			f.end()
		}
	}()
	for _, l := range a.apart(budgetNetwork + 1) {
		f, err := a.sicken(l)
		if err != nil {
			return err
		}
		faults = append(faults, f)
	}
	if err := a.hurt(ctx, faults); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	over := func(b *incident.Board) bool { return len(b.Open()) == 0 }
	err := a.watch.wait(bounded, "the round to end", func() bool { return a.tend(faults) == nil && a.allHealed(faults) && a.watch.look(over) })
	if err != nil && ctx.Err() == nil {
		a.log("%v: %s", err, a.open()) // what is stuck shows in the evidence
		return nil
	}
	return err
}

// hurt does harm upon harm, and makes it good each time, until every link is healed.
func (a *attack) hurt(ctx context.Context, faults []*fault) error {
	began := time.Now()
	for !a.allHealed(faults) && time.Since(began) < patience/2 {
		if err := a.tend(faults); err != nil {
			return err
		}
		for range 1 + a.rng.IntN(4)/3 {
			a.strike(ctx)
		}
		a.pause(ctx, time.Duration(a.rng.IntN(4000))*time.Millisecond)
		bounded, cancel := context.WithTimeout(ctx, patience)
		err := a.mend(bounded)
		cancel()
		if err != nil {
			return fmt.Errorf("make things good: %w", err)
		}
	}
	return ctx.Err()
}

// tend heals links whose drains stand.
func (a *attack) tend(faults []*fault) error {
	for _, f := range faults {
		i, ok := a.latest(f.link.Name)
		stands := ok && i.Epoch > f.epochs && i.Phase == incident.Holding
		if stands && !f.isHealed() {
			if err := f.heal(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *attack) allHealed(faults []*fault) bool {
	return !slices.ContainsFunc(faults, func(f *fault) bool { return !f.isHealed() })
}

// apart picks links that share no router.
func (a *attack) apart(n int) (list []network.Link) {
	links := slices.Clone(a.net.Topology().Links)
	a.rng.Shuffle(len(links), func(i, j int) { links[i], links[j] = links[j], links[i] })
	used := map[string]bool{}
	for _, l := range links {
		if len(list) < n && !used[l.A.Device] && !used[l.B.Device] {
			used[l.A.Device], used[l.B.Device] = true, true
			list = append(list, l)
		}
	}
	return list
}

// open tells which incidents have not ended.
func (s *site) open() (list []string) {
	s.watch.look(func(b *incident.Board) bool {
		for _, i := range b.Open() {
			list = append(list, fmt.Sprintf("%s is %s since %s", i.ID, i.Phase, i.Changed.Format("15:04:05.000")))
		}
		return true
	})
	return list
}
