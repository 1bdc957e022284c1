package main

import (
	"context"
	"fmt"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/test/sets"
)

// moment is when somebody is hurt: right behind a record, or when a Set has come to a router and is not committed yet.
type moment struct {
	kind  events.Kind    // of the newest record
	phase incident.Phase // in which it has left its incident
	set   string         // "" or what kind of Set has arrived
}

func (m moment) String() string {
	switch {
	case m.set != "":
		return m.set + " has arrived"
	case m.kind == "":
		return "any time"
	}
	return fmt.Sprintf("%s, %s", m.kind, m.phase)
}

// Sets are told apart by what they do.
const (
	setsDrain = "a Set that drains"
	setsUndo  = "a Set that undrains"
)

// hit is a moment that has come.
type hit struct {
	moment
	incident string
	by       string // the replica that brought it about
}

// trap waits for a moment, and springs once.
type trap struct {
	awaits func(moment) bool
	shoot  bool // the one that brings it about is killed before anything else happens
	sprung chan hit
}

// set arms a trap, in place of the one before.
func (a *attack) set(t *trap) {
	a.watch.mu.Lock()
	defer a.watch.mu.Unlock()
	a.trap = t
}

// spring has the trap go off if it waits for one of these moments. The watch's mutex is held.
func (a *attack) spring(hits ...hit) {
	t := a.trap
	if t == nil {
		return
	}
	for _, h := range hits {
		if !t.awaits(h.moment) {
			continue
		}
		a.trap = nil
		if t.shoot {
			if r := a.named(h.by); r != nil {
				a.shootAt(r, h.moment)
			}
		}
		t.sprung <- h
		return
	}
}

// onCommit notices what a commit brings about. The watch's mutex is held.
func (a *attack) onCommit(c events.Commit) {
	a.takenOver(c)
	var hits []hit
	for _, r := range c.Records {
		if i, ok := a.watch.board.Incident(r.Incident); ok {
			m := moment{kind: r.Body.Kind(), phase: i.Phase}
			if m.kind != events.KindObserved {
				a.hits[m] += 0 // it can come
			}
			hits = append(hits, hit{m, r.Incident, c.By})
		}
	}
	a.spring(hits...)
}

// heldUp is for how long a Set is kept from being committed when somebody is to be hurt meanwhile.
const heldUp = 30 * time.Millisecond

// onSet notices a Set that has come to a router, and reports whether it is to be held up.
func (a *attack) onSet(info backbone.SetInfo) bool {
	m := moment{set: setsDrain}
	if info.Undo {
		m.set = setsUndo
	}
	position, ok := sets.Election(info.Request)
	a.watch.mu.Lock()
	defer a.watch.mu.Unlock()
	if ok {
		a.hits[m] += 0
	}
	if !ok || a.trap == nil || !a.trap.awaits(m) {
		return false
	}
	a.background.Go(func() { a.springFor(m, position) })
	return true
}

// springFor has the trap go off for a Set once its intent has been read.
func (a *attack) springFor(m moment, position uint64) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = a.watch.until(ctx, "an intent", func(b *incident.Board) bool {
		for _, i := range b.Open() {
			if i.Intent != nil && i.Intent.Position == position {
				a.spring(hit{m, i.ID, i.Intent.Owner})
				return true
			}
		}
		return b.Position > position
	})
}

// listen has the harness notice everything.
func (a *attack) listen() {
	a.watch.mu.Lock()
	a.watch.alert = a.onCommit
	a.watch.mu.Unlock()
	for _, r := range a.net.Routers() {
		r.OnSet(a.onSet, backbone.Delay(heldUp))
	}
}

// strike waits for a moment that has been hit least so far, or for nothing to happen for a while, and does a harm.
func (a *attack) strike(ctx context.Context) {
	h := choose(a.rng, a.harms)
	t := &trap{awaits: a.rare(), shoot: h.name == plainKill && a.rng.IntN(2) == 0, sprung: make(chan hit, 1)}
	a.set(t)
	wait := time.NewTimer(3 * time.Second)
	defer wait.Stop()
	var at hit
	select {
	case at = <-t.sprung:
	case <-wait.C:
	case <-ctx.Done():
	}
	a.set(nil) // whom it shot by now will be mended, and nobody would be later
	if ctx.Err() != nil {
		return
	}
	victim := a.named(at.by)
	if victim == nil {
		victim = a.replicas[a.rng.IntN(len(a.replicas))]
	}
	a.harmed(h.name, at.moment)
	a.log("%s: replica %d, %s", at.moment, victim.n, h.name)
	if t.shoot && at.by != "" {
		return // it was killed by the trap
	}
	// Right behind a record, or at any time between two.
	a.pause(ctx, time.Duration(a.rng.IntN(4))*time.Duration(a.rng.IntN(15))*time.Millisecond)
	h.do(a, victim)
}
