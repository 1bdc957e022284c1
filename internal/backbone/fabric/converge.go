package fabric

import (
	"cmp"
	"slices"
	"time"
)

// news is something that a router tells of itself and that not every router knows yet: a link's end configured anew, an
// adjacency come or gone at one end, the overload bit.
type news struct {
	origin    int
	adjacency bool // not configured by anyone
	undo      func(*view)
	heard     []bool // by router
	ticket    *entry // when the next ones will hear
}

func configured(n *news) bool { return !n.adjacency }

// turn is when a router goes over to what another has told, counted from when that became true.
//
// Half of the time that convergence takes is for the way there: it grows with the number of links between the two, so that
// word reaches the farthest pair after all of that half. The other half is for what a router does with it, computing paths
// and writing them into its line cards: each takes a fixed part of it. The parts are spread evenly and without pattern
// over the routers, by their number; so a neighbour is often, but not always, later than who is nearer to the change.
//
// The time depends on nothing else, so that word of one router never overtakes an earlier word of the same. It is as if
// floods also crossed links that are down, and as if a router computed anew for every word.
type turn struct {
	router int
	after  time.Duration
}

// waves are, for every router, the turns of all in the order of time.
func waves(nodes int, links []Link, converge time.Duration) [][]turn {
	hops, farthest := distances(nodes, links)
	all := make([][]turn, nodes)
	for origin := range all {
		for router := range nodes {
			far := min(hops[origin][router], farthest) // the latter when they are not connected
			after := mulDiv(int64(converge), int64(far), int64(2*farthest)) + mulDiv(int64(converge), pace(router), 2*paces)
			all[origin] = append(all[origin], turn{router, time.Duration(after)})
		}
		slices.SortFunc(all[origin], func(a, b turn) int {
			return cmp.Or(cmp.Compare(a.after, b.after), cmp.Compare(a.router, b.router))
		})
	}
	return all
}

const paces = 1 << 16

// pace is a router's own part of convergence, in parts of paces: multiples of the golden ratio, modulo one, are spread
// evenly however many there are.
func pace(router int) int64 {
	const golden = 40503 // of paces
	return int64(router+1) * golden % paces
}

// distances are the links between any two nodes, and the most that there are between connected ones, at least 1.
func distances(nodes int, links []Link) (hops [][]int, farthest int) {
	next := make([][]int, nodes)
	for _, l := range links {
		next[l.A], next[l.B] = append(next[l.A], l.B), append(next[l.B], l.A)
	}
	hops, farthest = make([][]int, nodes), 1
	for from := range nodes {
		far := slices.Repeat([]int{nodes}, nodes)
		far[from] = 0
		for queue := []int{from}; len(queue) > 0; queue = queue[1:] {
			n := queue[0]
			farthest = max(farthest, far[n])
			for _, to := range next[n] {
				if far[to] == nodes {
					far[to] = far[n] + 1
					queue = append(queue, to)
				}
			}
		}
		hops[from] = far
	}
	return hops, farthest
}

// router is who is at an end.
func (f *Fabric) router(end int) int {
	if end%2 == 0 {
		return f.links[end/2].A
	}
	return f.links[end/2].B
}

// tell lets the routers hear news, each in its turn. Where all learn at once, or traffic has yet to begin, there is
// nothing to do.
func (f *Fabric) tell(n news, now time.Time) {
	if f.converge == 0 || f.start == nil {
		return
	}
	n.heard = make([]bool, f.nodes)
	f.flight = append(f.flight, &n)
	f.spread(&n, f.waves[n.origin], now)
}

// spread is for those whose turns are left.
func (f *Fabric) spread(n *news, wave []turn, began time.Time) {
	due := wave[0].after
	n.ticket = f.agenda.at(began.Add(due), func(at time.Time) {
		f.integrate(at)
		f.stale = true
		for len(wave) > 0 && wave[0].after == due {
			n.heard[wave[0].router] = true
			wave = wave[1:]
		}
		if len(wave) > 0 {
			f.spread(n, wave, began)
			return
		}
		f.flight = slices.DeleteFunc(f.flight, func(other *news) bool { return other == n })
	})
}

// settle lets everyone know everything as it is.
func (f *Fabric) settle() {
	for _, n := range f.flight {
		f.agenda.cancel(n.ticket)
	}
	f.flight = nil
	for end := range f.told {
		f.told[end] = f.adjacent(end / 2)
	}
}
