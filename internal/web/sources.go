package web

import (
	"context"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/policy"
)

// Board gives read access to the Board.
type Board interface {
	// View calls f with the Board, which does not change meanwhile. Nothing of it is kept.
	View(f func(*incident.Board))
}

// Orders carries out what people ask for.
type Orders interface {
	// Submit returns once the order's records were read back from the ledger. Its error wraps incident.ErrNotFound or
	// incident.ErrRefused when the order was not lawful, incident.ErrAside when this replica carries out none,
	// incident.ErrUnsure when nobody can tell whether it is in force, and the context's error when the bus did not answer in time.
	Submit(ctx context.Context, order incident.Order) (events.Commit, error)
	// Prove runs the canaries on a router and records what they showed.
	Prove(ctx context.Context, device string, by events.Person) (events.Proved, error)
	// TryReboot goes on with the trial of what a reboot does to what is set on a router, or takes its mark off.
	TryReboot(ctx context.Context, device string, by events.Person, undo bool) (events.RebootTrial, error)
}

// Ledger is the record as it lies on the stream, unchecked: whoever audits it must see it as it is.
type Ledger interface {
	// LastPosition is the position of the newest commit, 0 when there is none.
	LastPosition(ctx context.Context) (uint64, error)
	// Lines calls fn with the export's line, without a newline, of every message from position from on, which counts from
	// 1, up to position to; a to of 0 goes on live until ctx ends. fn keeps nothing of line. Its error ends the reading.
	Lines(ctx context.Context, from, to uint64, fn func(position uint64, line []byte) error) error
}

// Network is what this replica sees of the routers.
type Network interface {
	Routers() []api.Router
	// Facts are what is seen of the network now.
	Facts() events.NetworkFacts
	// Compare reads the routers and compares them with what the Board says of every open live incident.
	Compare(ctx context.Context) (api.Comparison, error)
}

// Costs says what drains cost that Detour did not make, or that wait for a person; ok is false while it is not computed yet.
type Costs interface {
	Cost(link string) (v incident.Verdict, ok bool)
}

// Terrain is what a map of the network is drawn from.
type Terrain interface {
	Topology() api.Topology
	// Loads is how full every link is, in the topology's order: thousandths of capacity in the fuller direction, -1 where it
	// is not known; and the routers whose telemetry is not fresh.
	Loads() (permil []int, unseen []string)
}

// Policy is the policy by which this replica decides now.
type Policy interface {
	Rules() []policy.Rule
	Digest() events.Digest
}

// Health tells how this replica is doing.
type Health interface {
	Status() api.Status
}
