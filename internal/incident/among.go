package incident

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
)

// Among is the order, refused with NoScope where it would stop something in a scope that nothing is in: by a slip of the pen,
// that would stop nothing, and whoever gave it would believe that it had. Something is in the network, in those scopes that are
// known, and in those of every open incident's target, whatever the network is now. What ends a freeze or a window is taken as
// it is: the network may have changed since they began.
func (o Order) Among(known []events.Scope) Order {
	return func(b *Board, now time.Time) ([]events.Record, error) {
		records, err := o(b, now)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			switch stop := r.Body.(type) {
			case events.Frozen:
				err = b.holds(stop.Scope, known)
			case events.MaintenanceBegun:
				err = b.holds(stop.Scope, known)
			}
			if err != nil {
				return nil, err
			}
		}
		return records, nil
	}
}

// holds returns nil if there is something in a scope.
func (b *Board) holds(scope events.Scope, known []events.Scope) error {
	if scope == events.Network || slices.Contains(known, scope) {
		return nil
	}
	for _, i := range b.Open() {
		if slices.Contains(i.Target.Scopes, scope) {
			return nil
		}
	}
	return &NoScope{Scope: scope, Near: near(scope, known)}
}

// NoScope says that nothing is in a scope. It is ErrNotFound.
type NoScope struct {
	Scope events.Scope
	Near  []events.Scope // what may have been meant, the likeliest first
}

// Error names the scope, and what may have been meant.
func (e *NoScope) Error() string {
	text := fmt.Sprintf("nothing of the network is in scope %q, so nothing would be stopped", string(e.Scope))
	if len(e.Near) == 0 {
		return text
	}
	var list []string
	for _, s := range e.Near {
		list = append(list, string(s))
	}
	return text + "; the nearest that there are: " + strings.Join(list, ", ")
}

// Unwrap makes it ErrNotFound.
func (e *NoScope) Unwrap() error { return ErrNotFound }

// near are the scopes that may have been meant: those of other kinds that have the name, then those of the kind whose names
// come nearest to it.
func near(scope events.Scope, known []events.Scope) (list []events.Scope) {
	kind, name, _ := strings.Cut(string(scope), ":")
	var names []string
	for _, s := range known {
		k, n, _ := strings.Cut(string(s), ":")
		if _, err := events.ParseScope(string(s)); err != nil || s == events.Network {
			continue // nobody can say it, or nobody who names something means it
		}
		if k == kind {
			names = append(names, n)
		} else if strings.EqualFold(n, name) {
			list = append(list, s)
		}
	}
	for _, n := range events.Near(name, names, math.MaxInt) {
		list = append(list, events.ScopeOf(kind, n))
	}
	return list
}
