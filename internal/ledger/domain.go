package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/bus/streams"
)

// EnsureDomain refuses a ledger whose first record is about another domain than this one's: two networks decided about in one
// order would each be held to what is done in the other. It waits for the servers until ctx ends.
func (l *Ledger) EnsureDomain(ctx context.Context) error {
	msg, err := streams.Ask(ctx, l.log, "read the ledger's first record", func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
		return l.stream.GetMsg(ctx, 1)
	})
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil // it is empty, or damaged, which is found when it is followed
	}
	if err != nil {
		return err
	}
	return l.own(Entry{Position: msg.Sequence, Subject: msg.Subject})
}

// own refuses an entry of another domain's ledger. It holds of every entry that is followed, not only of the first: two replicas
// that start on an empty stream at the same moment both find no domain there, and one of them is the first to append.
func (l *Ledger) own(e Entry) error {
	own := events.Token(l.cfg.Domain)
	domain := domainOf(e.Subject)
	if domain == own {
		return nil
	}
	return fmt.Errorf("stream %s is the ledger of domain %q, not of %q: position %d says so; put the domain of the other replicas into the configuration, "+
		"or start on a bus, or in an account, of its own", l.cfg.Stream, domain, own, e.Position)
}

// domainOf is the domain that a subject of the ledger names.
func domainOf(subject string) string {
	domain, _, _ := strings.Cut(strings.TrimPrefix(subject, events.PrefixLedger), ".")
	return domain
}

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
	domain := domainOf(e.Subject)
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
