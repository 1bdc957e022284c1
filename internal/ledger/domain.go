package ledger

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/detour-net/detour/events"
)

// domains are those that a ledger's subjects name. A ledger is about one: what most records name is it.
type domains map[string]*votes

// votes are the records that name one domain.
type votes struct {
	count int
	some  []joint // of them, the first
}

// maxVotes bounds how many records of one domain are remembered.
const maxVotes = 32

// take checks that an entry's subject is the one that its commit gives it, and counts its domain.
func (d *domains) take(a *Audit, e Entry, c events.Commit, line int) bool {
	domain, _, _ := strings.Cut(strings.TrimPrefix(e.Subject, events.PrefixLedger), ".")
	if want := events.LedgerSubject(domain, c.Incident()); e.Subject != want {
		a.find(e.Position, line, Altered, Certain, fmt.Sprintf("its subject is %s, its commit is about %s", e.Subject, want))
		return false
	}
	if *d == nil {
		*d = domains{}
	}
	v := (*d)[domain]
	if v == nil {
		v = &votes{}
		(*d)[domain] = v
	}
	if v.count++; len(v.some) < maxVotes {
		v.some = append(v.some, joint{position: e.Position, line: line})
	}
	return true
}

// most is the domain that most records name, of several the one that was named first.
func (d domains) most() string {
	names := slices.Collect(maps.Keys(d))
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(-cmp.Compare(d[a].count, d[b].count), cmp.Compare(d[a].some[0].position, d[b].some[0].position))
	})
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

// odd are findings about the records that name another.
func (d domains) odd() (list []Finding) {
	most := d.most()
	for name, v := range d {
		if name == most {
			continue
		}
		for _, j := range v.some {
			list = append(list, Finding{Position: j.position, Line: j.line, Problem: Altered, Sure: Likely,
				Detail: fmt.Sprintf("its subject is of domain %s, the ledger is that of %s", name, most)})
		}
	}
	slices.SortFunc(list, func(a, b Finding) int { return cmp.Compare(a.Position, b.Position) })
	return list
}
