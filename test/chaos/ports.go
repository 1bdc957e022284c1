package main

import (
	"slices"
	"sync"

	"github.com/detour-net/detour/internal/bus/bustest"
)

// ports are those at which the servers of some site listen, or will again when they are started: while a server is dead its port looks
// free, and one of another site that came to listen there would be taken for it. Without any, none is kept.
type ports struct {
	mu    sync.Mutex
	taken []int
}

func portsOf(places []bustest.Place) (list []int) {
	for _, p := range places {
		list = append(list, p.Port, p.Cluster)
	}
	return slices.DeleteFunc(list, func(port int) bool { return port == 0 })
}

// claim takes the ports of places, all or, if one is taken, none.
func (p *ports) claim(places []bustest.Place) bool {
	if p == nil {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	list := portsOf(places)
	if slices.ContainsFunc(list, func(port int) bool { return slices.Contains(p.taken, port) }) {
		return false
	}
	p.taken = append(p.taken, list...)
	return true
}

// release gives them back.
func (p *ports) release(places []bustest.Place) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken = slices.DeleteFunc(p.taken, func(port int) bool { return slices.Contains(portsOf(places), port) })
}
