package incident

import (
	"fmt"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/policy"
	"github.com/detour-net/detour/remediators"
)

// World is everything outside the ledger that a decision may rest on.
type World struct {
	Now         time.Time
	Me          string // this process: a replica that was restarted is another
	Policy      *policy.Policy
	Mode        events.Mode // as configured
	Inventory   Inventory
	Remediators []remediators.Remediator
	Events      []events.Event           // arrived and not yet recorded, in order
	Facts       map[string]events.Facts  // by incident: the newest that this replica has seen; begun to be read after its newest record, alarms aside
	Results     map[string][]events.Body // by incident: what came of this replica's commands, oldest first
	MayRun      []string                 // replicas, or their processes, that may be running besides this one; nil: none
	Pursues     func(*Incident) bool     // which incidents this replica drives; nil: all. An economy: any choice is safe
	Rests       map[string]Rest          // by incident: as the last decision that stands gave them; nil: none
	AtMost      int                      // about how many records to decide on together; 0: MaxRecords
	Lap         func(check string)       // as policy.Question has it

	// Told returns what is known of a target without reading it, if anything is. It is asked about incidents of which nothing is
	// on the ledger; nil: nothing is ever known.
	Told func(Observe) (facts events.Facts, known bool)
}

// Command is what a decision asks of the shell: Actuate, Look, Confirm or Observe. The shell runs each once, by Key,
// and hands what comes of it to the next decision.
type Command interface{ Key() string }

// Actuate sends a change to its router.
type Actuate struct{ Order events.Order }

// Look raises the router's election id to Fence and reads a change back.
type Look struct {
	Order events.Order
	Fence uint64
}

// Confirm tells a router to keep a change that it would otherwise roll back.
type Confirm struct{ Order events.Order }

// Observe reads the pre-images and telemetry of an incident's target. Whatever is computed of the network with it counts the
// links of Besides as drained, and says so (events.Prospect): a drain that has been admitted need not be seen yet. Hard asks for
// what taking the target out of SPF would do, where else it is what a drain does that leaves it as the last resort.
type Observe struct {
	Incident string
	Target   events.Target
	Besides  []string
	Hard     bool
}

// Key identifies the command among those of its replica.
func (c Actuate) Key() string { return actKey("actuate", c.Order, c.Order.Fence) }

// Key identifies the command among those of its replica.
func (c Look) Key() string { return actKey("look", c.Order, c.Fence) }

// Key identifies the command among those of its replica.
func (c Confirm) Key() string { return actKey("confirm", c.Order, c.Order.Fence) }

// Key identifies the command among those of its replica.
func (c Observe) Key() string { return "observe " + c.Incident }

func actKey(what string, o events.Order, fence uint64) string {
	return fmt.Sprintf("%s %s %d.%d %t %d", what, o.Incident, o.Step, o.Act.Change, o.Undo, fence)
}

// Decision is what Decide returns.
type Decision struct {
	Records  []events.Record // to append in one commit at the Board's position
	Commands []Command       // of incidents without records in this decision
	Rests    map[string]Rest // of incidents that are held: for the next decision, once Records stand
	Wake     time.Time       // when to decide again if nothing happens before; zero: never
	Ahead    []Actuate       // what the intents among Records lead to once they stand: to be made ready, not to leave before
	Fault    string          // a record that was decided on and is not lawful: a defect; then there are no records
}

// MaxRecords bounds one decision; what is left is decided next. Should its commit not fit into one message, the shell asks
// for less by World.AtMost.
const MaxRecords = 2048

// Decide says what to do at b in the World w: first what to make of arrived events, then for each open incident, in
// order of urgency, what comes next. Each is decided on the Board that the ones before it lead to, so that two incidents
// never share the last place of a budget.
func Decide(b *Board, w World) Decision {
	if b.Halted() != "" {
		return Decision{}
	}
	d := &draft{board: b.Fork(), world: w, position: b.Position + 1, atMost: MaxRecords, rests: map[string]Rest{}}
	if w.AtMost > 0 {
		d.atMost = min(w.AtMost, MaxRecords)
	}
	if w.Now.Before(b.Now) {
		d.world.Now = b.Now
	}
	d.board.Now = d.world.Now
	for n := range w.Events {
		d.take(&w.Events[n])
	}
	for _, i := range d.board.Open() {
		if len(d.records) >= d.atMost {
			d.wakeAt(d.world.Now)
			break
		}
		d.pursue(i.ID)
	}
	if d.fault != "" {
		return Decision{Fault: d.fault}
	}
	return Decision{Records: d.records, Commands: d.commands, Ahead: d.ahead, Rests: d.rests, Wake: d.wake}
}

// draft is a decision being made.
type draft struct {
	board    *Board // a fork, folded as records are decided on
	world    World
	position uint64
	records  []events.Record
	commands []Command
	ahead    []Actuate
	rests    map[string]Rest
	wake     time.Time
	fault    string
	atMost   int                      // records
	told     map[string]*events.Facts // by incident, as far as asked; nil for nothing
	room     []events.Observed        // for the records of events

	causes  map[string]*cause // of the incidents that have one in common with others; nil: not looked for yet
	alarmed map[string]bool   // links that alarm, known with causes
	joints  map[*cause]*joint // as far as decided
}

// append decides on a record and folds it.
func (d *draft) append(id string, body events.Body) {
	r := events.Record{Incident: id, Body: body}
	c := events.Commit{At: d.world.Now, By: d.world.Me, Position: d.position}
	if why := d.board.fold(c, r); why != "" && d.fault == "" {
		d.fault = fmt.Sprintf("%s of incident %q: %s", body.Kind(), id, why)
	}
	d.records = append(d.records, r)
	if body.Kind() == events.KindRelapsed {
		d.causes, d.joints = nil, nil // it alarms anew
	}
}

func (d *draft) command(c Command) { d.commands = append(d.commands, c) }

// wakeAt asks for a decision at t; in the past means soon.
func (d *draft) wakeAt(t time.Time) {
	if d.wake.IsZero() || t.Before(d.wake) {
		d.wake = t
	}
}

// maxChain bounds how many records-only moves one decision makes for one incident.
const maxChain = 16

// pursue decides for one incident until it needs something from outside. Its commands count only if it needed no record:
// they would rest on what is not on the ledger yet.
func (d *draft) pursue(id string) {
	commands := len(d.commands)
	for range maxChain {
		i, ok := d.board.Incident(id)
		if !ok || !i.IsOpen() || d.fault != "" {
			break
		}
		if onLedger := !d.changed(id); onLedger && d.world.Pursues != nil && !d.world.Pursues(i) {
			d.wakeAt(d.world.Now.Add(d.clocks().LookEvery.Std()))
			break
		}
		before := len(d.records)
		d.next(i)
		if len(d.records) == before {
			break
		}
		d.commands = d.dropEffects(d.commands, commands)
		if len(d.records) >= d.atMost {
			break
		}
	}
	if i, ok := d.board.Incident(id); ok && d.changed(id) && i.IsOpen() {
		d.commands = d.dropEffects(d.commands, commands)
	}
}

// changed reports whether this decision has records of the incident.
func (d *draft) changed(id string) bool {
	_, ok := d.board.incidents[id]
	return ok
}

// dropEffects removes the commands from index from on, but for observations, which touch nothing.
func (d *draft) dropEffects(commands []Command, from int) []Command {
	kept := commands[:from]
	for _, c := range commands[from:] {
		if _, ok := c.(Observe); ok {
			kept = append(kept, c)
		}
	}
	return kept
}

// next is one move: one case a phase, in the order of the table.
func (d *draft) next(i *Incident) {
	switch i.Phase {
	case Open:
		d.open(i)
	case Waiting:
		d.waiting(i)
	case Asking:
		d.asking(i)
	case Acting:
		d.acting(i)
	case Verifying:
		d.verifying(i)
	case Confirming:
		d.confirming(i)
	case Holding:
		d.holding(i)
	case Reverting:
		d.reverting(i)
	case Probation:
		d.probation(i)
	case Stuck:
		d.stuck(i)
	}
}
