package incident

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
)

// MaxForemost is of how many freezes people are told at once besides that of the network, the first ones; of a further one they
// are told when one of those is over. The ledger remembers only so much of what was told.
const MaxForemost = 8

// Foremost returns the freezes in force of which people are told: the network's before all others, and those by since when.
func (b *Board) Foremost() []Standstill {
	list := b.Standstills()
	slices.SortStableFunc(list, func(x, y Standstill) int { return cmp.Or(NetworkFirst(x, y), x.Since.Compare(y.Since)) })
	most := MaxForemost
	if len(list) > 0 && list[0].Scope == events.Network {
		most++
	}
	return list[:min(len(list), most)]
}

// NetworkFirst orders the freeze of the network before all others.
func NetworkFirst(x, y Standstill) int {
	switch {
	case x.Scope == y.Scope:
		return 0
	case x.Scope == events.Network:
		return -1
	case y.Scope == events.Network:
		return 1
	}
	return 0
}

// FreezeName is under what it stands on the ledger what was told of a freeze.
func FreezeName(scope events.Scope, since time.Time) string {
	return fmt.Sprintf("freeze %s %d", scope, since.UnixNano())
}

// callOf begins the name of the call of people to whom a freeze is of concern.
const callOf = "call of "

// CallName is under what it stands on the ledger that people were called because of a freeze.
func CallName(scope events.Scope, since time.Time) string { return callOf + FreezeName(scope, since) }

// ReadFreezeName reads what FreezeName wrote.
func ReadFreezeName(what string) (scope events.Scope, since time.Time, ok bool) {
	words := strings.Fields(what)
	if len(words) < 3 || words[0] != "freeze" {
		return "", time.Time{}, false
	}
	nanos, err := strconv.ParseInt(words[len(words)-1], 10, 64)
	return events.Scope(strings.TrimSuffix(strings.TrimPrefix(what, "freeze "), " "+words[len(words)-1])), time.Unix(0, nanos), err == nil
}
