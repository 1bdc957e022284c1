package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
)

// air carries every beat to every process, a moment later, but for those that are cut off from each other.
type air struct {
	*testing.T
	mu   sync.Mutex
	all  []*process
	part int // processes from here on and those before do not hear each other, 0: all do
}

// process is one that beats until it is killed or leaves.
type process struct {
	*Peers
	n     int
	able  atomic.Bool
	dead  atomic.Bool
	leave func()
}

const carried = time.Millisecond // how long a beat takes

func (a *air) start(rank int) *process {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := &process{n: len(a.all)}
	p.able.Store(true)
	p.Peers = newPeers(fmt.Sprintf("r%d/%d", rank, len(a.all)), rank, p.able.Load)
	p.send = func(raw []byte) { a.carry(p, raw) }
	ctx, cancel := context.WithCancel(a.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := p.run(ctx); err != nil {
			a.Error(err)
		}
	}()
	p.leave = func() { cancel(); <-ended }
	a.all = append(a.all, p)
	return p
}

func (a *air) carry(from *process, raw []byte) {
	if from.dead.Load() {
		return
	}
	go func() {
		<-time.After(carried)
		a.mu.Lock()
		all, part := slices.Clone(a.all), a.part
		a.mu.Unlock()
		for _, p := range all {
			if !p.dead.Load() && (from.n < part) == (p.n < part) {
				p.take(&nats.Msg{Data: raw})
			}
		}
	}()
}

func (a *air) cut(at int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.part = at
}

// takes wants those processes to take in, and no other, after a while, and to have told so.
func (a *air) takes(after time.Duration, what string, want ...*process) {
	a.Helper()
	<-time.After(after)
	synctest.Wait()
	for _, p := range a.all {
		if taking, changed := p.Taking(); taking != slices.Contains(want, p) && !p.dead.Load() {
			a.Errorf("%s: process %d takes in: %t", what, p.n, taking)
		} else if closed(changed) {
			a.Errorf("%s: process %d tells of a change that was", what, p.n)
		}
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// TestTaking has processes come, go and fall silent: one of those that can takes in, the first in rank.
func TestTaking(t *testing.T) {
	const (
		heardOf = 2*carried + time.Millisecond                 // somebody new, and answered
		noticed = lookEvery + carried + time.Millisecond       // that one cannot, or can again
		missed  = beatGone + lookEvery + time.Millisecond      // who says no more
		settled = 2*beatEvery + beatGone + carried + lookEvery // whatever was
	)
	for name, f := range map[string]func(a *air){
		"alone": func(a *air) {
			p := a.start(3)
			a.takes(0, "at once", p)
			p.able.Store(false)
			a.takes(settled, "also when it cannot", p)
		},
		"rank": func(a *air) {
			second := a.start(1)
			third := a.start(1)
			a.takes(settled, "of one rank the first by name", second)
			first := a.start(0)
			a.takes(heardOf, "a newcomer that ranks before", first)
			first.leave()
			first.dead.Store(true)
			a.takes(carried, "it has left", second)
			second.leave()
			second.dead.Store(true)
			a.takes(carried, "both have left", third)
		},
		"a newcomer that cannot": func(a *air) {
			second := a.start(1)
			a.takes(settled, "alone", second)
			first := &process{n: 1}
			first.Peers = newPeers("r0/1", 0, first.able.Load)
			first.send = func(raw []byte) { a.carry(first, raw) }
			a.all = append(a.all, first)
			go func() { _ = first.run(a.Context()) }() // as start has it, but for being able
			a.takes(heardOf, "it has come", second)
			if alive := second.Alive(); !slices.Equal(alive, []string{second.me.Me, first.me.Me}) {
				a.Errorf("alive are %v", alive)
			}
			first.able.Store(true)
			a.takes(noticed, "it has caught up", first)
		},
		"killed": func(a *air) {
			first, second, third := a.start(0), a.start(1), a.start(2)
			a.takes(settled, "all are there", first)
			first.dead.Store(true)
			a.takes(missed, "the first is silent", second)
			second.dead.Store(true)
			a.takes(missed, "the second is silent", third)
		},
		"in turn": func(a *air) {
			first, second, third := a.start(0), a.start(1), a.start(2)
			a.takes(settled, "all can", first)
			first.able.Store(false)
			a.takes(noticed, "the first cannot", second)
			second.able.Store(false)
			a.takes(noticed, "nor the second", third)
			third.able.Store(false)
			a.takes(noticed, "nobody can", first)
			second.able.Store(true)
			a.takes(noticed, "the second can", second)
			first.able.Store(true)
			a.takes(noticed, "the first can", first)
		},
		"apart": func(a *air) {
			first, second, third := a.start(0), a.start(1), a.start(2)
			a.takes(settled, "all hear each other", first)
			a.cut(1)
			a.takes(settled, "the first is cut off", first, second)
			a.cut(0)
			a.takes(beatEvery+heardOf, "mended", first)
			a.cut(2)
			a.takes(settled, "the last is cut off", first, third)
		},
		"an older version": func(a *air) {
			old, err := json.Marshal(struct {
				Me   string `json:"me"`
				Rank int    `json:"rank"`
			}{"old/0", 0})
			if err != nil {
				a.Fatal(err)
			}
			first, second := a.start(1), a.start(2)
			go func() {
				for a.Context().Err() == nil {
					first.take(&nats.Msg{Data: old})
					second.take(&nats.Msg{Data: old})
					<-time.After(beatEvery)
				}
			}()
			a.takes(settled, "which takes in whoever else does", first)
			if alive := second.Alive(); !slices.Equal(alive, []string{"old/0", first.me.Me, second.me.Me}) {
				a.Errorf("alive are %v", alive)
			}
			first.able.Store(false)
			a.takes(noticed, "the first cannot", second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				t.Cleanup(func() { <-time.After(2 * beatEvery) }) // all have ended then, and their last words have arrived
				f(&air{T: t})
			})
		})
	}
}
