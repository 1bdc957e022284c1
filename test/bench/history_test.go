package bench

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/policy"
	"github.com/detour-net/detour/remediators"
)

// history writes a ledger as a year of service would: fault after fault on the links of the backbone, each noticed,
// drained, verified, held while its alarms go on and storms of them come, released and closed. The core itself decides on
// every record; routers and time are made up.
type history struct {
	board *incident.Board
	world incident.World
	links []events.Target
	ends  map[string]network.Link
	write func(events.Commit) error // gets every commit in order, sealed for its position

	records, commits, faults int
	seal                     func(*events.Commit, uint64) error
}

// historyPolicy is a production's, but for the limits that would keep faults waiting for each other.
const historyPolicy = `rules:
  - {name: sick-links, match: {kinds: [link-errors]}, remediation: link-drain, with: {style: soft}, autonomy: auto}
budgets: {rates: [{per: 1h, at_most: 60}]}
prospect: {missing: allow}
clocks: {hold: 10m, clear_for: 5m, probation: 10m, cool_down: 0s}
`

func newHistory(seal func(*events.Commit, uint64) error, write func(events.Commit) error) (*history, error) {
	topology := backbone.Abilene()
	for i := range topology.Routers {
		topology.Routers[i].Address = "127.0.0.1:57400"
	}
	resolver, err := network.NewResolver(topology)
	if err != nil {
		return nil, err
	}
	rules, err := policy.Parse("policy.yaml", []byte(historyPolicy))
	if err != nil {
		return nil, err
	}
	h := &history{board: incident.NewBoard(), seal: seal, write: write, ends: map[string]network.Link{}}
	for _, l := range topology.Links {
		target, _ := resolver.Link(l.Name)
		h.links, h.ends[l.Name] = append(h.links, target), l
	}
	h.world = incident.World{
		Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Me: "replica-0/1", Policy: rules, Mode: events.Live,
		Inventory: resolver, Remediators: remediators.All(), Facts: map[string]events.Facts{}, Results: map[string][]events.Body{},
	}
	return h, nil
}

// Alarms of one fault: one every half minute in a commit of its own, and storms that are recorded together.
const (
	alarms = 20
	storms = 6
)

// fault lets one link fall sick and be healed; storm is how many alarms are recorded together in a storm.
func (h *history) fault(storm int) error {
	target := h.links[h.faults%len(h.links)]
	h.faults++
	end := h.ends[target.Name].A
	event := 0
	fire := func(n int, state events.AnomalyState) []events.Event {
		list := make([]events.Event, n)
		for i := range list {
			event++
			list[i] = anomaly(eventID(fmt.Sprintf("%08x", h.faults), event), end, h.world.Now)
			list[i].Data.State = state
		}
		return list
	}
	if err := h.decide(fire(1, events.Firing)...); err != nil {
		return err
	}
	for n := range alarms {
		h.world.Now = h.world.Now.Add(30 * time.Second)
		if err := h.decide(fire(1, events.Firing)...); err != nil {
			return err
		}
		if n%(alarms/storms) == 0 && n/(alarms/storms) < storms {
			if err := h.decide(fire(storm, events.Firing)...); err != nil {
				return err
			}
		}
	}
	if err := h.decide(fire(1, events.Resolved)...); err != nil {
		return err
	}
	for {
		if i, ok := h.board.Latest(target.Key()); !ok || !i.IsOpen() {
			return nil
		}
		h.world.Now = h.world.Now.Add(time.Minute)
		if err := h.decide(); err != nil {
			return err
		}
	}
}

// decide records what follows from events, and what follows from that, until nothing does at this time.
func (h *history) decide(list ...events.Event) error {
	for h.world.Events = list; ; h.world.Events = nil {
		d := incident.Decide(h.board, h.world)
		if d.Fault != "" {
			return fmt.Errorf("the history is not lawful: %s", d.Fault)
		}
		if len(d.Records) > 0 {
			if err := h.append(d.Records); err != nil {
				return err
			}
		} else if !h.carryOut(d.Commands) {
			return nil
		}
		if len(d.Records) > 0 {
			h.carryOut(d.Commands)
		}
		h.world.Now = h.world.Now.Add(time.Millisecond)
	}
}

func (h *history) append(records []events.Record) error {
	c := events.Commit{ID: uuid.NewString(), Prev: h.board.Digest, At: h.world.Now, By: h.world.Me, Records: records}
	if err := h.seal(&c, h.board.Position); err != nil {
		return err
	}
	if err := h.board.Apply(c); err != nil {
		return err
	}
	clear(h.world.Results)
	h.records, h.commits = h.records+len(records), h.commits+1
	return h.write(c)
}

// carryOut is what routers would do. It reports whether there is anything new to decide on.
func (h *history) carryOut(commands []incident.Command) (news bool) {
	for _, c := range commands {
		switch c := c.(type) {
		case incident.Observe:
			if h.world.Facts[c.Incident].At.Equal(h.world.Now) {
				continue
			}
			h.world.Facts[c.Incident] = h.facts(c.Target)
		case incident.Actuate:
			h.world.Results[c.Order.Incident] = append(h.world.Results[c.Order.Incident], events.Applied{
				Act: c.Order.Act, Bars: []events.Bar{events.BarDeadline}, Took: events.Duration(3 * time.Millisecond), Sets: 1,
			})
		default:
			continue
		}
		news = true
	}
	return news
}

// facts are what would be seen of a link now: drained or not as the ledger says.
func (h *history) facts(target events.Target) events.Facts {
	drained := false
	if i, ok := h.board.Latest(target.Key()); ok && i.IsOpen() {
		drained = i.Drained()
	}
	f := events.Facts{At: h.world.Now, Network: events.NetworkFacts{
		Routers: len(h.links), Seen: len(h.links), Links: len(h.links), WorstLink: "atl-wdc", WorstPermil: 431,
	}}
	for n, end := range target.Ends {
		metric, bps := h.ends[target.Name].A.Metric, int64(2_000_000_000+n)
		if drained {
			metric, bps = 1<<24-2, 0
		}
		e := events.EndFacts{
			End: end, Oper: "UP", Adjacencies: 1, System: end.Device, Neighbours: []string{target.Ends[1-n].Device},
			Traffic: &events.Traffic{Window: events.Duration(4 * time.Second), InBPS: bps, OutBPS: bps, InPPS: bps / 8000},
			Profile: events.Profile{Name: "openconfig", Software: "1.0.0", SoftMetric: 1<<24 - 2, HardMetric: 1<<24 - 1, Bars: []events.Bar{events.BarDeadline}, Qualified: true},
			Booted:  time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC),
		}
		for _, family := range []string{events.IPv4, events.IPv6} {
			value := events.UintValue(uint64(metric))
			e.Leaves = append(e.Leaves, events.LeafFacts{
				LeafRef: events.LeafRef{Leaf: events.ISISMetric, Interface: end.Interface, Level: 2, Family: family}, Config: value, State: value,
			})
		}
		f.Ends = append(f.Ends, e)
	}
	return f
}

// A history must be what it claims: every fault drained and restored, and nothing unlawful.
func TestHistory(t *testing.T) {
	var kinds []events.Kind
	largest := 0
	h, err := newHistory(func(c *events.Commit, after uint64) (err error) {
		c.Position = after + 1
		_, c.Digest, err = c.Encode()
		return err
	}, func(c events.Commit) error {
		largest = max(largest, len(c.Records))
		for _, r := range c.Records {
			if r.Body.Kind() != events.KindObserved {
				kinds = append(kinds, r.Body.Kind())
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	const faults = 20 // more than there are links
	for range faults {
		if err := h.fault(50); err != nil {
			t.Fatal(err)
		}
	}
	if f, frozen := h.board.FrozenBy(nil); frozen {
		t.Fatalf("the history does not fold: %s", f.Reason)
	}
	closed := h.board.Closed()
	if len(closed) != faults {
		t.Fatalf("%d incidents ended, want %d", len(closed), faults)
	}
	for _, i := range closed {
		if i.End.Outcome != events.Restored {
			t.Errorf("%s ended as %s: %s", i.ID, i.End.Outcome, i.End.Reason)
		}
	}
	for _, kind := range []events.Kind{events.KindPlanned, events.KindIntended, events.KindApplied, events.KindVerified, events.KindReleased, events.KindClosed} {
		if n := len(slices.DeleteFunc(slices.Clone(kinds), func(k events.Kind) bool { return k != kind })); n < faults {
			t.Errorf("%d records %s, want at least one for each of %d faults", n, kind, faults)
		}
	}
	if largest < 50 {
		t.Errorf("the largest commit has %d records, want storms of 50", largest)
	}
	t.Logf("%d records in %d commits", h.records, h.commits)
}
