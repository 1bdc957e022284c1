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
	cert   *certificate // of this site
	counts func()       // told of each kill
	log    func(format string, args ...any)

	trap  *trap          // guarded by the watch's mutex, as those below
	hits  map[moment]int // how often somebody was hurt then
	wrong int            // harms that have not been made good
	waits []wait         // for a take-over
	last  moment         // of the newest harm

	neglected  verdict // sick links that nobody cared for
	broken     error   // what a harm has broken for good
	background sync.WaitGroup
}

// midSet are those of the take-overs with nothing else wrong that began in the middle of a Set.
const midSet = "nothing else wrong, in mid-Set"

// wait is for somebody to take over from an owner that was killed.
type wait struct {
	incident, owner string
	since           time.Time
	amid            bool // it has died with a Set outstanding, whose deadline and margin must pass
	alone           bool // nothing else has been wrong
}

func newAttack(s *site, skewed string, rng *rand.Rand, counts func(), log func(string, ...any)) *attack {
	a := &attack{site: s, skewed: skewed, rng: rng, harms: harms(len(s.disks) > 0), cert: newCertificate(), counts: counts, log: log, hits: map[moment]int{}}
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

// rare picks moments at which somebody was hurt no more often than at one of those that have come so far, which chance draws: the rarest
// always, the others the less the more often it was then.
func (a *attack) rare() func(moment) bool {
	a.watch.mu.Lock()
	defer a.watch.mu.Unlock()
	most, hits := 0, maps.Clone(a.hits)
	if often := slices.Sorted(maps.Values(hits)); len(often) > 0 {
		most = often[a.rng.IntN(len(often))]
	}
	return func(m moment) bool { return m.kind != events.KindObserved && hits[m] <= most }
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
			a.waits = append(a.waits, wait{incident: i.ID, owner: name, since: time.Now(), amid: outstanding(i), alone: a.wrong == 0})
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
	a.counts()
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
			took := events.Duration(time.Since(w.since))
			a.cert.TakeOver[how] = append(a.cert.TakeOver[how], took)
			if w.alone && w.amid {
				a.cert.TakeOver[midSet] = append(a.cert.TakeOver[midSet], took)
			}
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

// roundLasts bounds for how long a round hurts: behind that it has to come to its end unhurt.
const roundLasts = time.Minute

// round lets more links fall sick than may be drained at once, hurts the service until all of them were drained and are back, and
// wants everything to end.
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
	return a.settle(context.WithoutCancel(ctx), patience, faults)
}

// settle wants all links to be drained and healed, and everything to end, in so much time. What is stuck then shows in the evidence; that
// nothing was done about a link shows only here.
func (a *attack) settle(ctx context.Context, within time.Duration, faults []*fault) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var broken error
	err := a.watch.wait(ctx, "the round to end", func() bool {
		_ = a.thaw(ctx) // a freeze that nobody answered for may have been written after all was made good
		broken = a.tend(faults)
		return broken != nil || a.over(faults)
	})
	if broken != nil || err == nil {
		return broken
	}
	if ctx.Err() == nil {
		return err // the ledger cannot be followed
	}
	a.log("%v: %s", err, a.open())
	for _, f := range faults {
		if !f.isHealed() {
			a.neglected.find(ruleSettled, "link %s has been sick since %s, and is not drained", f.link.Name, f.since.Format("15:04:05.000"))
		}
	}
	return nil
}

// hurt does harm upon harm, and makes it good each time, until every link is healed and every incident has ended.
func (a *attack) hurt(ctx context.Context, faults []*fault) error {
	began := time.Now()
	for ctx.Err() == nil && !a.over(faults) && time.Since(began) < roundLasts {
		if err := a.tend(faults); err != nil {
			return err
		}
		for range 1 + a.rng.IntN(4)/3 {
			a.strike(ctx)
		}
		a.pause(ctx, a.outage())
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		err := a.mend(bounded)
		cancel()
		if err != nil {
			return fmt.Errorf("make things good: %w", err)
		}
	}
	return nil
}

// outage is how long what was hurt stays so: up to four seconds, which is longer than a Set may take and what is waited after it, and more
// often far less, so that it is hurt again while others take over.
func (a *attack) outage() time.Duration {
	share := a.rng.Float64()
	return time.Duration(share * share * share * float64(4*time.Second))
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

// over reports whether every link is healed and every incident has ended.
func (a *attack) over(faults []*fault) bool {
	sick := slices.ContainsFunc(faults, func(f *fault) bool { return !f.isHealed() })
	return !sick && a.watch.look(func(b *incident.Board) bool { return len(b.Open()) == 0 })
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

// outstanding reports whether nobody knows yet what came of a Set of the incident's newest intent.
func outstanding(i *incident.Incident) bool {
	return slices.ContainsFunc(i.Steps, func(step []incident.ChangeState) bool {
		return slices.ContainsFunc(step, func(c incident.ChangeState) bool { return c.Pending })
	})
}
