package backbone

import (
	"bytes"
	"sync"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/internal/backbone/model"
	"github.com/detour-net/detour/internal/backbone/target"
)

// SetInfo is what a Match can look at. Sets without operations, such as a confirmation, are never matched.
type SetInfo struct {
	Router  string
	Number  int // of this Set among the router's Sets with operations since the start, from 1
	Request *gpb.SetRequest
	Undo    bool // it brings every leaf that it names back to what it was at the start
}

// Match picks the Sets that an injection is about.
type Match func(SetInfo) bool

// Any matches every Set.
func Any(SetInfo) bool { return true }

// Undo matches a Set that brings everything it names back to what it was at the start.
func Undo(s SetInfo) bool { return s.Undo }

// Do matches a Set that does not.
func Do(s SetInfo) bool { return !s.Undo }

// Nth matches the n-th Set since the start, from 1.
func Nth(n int) Match { return func(s SetInfo) bool { return s.Number == n } }

// First matches the first n Sets that match does. It counts, so each injection needs one of its own.
func First(n int, match Match) Match {
	left := n
	return func(s SetInfo) bool {
		if left == 0 || !match(s) {
			return false
		}
		left--
		return true
	}
}

// Behaviour is how a router treats a Set in another way than it should. Each is one that a real router, or a network on
// the way to it, was seen to show.
type Behaviour struct {
	name         string
	before       time.Duration
	refuse       *status.Status
	late         bool
	after        time.Duration
	loseReply    bool
	cut          bool
	ignore       bool
	unprogrammed bool
	firstOnly    bool
}

func (b Behaviour) limit() int {
	if b.firstOnly {
		return 1
	}
	return -1
}

// Refuse answers with a status and changes nothing.
func Refuse(code codes.Code, message string) Behaviour {
	return Behaviour{name: "refuse", refuse: status.New(code, message)}
}

// Abort answers ABORTED, which is what a failed commit gives (gNMI specification, section 3.4.7), and changes nothing.
func Abort(message string) Behaviour { return Refuse(codes.Aborted, message) }

// LoseReply commits and answers UNAVAILABLE.
func LoseReply() Behaviour { return Behaviour{name: "lose-reply", loseReply: true} }

// CutAfterCommit commits and cuts the connection, with every RPC on it.
func CutAfterCommit() Behaviour {
	return Behaviour{name: "cut-after-commit", cut: true, loseReply: true}
}

// CommitLate commits once the injection is released or, if after is positive, when that time is over, whether or not the
// client still waits. Arbitration is decided then.
func CommitLate(after time.Duration) Behaviour {
	return Behaviour{name: "commit-late", late: true, after: after}
}

// Hang never answers and never commits.
func Hang() Behaviour { return Behaviour{name: "hang", before: forever} }

// Delay waits before it does what it should.
func Delay(d time.Duration) Behaviour { return Behaviour{name: "delay", before: d} }

// Ignore answers OK and changes nothing.
func Ignore() Behaviour { return Behaviour{name: "ignore", ignore: true} }

// NotProgrammed answers OK and shows the new configuration, but state and forwarding stay as they were.
func NotProgrammed() Behaviour { return Behaviour{name: "not-programmed", unprogrammed: true} }

// FirstOnly answers OK and does only the first of the operations.
func FirstOnly() Behaviour { return Behaviour{name: "first-only", firstOnly: true} }

// Injection is a behaviour in force at a router.
type Injection struct {
	router    *Router
	match     Match
	behaviour Behaviour
	hits      int
	released  chan struct{}
	once      sync.Once
}

// OnSet lets the router treat the Sets that match in the given way, until the injection is removed. Of several injections
// that match, the one that came first counts.
func (r *Router) OnSet(match Match, behaviour Behaviour) *Injection {
	r.network.lock()
	defer r.network.unlock()
	in := &Injection{router: r, match: match, behaviour: behaviour, released: make(chan struct{})}
	r.injections = append(r.injections, in)
	return in
}

// Release lets Sets that wait in CommitLate go on, and those that come later not wait.
func (in *Injection) Release() { in.once.Do(func() { close(in.released) }) }

// Hits is how many Sets were treated this way, or are about to.
func (in *Injection) Hits() int {
	in.router.network.lock()
	defer in.router.network.unlock()
	return in.hits
}

// Remove ends the injection for Sets yet to come.
func (in *Injection) Remove() {
	r := in.router
	r.network.lock()
	defer r.network.unlock()
	for i, other := range r.injections {
		if other == in {
			r.injections = append(r.injections[:i:i], r.injections[i+1:]...)
			return
		}
	}
}

// injected is how a Set is to be treated.
func (r *Router) injected(p *target.Plan) (Behaviour, *Injection) {
	if len(p.Operations) == 0 {
		return Behaviour{}, nil
	}
	r.network.lock()
	defer r.network.unlock()
	r.numbered++
	if len(r.injections) == 0 {
		return Behaviour{}, nil
	}
	info := SetInfo{Router: r.name, Number: r.numbered, Request: p.Request, Undo: r.undoes(p)}
	for _, in := range r.injections {
		if in.match(info) {
			in.hits++
			r.network.announce()
			return in.behaviour, in
		}
	}
	return Behaviour{}, nil
}

// undoes says whether a plan brings all that it names back to the start.
func (r *Router) undoes(p *target.Plan) bool {
	for i := range p.Operations {
		op := &p.Operations[i]
		if op.Kind == gpb.UpdateResult_DELETE {
			if _, ok := r.initial[model.Key(op.Path)]; ok || !op.Node.Leaf {
				return false
			}
		}
		for _, leaf := range op.Leaves {
			if !bytes.Equal(r.initial[leaf.Key].Value.JSON, leaf.Value.JSON) {
				return false
			}
		}
	}
	return true
}
