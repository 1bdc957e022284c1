package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/openconfig/gnmi/proto/gnmi"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"
)

// run keeps the session alive until ctx ends.
func (s *session) run(ctx context.Context) {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval = 200 * time.Millisecond
	pause.MaxInterval = s.opts.ReconnectWithin
	for ctx.Err() == nil {
		err := s.live(ctx, pause.Reset)
		s.seen.forget()
		s.forgetLayout()
		if ctx.Err() != nil {
			return
		}
		s.fail(err)
		select {
		case <-ctx.Done():
		case <-time.After(pause.NextBackOff()):
			s.conn.ResetConnectBackoff()
		}
	}
}

// fail notes why the router cannot be followed and says so once.
func (s *session) fail(err error) {
	err = explain(s.router, err)
	s.mu.Lock()
	news := s.err == nil || s.err.Error() != err.Error()
	s.err = err
	s.mu.Unlock()
	if news {
		s.log.Warn("telemetry lost", zap.Error(err))
	}
}

func (s *session) healed() {
	s.mu.Lock()
	news := s.err != nil
	s.err = nil
	s.mu.Unlock()
	if news {
		s.log.Info("telemetry is back")
	}
}

// live greets the router and follows it until something breaks; healthy is called once everything has been heard.
func (s *session) live(ctx context.Context, healthy func()) error {
	s.awaitChannel(ctx)
	if err := s.greet(ctx); err != nil {
		return err
	}
	if len(s.interfaces) == 0 {
		s.healed()
		healthy()
		return s.idle(ctx)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.follow(ctx, s.counterWatch()) })
	group.Go(func() error { return s.followBeside(ctx) })
	group.Go(func() error { return s.followConfigured(ctx) })
	group.Go(func() error {
		return s.follow(ctx, s.stateWatch(func() {
			s.healed()
			healthy()
		}))
	})
	return group.Wait()
}

// idle watches a router that ends no link: its channel is all there is to hear.
func (s *session) idle(ctx context.Context) error {
	tick := time.NewTicker(s.opts.TelemetryInterval)
	defer tick.Stop()
	for {
		if state := s.conn.GetState(); state != connectivity.Ready {
			return fmt.Errorf("the channel is %s", state)
		}
		s.seen.touch(s.opts.Now())
		s.seen.tells(s.opts.Now())
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// watch is one set of paths that is followed over one stream.
type watch struct {
	name     string
	paths    []*gnmi.Path
	modes    []watchMode // best first
	silence  time.Duration
	begin    func(watchMode)
	take     func(*gnmi.Notification)
	complete func()
}

// watchMode is one way to follow paths. A router that cannot do one is asked for the next.
type watchMode string

const (
	onChange watchMode = "on-change"
	sampling watchMode = "sample"
	polling  watchMode = "once"
)

// counterWatch follows the counters, which come again at every interval. What comes at once when they are asked for is heard, and
// tells nothing of whether the router goes on: one that only ever answers is asked anew each time that it falls silent.
func (s *session) counterWatch() watch {
	var asked time.Time
	w := watch{
		name: "counters", modes: []watchMode{sampling, polling}, silence: 2 * s.opts.StaleAfter,
		begin: func(watchMode) { asked = s.opts.Now() }, complete: func() {},
		take: func(n *gnmi.Notification) {
			now := s.opts.Now()
			s.seen.takeCounters(s.profile.paths, n, now)
			if now.Sub(asked) >= s.opts.TelemetryInterval/2 {
				s.seen.tells(now)
			}
		},
	}
	for _, port := range s.counted() {
		w.paths = append(w.paths, s.profile.paths.counters.fill(names{"port": port}))
	}
	return w
}

func (s *session) stateWatch(complete func()) watch {
	w := watch{
		name: "states", modes: []watchMode{onChange, sampling, polling},
		begin: func(m watchMode) { s.seen.beginStates(m != onChange) },
		take:  s.takeStates,
		complete: func() {
			s.seen.completeStates()
			complete()
		},
	}
	p := s.profile.paths
	lay := s.knownLayout()
	for _, port := range s.ports() {
		w.paths = append(w.paths, p.oper.fill(names{"port": port}))
	}
	for _, id := range s.interfaces {
		if iface, ok := lay[id]; ok && iface.wrong == "" {
			bind := names{"instance": iface.place.instance, "protocol": iface.place.protocol, "interface": id}
			w.paths = append(w.paths, p.adjacency.fill(bind), p.metricState.fill(bind))
		}
	}
	return w
}

// takeStates also notices that metrics have come or gone: then the router's configuration is surveyed anew.
func (s *session) takeStates(n *gnmi.Notification) {
	if s.seen.takeStates(s.profile.paths, n, s.opts.Now()) {
		s.forgetLayout()
	}
}

func (s *session) knownLayout() layout {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.layout
}

// ports are the ports behind the topology's interfaces, each once.
func (s *session) ports() []string {
	var list []string
	for _, id := range s.interfaces {
		if port := s.portOf(id); !slices.Contains(list, port) {
			list = append(list, port)
		}
	}
	return list
}

// portOf is the interface table's name of an IS-IS interface; its own name where the router says nothing else.
func (s *session) portOf(id string) string {
	if iface, ok := s.knownLayout()[id]; ok && iface.port != "" {
		return iface.port
	}
	return id
}

// follow tries each mode until one works, and returns when that one ends.
func (s *session) follow(ctx context.Context, w watch) error {
	var err error
	for _, mode := range w.modes {
		worked := false
		each := w
		each.complete = func() {
			worked = true
			w.complete()
		}
		w.begin(mode)
		if mode == polling {
			err = s.poll(ctx, each)
		} else {
			err = s.stream(ctx, each, mode)
		}
		switch status.Code(err) {
		case codes.InvalidArgument, codes.Unimplemented, codes.NotFound, codes.OutOfRange, codes.Internal, codes.Unknown:
			if worked || ctx.Err() != nil {
				return fmt.Errorf("telemetry of %s: %w", w.name, err)
			}
			s.log.Info("telemetry mode not supported", zap.String("watch", w.name), zap.String("mode", string(mode)), zap.Error(err))
		default:
			return fmt.Errorf("telemetry of %s: %w", w.name, err)
		}
	}
	return fmt.Errorf("telemetry of %s: %w: %w", w.name, errNoMode, err)
}

// errNoMode says that a router can follow paths in no way.
var errNoMode = errors.New("not told in any mode")

// stream follows w over one Subscribe STREAM. It always returns an error that says why the stream ended.
func (s *session) stream(ctx context.Context, w watch, mode watchMode) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stream, err := s.client.Subscribe(ctx)
	if err != nil {
		return err
	}
	err = stream.Send(&gnmi.SubscribeRequest{Request: &gnmi.SubscribeRequest_Subscribe{Subscribe: s.subscription(w, mode)}})
	if err != nil && !errors.Is(err, io.EOF) { // EOF: the reason is in the answer
		return err
	}
	heard := func() {}
	if w.silence > 0 {
		silent := fmt.Errorf("nothing heard for %s", w.silence)
		timer := time.AfterFunc(w.silence, func() { cancel(silent) })
		defer timer.Stop()
		heard = func() { timer.Reset(w.silence) }
	}
	for {
		resp, err := stream.Recv()
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			if errors.Is(err, io.EOF) {
				return status.Error(codes.Unavailable, "the router ended the subscription")
			}
			return err
		}
		heard()
		if resp.GetSyncResponse() {
			w.complete()
			continue
		}
		w.take(resp.GetUpdate())
	}
}

func (s *session) subscription(w watch, mode watchMode) *gnmi.SubscriptionList {
	list := &gnmi.SubscriptionList{Mode: gnmi.SubscriptionList_STREAM, Encoding: gnmi.Encoding_JSON_IETF}
	for _, path := range w.paths {
		sub := &gnmi.Subscription{Path: path, Mode: gnmi.SubscriptionMode_SAMPLE}
		if mode == onChange {
			sub.Mode = gnmi.SubscriptionMode_ON_CHANGE
			sub.HeartbeatInterval = uint64(s.opts.StaleAfter)
		} else {
			sub.SampleInterval = uint64(s.opts.TelemetryInterval)
		}
		list.Subscription = append(list.Subscription, sub)
	}
	return list
}

// poll asks for w with Subscribe ONCE at each interval: the last resort for a router that streams none of it.
func (s *session) poll(ctx context.Context, w watch) error {
	tick := time.NewTicker(s.opts.TelemetryInterval)
	defer tick.Stop()
	for {
		if err := s.subscribeOnce(ctx, w.paths, w.take); err != nil {
			return err
		}
		w.complete()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
