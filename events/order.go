package events

import "time"

// Order is what a worker asks of a router on behalf of one recorded intent. It is not recorded: the intent that stands
// behind it is.
type Order struct {
	Incident string
	Mode     Mode // anything but Live never reaches a router
	Act
	Change   Change    // what to set; of an undo, already the undone change
	Deadline time.Time // nothing is sent after it, and the RPC ends with it
	ReadAt   time.Time // when Change's pre-images were last read from the router; zero: not yet
	Arm      Duration  // ask for commit-confirmed with this rollback time; 0: do not
	Pending  bool      // of an undo: an armed commit of this incident may still wait for its confirmation
}

// CommitID names the order's commit-confirmed transaction on the router; the undo of a change knows it without asking.
func (o Order) CommitID() string { return "detour-" + o.Incident }

// Identity is how a router knows one writer from another: the gNMI master-arbitration role of the whole service.
const Identity = "detour"
