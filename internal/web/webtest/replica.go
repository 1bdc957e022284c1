package webtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/policy"
)

// Replica is everything that a web.Server is given.
type Replica struct {
	mu      sync.Mutex
	board   *incident.Board
	lines   [][]byte
	grown   chan struct{} // closed and made anew when a line is added
	clock   func() time.Time
	status  api.Status
	differs []api.Difference
	deaf    bool

	topology api.Topology
	down     []string
}

// New is a replica that has followed the story up to its end. Its clock stands shortly after.
func New() *Replica {
	r := &Replica{board: incident.NewBoard(), grown: make(chan struct{}), clock: func() time.Time { return Start.Add(10 * time.Minute) }, topology: abilene()}
	r.status = api.Status{Replica: "replica-1", Version: "test", Mode: events.Live, CaughtUp: true, Connected: true, Policy: policyDigest}
	for _, s := range story() {
		if _, err := r.Append(Start.Add(s.after), s.records...); err != nil {
			panic(err)
		}
	}
	return r
}

// Config is the configuration of a server on top of the replica.
func (r *Replica) Config(auth web.Auth) web.Config {
	return web.Config{Board: r, Orders: r, Ledger: r, Network: r, Costs: r, Terrain: r, Policy: r, Health: r, Auth: auth, Now: r.now, Refresh: 5 * time.Millisecond}
}

// Append writes one commit and folds it.
func (r *Replica) Append(at time.Time, records ...events.Record) (events.Commit, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.append(at, records)
}

func (r *Replica) append(at time.Time, records []events.Record) (events.Commit, error) {
	n := len(r.lines) + 1
	c := events.Commit{ID: fmt.Sprintf("commit-%d", n), Prev: r.board.Digest, At: at.UTC(), By: r.status.Replica, Records: records}
	raw, digest, err := c.Encode()
	if err != nil {
		return c, err
	}
	c.Position, c.Digest = uint64(n), digest
	line, err := json.Marshal(api.Line{Position: c.Position, Digest: digest, Subject: events.LedgerSubject("test", c.Incident()), Commit: raw})
	if err != nil {
		return c, err
	}
	if err := r.board.Apply(c); err != nil {
		return c, err
	}
	r.lines = append(r.lines, line)
	close(r.grown)
	r.grown = make(chan struct{})
	return c, nil
}

// View is web.Board's.
func (r *Replica) View(f func(*incident.Board)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r.board)
}

// Submit is web.Orders'.
func (r *Replica) Submit(ctx context.Context, order incident.Order) (events.Commit, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.deaf {
		return events.Commit{}, fmt.Errorf("hand the order to the worker: %w", context.DeadlineExceeded)
	}
	records, err := order.Among(r.scopes())(r.board, r.clock())
	if err != nil {
		return events.Commit{}, err
	}
	return r.append(r.clock(), records)
}

// Deafen makes every order time out, as on a replica that cannot reach the bus.
func (r *Replica) Deafen() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deaf, r.status.Connected = true, false
}

// Prove is web.Orders'. Every router honours master arbitration.
func (r *Replica) Prove(ctx context.Context, device string, by events.Person) (events.Proved, error) {
	p := events.Proved{Device: device, Software: "SimOS 1.0", Bars: []events.Bar{events.BarArbitration, events.BarDeadline}, Leaves: []events.Leaf{events.ISISMetric}, Default: 10, By: by, Detail: "a lower election id was refused"}
	_, err := r.Submit(ctx, func(*incident.Board, time.Time) ([]events.Record, error) { return []events.Record{{Body: p}}, nil })
	return p, err
}

// TryReboot is web.Orders'. Every router takes what is set, and none is ever rebooted.
func (r *Replica) TryReboot(ctx context.Context, device string, by events.Person, undo bool) (events.RebootTrial, error) {
	t := events.RebootTrial{Device: device, Over: true}
	r.View(func(b *incident.Board) {
		if standing, ok := b.Trial(device); ok {
			t = standing
		}
	})
	shown := events.Canary{
		Leaf:  events.LeafRef{Leaf: events.ISISMetric, Interface: "loopback0", Level: 2, Family: events.IPv4},
		Value: events.UintValue(10), Booted: Start.Add(-24 * time.Hour), Software: "SimOS 1.0",
	}
	clocks := policy.Clocks{SetDeadline: events.Duration(10 * time.Second), Margin: events.Duration(5 * time.Second)}
	steps := []func() incident.Order{func() incident.Order { return incident.JudgeTrial(t, shown, clocks, by) }}
	switch {
	case undo:
		steps = []func() incident.Order{
			func() incident.Order {
				return incident.AbandonTrial(t, clocks, by, "the mark was taken off before a reboot was seen")
			},
			func() incident.Order { return incident.EndTrial(t, by, "") },
		}
	case t.Over:
		steps = []func() incident.Order{
			func() incident.Order { return incident.BeginTrial(device, shown, events.UintValue(79), clocks, by) },
			func() incident.Order { return incident.MarkTrial(t, shown, by) },
		}
	}
	for _, step := range steps {
		c, err := r.Submit(ctx, step())
		if err != nil {
			return t, err
		}
		t = c.Records[0].Body.(events.RebootTrial)
	}
	return t, nil
}

// LastPosition is web.Ledger's.
func (r *Replica) LastPosition(context.Context) (uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return uint64(len(r.lines)), nil
}

// Lines is web.Ledger's.
func (r *Replica) Lines(ctx context.Context, from, to uint64, fn func(uint64, []byte) error) error {
	for position := from; to == 0 || position <= to; position++ {
		line, err := r.line(ctx, position)
		if err != nil {
			return err
		}
		if line == nil {
			continue // taken out
		}
		if err := fn(position, line); err != nil {
			return err
		}
	}
	return nil
}

func (r *Replica) line(ctx context.Context, position uint64) ([]byte, error) {
	for {
		r.mu.Lock()
		grown := r.grown
		if position <= uint64(len(r.lines)) {
			defer r.mu.Unlock()
			return r.lines[position-1], nil
		}
		r.mu.Unlock()
		select {
		case <-grown:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Alter replaces text in the line at position; a nil old takes the line out.
func (r *Replica) Alter(position uint64, old, text []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	line := r.lines[position-1]
	if old != nil && !bytes.Contains(line, old) {
		panic(fmt.Sprintf("line %d has no %q", position, old))
	}
	if r.lines[position-1] = nil; old != nil {
		r.lines[position-1] = bytes.Replace(line, old, text, 1)
	}
}

// Routers is web.Network's.
func (r *Replica) Routers() []api.Router {
	bars := []events.Bar{events.BarArbitration, events.BarDeadline}
	return []api.Router{
		{Name: "den", Address: "127.0.0.1:9339", Profile: "openconfig", Site: "den", Software: "SimOS 1.0", Reachable: true, Seen: Start.Add(9 * time.Minute), Bars: bars, Actions: []string{"isis-metric"}},
		{Name: "kcy", Address: "127.0.0.1:9340", Profile: "openconfig", Site: "kcy", Error: "connection refused", Seen: Start},
	}
}

// Facts is web.Network's: the drained link, and one that somebody else has drained.
func (r *Replica) Facts() events.NetworkFacts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return events.NetworkFacts{Routers: 11, Seen: 10, Links: 14, DrainedLinks: []string{"den-kcy", "ipl-atl"}, DownLinks: slices.Clone(r.down), WorstLink: "den-sea", WorstPermil: 412}
}

// Cost is web.Costs'.
func (r *Replica) Cost(link string) (incident.Verdict, bool) {
	f := ahead(Start.Add(9*time.Minute), 780, 990)
	return incident.Verdict{At: f.At, Sentence: f.Sentence(1), Prospect: f}, link != "den-kcy"
}

// Compare is web.Network's.
func (r *Replica) Compare(context.Context) (api.Comparison, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return api.Comparison{Position: r.board.Position, Compared: 3, Differences: slices.Clone(r.differs)}, nil
}

// Differ makes the routers stand otherwise than the ledger says.
func (r *Replica) Differ(d ...api.Difference) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.differs = d
}

// Status is web.Health's.
func (r *Replica) Status() api.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.status
	s.Position, s.Digest = r.board.Position, r.board.Digest
	return s
}

// SetStatus changes what the replica says of itself.
func (r *Replica) SetStatus(change func(*api.Status)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.status)
}
