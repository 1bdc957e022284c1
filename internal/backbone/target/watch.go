package target

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/internal/backbone/model"
)

const (
	defaultSample = 10 * time.Second      // of TARGET_DEFINED
	minimumSample = 10 * time.Millisecond // also of heartbeats; and what a client gets that asks for no interval (gNMI specification, section 3.5.1.5.2)
)

// watch is one subscription of a stream.
type watch struct {
	place
	asked     *gpb.Subscription
	sample    time.Duration // 0 when nothing is sampled
	heartbeat time.Duration // 0 for none

	nextSample, nextBeat time.Time              // in real time
	sent                 map[string]model.Value // what the client has last been told, by key

	of    *Leaves
	found []*Reading // of those
}

// prepare works out intervals.
func (w *watch) prepare() error {
	if _, known := gpb.SubscriptionMode_name[int32(w.asked.GetMode())]; !known {
		return status.Errorf(codes.InvalidArgument, "%s: there is no subscription mode %d", model.Key(w.path), w.asked.GetMode())
	}
	if max(w.asked.GetHeartbeatInterval(), w.asked.GetSampleInterval()) > math.MaxInt64 {
		return status.Errorf(codes.InvalidArgument, "%s: an interval is longer than %v", model.Key(w.path), time.Duration(math.MaxInt64))
	}
	w.heartbeat = time.Duration(w.asked.GetHeartbeatInterval())
	asked := time.Duration(w.asked.GetSampleInterval())
	switch w.asked.GetMode() {
	case gpb.SubscriptionMode_TARGET_DEFINED:
		w.sample = cmp.Or(asked, defaultSample)
	case gpb.SubscriptionMode_SAMPLE:
		w.sample = cmp.Or(asked, minimumSample)
	}
	if w.sample != 0 && w.sample < minimumSample || w.heartbeat != 0 && w.heartbeat < minimumSample {
		return status.Errorf(codes.InvalidArgument, "%s: an interval is shorter than %v", model.Key(w.path), minimumSample)
	}
	if w.asked.GetMode() == gpb.SubscriptionMode_ON_CHANGE && w.node.Counts() {
		return status.Errorf(codes.InvalidArgument, "%s: counters cannot be subscribed to ON_CHANGE; use SAMPLE or TARGET_DEFINED", model.Key(w.path))
	}
	return nil
}

// sampled says whether a leaf is sent at intervals rather than when it changes.
func (w *watch) sampled(leaf *Reading) bool {
	switch w.asked.GetMode() {
	case gpb.SubscriptionMode_SAMPLE:
		return true
	case gpb.SubscriptionMode_TARGET_DEFINED:
		return leaf.Counts
	}
	return false
}

// follow sends the first values, that the stream is in sync, and then whatever is due.
func (s *subscription) follow(ctx context.Context) error {
	started := time.Now()
	for _, w := range s.watches {
		w.sent = map[string]model.Value{}
		w.schedule(started)
	}
	changed, err := s.round(ctx, started, true)
	if err != nil {
		return err
	}
	if err := s.synced(); err != nil {
		return err
	}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(s.untilDue())
		select {
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		case <-s.server.Done:
			return status.Error(codes.Unavailable, "the target is shutting down")
		case <-changed:
		case <-timer.C:
		}
		if changed, err = s.round(ctx, time.Now(), false); err != nil {
			return err
		}
	}
}

// schedule sets when the watch is due next, if it is not already due later.
func (w *watch) schedule(now time.Time) {
	if w.sample > 0 && !w.nextSample.After(now) {
		w.nextSample = now.Add(w.sample)
	}
	if w.heartbeat > 0 && !w.nextBeat.After(now) {
		w.nextBeat = now.Add(w.heartbeat)
	}
}

func (s *subscription) untilDue() time.Duration {
	wait := time.Hour
	for _, w := range s.watches {
		if w.sample > 0 {
			wait = min(wait, time.Until(w.nextSample))
		}
		if w.heartbeat > 0 {
			wait = min(wait, time.Until(w.nextBeat))
		}
	}
	return max(wait, 0)
}

// round sends what is due at real time at, and returns the channel that tells of the next change. The first round tells
// everything, or only remembers it when the client wants updates alone.
func (s *subscription) round(ctx context.Context, at time.Time, first bool) (changed <-chan struct{}, err error) {
	var updates []*gpb.Update
	var deletes []*gpb.Path
	var told int64
	err = s.server.Device.View(ctx, func(v View) error {
		changed, told = v.Changed, v.Now.UnixNano()
		updates, deletes = s.gather(v, at, first)
		return nil
	})
	if err != nil || first && s.list.GetUpdatesOnly() {
		return changed, err
	}
	return changed, s.notify(told, updates, deletes)
}

// gather is what is due of all watches.
func (s *subscription) gather(v View, at time.Time, first bool) (updates []*gpb.Update, deletes []*gpb.Path) {
	for _, w := range s.watches {
		sample := first || w.sample > 0 && !at.Before(w.nextSample)
		beat := first || w.heartbeat > 0 && !at.Before(w.nextBeat)
		changes := w.lookUp(v.Leaves)
		for _, leaf := range w.found {
			if value, send := w.due(leaf, v.Now, sample, beat); send {
				updates = append(updates, s.update(leaf, value))
			}
		}
		if changes {
			deletes = append(deletes, w.gone()...)
		}
		w.schedule(at)
	}
	return updates, deletes
}

// lookUp finds the watch's leaves, and reports whether they may be others than before.
func (w *watch) lookUp(l *Leaves) (anew bool) {
	if w.of == l {
		return false
	}
	w.of, w.found = l, l.find(w.node, w.path)
	return true
}

// due reads a leaf if it may have to be sent, and says whether it has.
func (w *watch) due(leaf *Reading, now time.Time, sample, beat bool) (model.Value, bool) {
	sampled := w.sampled(leaf)
	if sampled && !sample && !beat || !sampled && leaf.Counts && !beat {
		return model.Value{}, false
	}
	value := leaf.Read(now)
	last, known := w.sent[leaf.Key]
	same := known && last.Equal(value)
	w.sent[leaf.Key] = value
	switch {
	case beat || !same:
		return value, true
	case sampled:
		return value, !w.asked.GetSuppressRedundant()
	}
	return value, false
}

// gone are the paths of leaves that the client knows and that are no more.
func (w *watch) gone() []*gpb.Path {
	if len(w.sent) == 0 {
		return nil
	}
	left := make(map[string]bool, len(w.found))
	for _, leaf := range w.found {
		left[leaf.Key] = true
	}
	var gone []*gpb.Path
	for _, key := range slices.Sorted(maps.Keys(w.sent)) {
		if left[key] {
			continue
		}
		delete(w.sent, key)
		if path, err := model.Parse(key); err == nil {
			gone = append(gone, &gpb.Path{Elem: path})
		}
	}
	return gone
}
