package device

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/events"
)

// readTrust is how old a pre-image may be when a change is sent on it; an older one is read again.
const readTrust = time.Second

// Set sends one change to its router under the fence of its intent and returns exactly one of events.Applied,
// events.Refused and events.Unknown. It sends nothing after order.Deadline, waits for another act on the same router,
// compares before it sets, and calls permit immediately before a request leaves: an error of permit refuses the change.
// Nothing is tried twice.
//
// A change is refused unless every leaf holds its pre-image. An undo is sent for the leaves that still hold what was
// set; leaves that are back already are left alone, and any other value refuses it: somebody else changed it.
//
// An order that is not live goes through all of it but the sending, and is applied with no Set and what would have been
// set as its detail.
func (f *Fleet) Set(ctx context.Context, order events.Order, permit func() error) events.Body {
	s, err := f.session(order.Change.Device)
	if err != nil {
		return events.Refused{Act: order.Act, Class: events.RefusedInvalid, Detail: err.Error()}
	}
	a := &actuation{session: s, order: order, permit: permit, started: f.opts.Now()}
	body := a.perform(carried(ctx))
	s.log.Info("set", zap.String("incident", order.Incident), zap.Int("step", order.Step), zap.Bool("undo", order.Undo),
		zap.Uint64("position", order.Fence), zap.String("outcome", string(body.Kind())), zap.Int("sets", a.sets))
	return body
}

// actuation is one Set on its way.
type actuation struct {
	*session
	order   events.Order
	permit  func() error
	started time.Time
	sets    int  // requests that left
	armed   bool // the request asks for commit-confirmed
}

func (a *actuation) perform(ctx context.Context) events.Body {
	left := a.order.Deadline.Sub(a.opts.Now())
	if left <= 0 {
		return a.refused(events.RefusedLate, "the deadline %s has passed", a.order.Deadline.Format(time.RFC3339Nano))
	}
	ctx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	if err := a.take(ctx); err != nil {
		return a.refused(lateOr(events.RefusedUnsent, err), "%v", err)
	}
	defer a.release()

	settings, body := a.choose(ctx)
	if body == nil && a.order.Undo && a.order.Pending && a.order.Mode == events.Live {
		settings, body = a.cancelCommit(ctx)
	}
	if body != nil {
		return body
	}
	request, err := a.request(ctx, settings)
	if err != nil {
		if errors.Is(err, errUnsurveyed) {
			return a.refused(lateOr(events.RefusedUnsent, err), "%v", err)
		}
		return a.refused(events.RefusedInvalid, "%v", err)
	}
	if a.order.Mode != events.Live {
		return a.applied(dryRun(settings))
	}
	v, err := a.send(ctx, request)
	return a.conclude(ctx, v, err)
}

// dryRun says what would have been sent. Everything before it has been done for real, and nothing after it is.
func dryRun(settings []events.Setting) string {
	parts := make([]string, len(settings))
	for i, s := range settings {
		parts[i] = fmt.Sprintf("%s from %s to %s", s.LeafRef, s.Before, s.After)
	}
	return "dry-run: would set " + strings.Join(parts, ", ")
}

// choose decides which settings are to be sent, or that none is.
func (a *actuation) choose(ctx context.Context) ([]events.Setting, events.Body) {
	change := a.order.Change
	if len(change.Settings) == 0 {
		return nil, a.refused(events.RefusedInvalid, "the change sets nothing")
	}
	age := a.opts.Now().Sub(a.order.ReadAt)
	if !a.order.Undo && age <= readTrust && age >= -readTrust {
		return change.Settings, nil
	}
	values, err := a.leaves(ctx, refsOf(change))
	switch {
	case errors.Is(err, errNotConfigured):
		return nil, a.refused(events.RefusedByChanged, "%v", err)
	case err != nil:
		return nil, a.refused(lateOr(events.RefusedUnsent, err), "pre-image could not be read: %v", explain(a.router, err))
	}
	if a.order.Undo {
		return a.chooseUndo(values)
	}
	for _, set := range change.Settings {
		if !a.platform().same(set.LeafRef, set.Before, values[set.LeafRef]) {
			return nil, a.refused(events.RefusedByChanged, "the pre-image no longer holds: %s", a.differences(values))
		}
	}
	return change.Settings, nil
}

// chooseUndo picks the leaves that still hold what was set.
func (a *actuation) chooseUndo(values map[events.LeafRef]events.Value) ([]events.Setting, events.Body) {
	var send []events.Setting
	for _, set := range a.order.Change.Settings {
		got := values[set.LeafRef]
		switch {
		case a.platform().same(set.LeafRef, set.After, got):
		case a.platform().same(set.LeafRef, set.Before, got):
			send = append(send, set)
		default:
			return nil, a.refused(events.RefusedByChanged, "somebody else changed it: %s", a.differences(values))
		}
	}
	if len(send) == 0 {
		return nil, a.applied("every leaf was back already")
	}
	return send, nil
}

// send lets one request go, if it is still permitted.
func (a *actuation) send(ctx context.Context, request *gnmi.SetRequest) (verdict, error) {
	a.awaitChannel(ctx)
	if !a.opts.Now().Before(a.order.Deadline) {
		return verdict{ending: refused, class: events.RefusedLate}, errors.New("the deadline passed before it was sent")
	}
	if err := a.permit(); err != nil {
		return verdict{ending: refused, class: events.RefusedByPermit}, err
	}
	ctx, sent := watchSent(ctx)
	_, err := a.client.Set(ctx, request)
	if sent.Load() {
		a.sets++
	}
	return classify(err, sent.Load(), a.profile.arbitration), explain(a.router, err)
}

// conclude turns an answer into the record of what became of the change.
func (a *actuation) conclude(ctx context.Context, v verdict, answer error) events.Body {
	switch v.ending {
	case refused:
		if v.class == events.RefusedByFence {
			answer = fmt.Errorf("%w; %s", answer, newer(a.order.Fence))
		}
		body := a.refused(v.class, "%v", answer)
		body.Code = v.code
		return body
	case unknown:
		return a.unknown(v, "%v", answer)
	}
	seen, values, err := a.readBack(ctx)
	if err == nil && seen != events.SeenAfter && a.armed {
		seen, values, err = a.disarm(ctx)
	}
	switch {
	case err != nil:
		return a.unknown(v, "answered %s, and could not be read back: %v", said(answer), err)
	case seen == events.SeenAfter && answer == nil:
		return a.applied("")
	case seen == events.SeenAfter:
		return a.applied(fmt.Sprintf("it stands, although the router answered: %v", answer))
	case seen == events.SeenBefore:
		body := a.refused(events.RefusedByRouter, "%s but not applied", said(answer))
		body.Code = v.code
		return body
	}
	return a.unknown(v, "%s, and only part of it stands: %s", said(answer), a.differences(values))
}

func said(answer error) string {
	if answer == nil {
		return "acknowledged"
	}
	return answer.Error()
}

// disarm closes the commit of a request that was taken and not carried out, and reads the change's leaves once more: while
// it is open the router takes nothing else. Whoever cannot tell whether it is closed cannot tell how the change stands.
func (a *actuation) disarm(ctx context.Context) (events.Seen, map[events.LeafRef]events.Value, error) {
	left, err := a.closeCommit(ctx, a.order, a.order.Fence)
	a.sets += left
	if err != nil {
		return "", nil, err
	}
	a.armed = false
	values, err := a.leaves(ctx, refsOf(a.order.Change))
	return a.platform().compare(a.order.Change, values), values, err
}

// readBack reads the change's leaves until they are as set, or for as long as a commit may take to show.
func (a *actuation) readBack(ctx context.Context) (events.Seen, map[events.LeafRef]events.Value, error) {
	patience, cancel := context.WithTimeout(ctx, a.opts.ReadBackFor)
	defer cancel()
	pause := 10 * time.Millisecond
	for {
		values, err := a.leaves(ctx, refsOf(a.order.Change))
		if err != nil {
			return "", nil, err
		}
		seen := a.platform().compare(a.order.Change, values)
		if seen == events.SeenAfter {
			return seen, values, nil
		}
		select {
		case <-patience.Done():
			return seen, values, nil
		case <-time.After(pause):
			pause *= 2
		}
	}
}

func (a *actuation) applied(detail string) events.Applied {
	body := events.Applied{
		Act: a.order.Act, Sets: a.sets, Took: events.Duration(a.opts.Now().Sub(a.started)), Detail: detail,
	}
	if a.sets == 0 {
		return body
	}
	body.Armed = a.armed
	if a.profile.arbitration && a.honours(events.BarArbitration) {
		body.Bars = append(body.Bars, events.BarArbitration)
	}
	if a.armed {
		body.Bars = append(body.Bars, events.BarCommitConfirmed)
	}
	body.Bars = append(body.Bars, events.BarDeadline)
	return body
}

func (a *actuation) refused(class events.RefusalClass, format string, args ...any) events.Refused {
	return events.Refused{Act: a.order.Act, Class: class, Sets: a.sets, Detail: fmt.Sprintf(format, args...)}
}

func (a *actuation) unknown(v verdict, format string, args ...any) events.Unknown {
	return events.Unknown{Act: a.order.Act, Code: v.code, Sets: a.sets, Detail: fmt.Sprintf(format, args...)}
}

// differences names each leaf with what was expected and what was found, for people.
func (s *session) differencesOf(change events.Change, values map[events.LeafRef]events.Value) string {
	var list []string
	for _, set := range change.Settings {
		list = append(list, fmt.Sprintf("%s is %s (before %s, after %s)", set.LeafRef, values[set.LeafRef], set.Before, set.After))
	}
	return strings.Join(list, "; ")
}

func (a *actuation) differences(values map[events.LeafRef]events.Value) string {
	return a.differencesOf(a.order.Change, values)
}

func refsOf(change events.Change) []events.LeafRef {
	refs := make([]events.LeafRef, len(change.Settings))
	for i, set := range change.Settings {
		refs[i] = set.LeafRef
	}
	return refs
}

// lateOr is RefusedLate when err says that the order's time ran out, and class otherwise.
func lateOr(class events.RefusalClass, err error) events.RefusalClass {
	if errors.Is(err, context.DeadlineExceeded) || status.Code(err) == codes.DeadlineExceeded {
		return events.RefusedLate
	}
	return class
}
