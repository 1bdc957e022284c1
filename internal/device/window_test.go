package device

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/events"
)

// window is a router that takes a commit to be confirmed and carries out nothing of it: until that is closed it refuses
// everything else.
type window struct {
	mu   sync.Mutex
	id   string // of the commit that is open
	busy bool   // it does not answer to a cancel
}

func (w *window) set(req *gnmi.SetRequest) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range req.GetExtension() {
		c := x.GetCommit()
		switch {
		case c.GetCommit() != nil:
			w.id = c.GetId()
			return nil
		case c.GetCancel() != nil && w.busy:
			return status.Error(codes.Unavailable, "busy")
		case c.GetCancel() != nil && c.GetId() == w.id:
			w.id = ""
			return nil
		}
	}
	if w.id != "" && len(req.GetUpdate())+len(req.GetDelete()) > 0 {
		return status.Error(codes.FailedPrecondition, w.id+" waits to be confirmed")
	}
	return nil
}

func (w *window) alter(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// TestOpenCommitIsLookedAfter has the cancel of an open commit fail: nobody says how the change stands until it is closed,
// so nothing else is sent there meanwhile.
func TestOpenCommitIsLookedAfter(t *testing.T) {
	w := &window{busy: true}
	l := serveOdd(t, &odd{
		config: isisTree("1", `,"metric":10`), set: w.set,
		leaf: func(req *gnmi.GetRequest) (*gnmi.GetResponse, error) {
			update := &gnmi.Update{Path: req.GetPath()[0], Val: ietf("10")}
			return &gnmi.GetResponse{Notification: []*gnmi.Notification{{Timestamp: time.Now().UnixNano(), Update: []*gnmi.Update{update}}}}, nil
		},
	}, false)
	l.Proven(events.Proved{Device: "odd", Bars: []events.Bar{events.BarArbitration, events.BarCommitConfirmed}})
	end := l.odd()
	if len(end.Leaves) != 1 || end.Unreadable != "" {
		t.Fatalf("%+v", end)
	}
	order := events.Order{
		Incident: "odd-even-1", Mode: events.Live, Act: events.Act{Fence: 100}, Deadline: time.Now().Add(patience), Arm: events.Duration(time.Minute),
		Change: events.Change{Device: "odd", Settings: []events.Setting{{LeafRef: end.Leaves[0].LeafRef, Before: end.Leaves[0].Config, After: events.UintValue(16777214)}}},
	}
	ctx := context.Background()
	if body, ok := l.Set(ctx, order, func() error { return nil }).(events.Unknown); !ok || body.Sets != 2 {
		t.Errorf("set: %+v, want what nobody knows, after two requests", body)
	}
	if found, err := l.Look(ctx, order, 101); err == nil {
		t.Errorf("look, while it is open: %+v", found)
	}
	w.alter(func() { w.busy = false })
	if found, err := l.Look(ctx, order, 101); err != nil || found.Seen != events.SeenBefore {
		t.Errorf("look: %+v, %v", found, err)
	}
	w.alter(func() {
		if w.id != "" {
			t.Errorf("commit %q is still open", w.id)
		}
	})
	if found, err := l.Look(ctx, order, 102); err != nil || found.Seen != events.SeenBefore {
		t.Errorf("look, when none is open: %+v, %v", found, err)
	}
}
