package device

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/events"
)

// canaryRole is the arbitration role of proofs. A proof never shows itself in the service's own role, and its election ids
// are the smallest there are: a router that takes no notice of roles then refuses the proof, and not the fences.
const canaryRole = "detour-canary"

const (
	canaryHigh = 2
	canaryLow  = 1
)

// Prove finds out which bars a router honours, and whether what is set outlives its session, by writing the description of
// the interface that its inventory entry names as canary; and by the metric of the one named as canary_metric whether
// metrics are written and deleted as asked, and what a router shows of one that is not configured. Without that no metric is
// proven. Everything is put back. It takes a little longer than Options.CanaryRollback and keeps the router's turn
// meanwhile. What is not seen to work is not proven; an error means that nothing can be said, and says whether what was
// written could be put back.
func (f *Fleet) Prove(ctx context.Context, device string, by events.Person) (events.Proved, error) {
	s, err := f.session(device)
	if err != nil {
		return events.Proved{}, err
	}
	if s.router.Canary == "" {
		return events.Proved{}, fmt.Errorf(
			"router %s has no canary: name an interface whose description may be written as canary in the inventory", device)
	}
	if err := s.take(ctx); err != nil {
		return events.Proved{}, err
	}
	defer s.release()
	c, err := s.findCanary(ctx)
	var metric *metricCanary
	if err == nil && s.router.CanaryMetric != "" {
		metric, err = c.findMetric(ctx)
	}
	if err != nil {
		return events.Proved{}, fmt.Errorf("prove router %s: %w", device, err)
	}
	s.introduce(ctx)
	proved := events.Proved{Device: device, By: by, Software: s.known().software}
	var said []string
	for _, proof := range []struct {
		bar events.Bar
		run func(context.Context) (string, error)
	}{
		{events.BarArbitration, c.arbitration},
		{events.BarCommitConfirmed, c.commitConfirmed},
	} {
		why, err := proof.run(ctx)
		if err := errors.Join(err, c.restore(ctx)); err != nil {
			return events.Proved{}, fmt.Errorf("prove %s on router %s: %w", proof.bar, device, err)
		}
		if why == "" {
			proved.Bars = append(proved.Bars, proof.bar)
			why = "honoured"
		}
		said = append(said, fmt.Sprintf("%s: %s", proof.bar, why))
	}
	proved.Bars = append(proved.Bars, events.BarDeadline)
	text, err := c.persistence(ctx)
	if err := errors.Join(err, c.restore(ctx)); err != nil {
		return events.Proved{}, fmt.Errorf("prove persistence on router %s: %w", device, err)
	}
	said = append(said, text)
	if text, err = c.proveMetric(ctx, metric, &proved); err != nil {
		return events.Proved{}, err
	}
	proved.Detail = strings.Join(append(said, text), "; ")
	s.log.Info("proved", zap.String("detail", proved.Detail))
	return proved, nil
}

// canary is the description that a proof writes.
type canary struct {
	*session
	path   *gnmi.Path
	before *gnmi.TypedValue // nil when there is no description
	commit string           // id of the commit that may still wait to be confirmed, "" when none can
}

// findCanary makes sure that the interface is there, since a Set could create it, and reads its description.
func (s *session) findCanary(ctx context.Context) (*canary, error) {
	bind := names{"port": s.router.Canary}
	list, err := s.get(ctx, gnmi.GetRequest_STATE, s.profile.paths.oper.fill(bind))
	if err == nil && len(list) == 0 {
		err = errors.New("it has no oper-status")
	}
	if err != nil {
		return nil, fmt.Errorf("canary interface %q cannot be read, correct canary in the inventory: %w", s.router.Canary, explain(s.router, err))
	}
	c := &canary{session: s, path: s.profile.paths.description.fill(bind)}
	if c.before, err = c.description(ctx); err != nil {
		return nil, fmt.Errorf("read the canary's description: %w", explain(s.router, err))
	}
	return c, nil
}

// description returns the description as it stands, nil when there is none.
func (c *canary) description(ctx context.Context) (*gnmi.TypedValue, error) {
	list, err := c.get(ctx, gnmi.GetRequest_CONFIG, c.path)
	if status.Code(err) == codes.NotFound {
		return nil, nil
	}
	for _, u := range list {
		found := c.profile.paths.description.find(u.path, u.value)
		if len(found) == 0 {
			continue
		}
		text, err := word(found[0].value)
		if err != nil || text == "" {
			return nil, err
		}
		return described(text)
	}
	return nil, err
}

func described(text string) (*gnmi.TypedValue, error) {
	raw, err := quote(text)
	return &gnmi.TypedValue{Value: &gnmi.TypedValue_JsonIetfVal{JsonIetfVal: []byte(raw)}}, err
}

// holds reports whether the description reads as want, nil meaning none.
func (c *canary) holds(ctx context.Context, want *gnmi.TypedValue) (bool, error) {
	got, err := c.description(ctx)
	return err == nil && string(got.GetJsonIetfVal()) == string(want.GetJsonIetfVal()), err
}

// write sets the description, or deletes it where value is nil.
func (c *canary) write(ctx context.Context, value *gnmi.TypedValue, extensions ...*gnmi_ext.Extension) error {
	request := &gnmi.SetRequest{Extension: extensions}
	if value == nil {
		request.Delete = []*gnmi.Path{c.path}
	} else {
		request.Update = []*gnmi.Update{{Path: c.path, Val: value}}
	}
	ctx, cancel := context.WithTimeout(ctx, c.opts.ReadTimeout)
	defer cancel()
	_, err := c.client.Set(ctx, request)
	return err
}

// arbitration proves that a smaller election id is refused and a larger one is not. It returns why not, "" when proven.
func (c *canary) arbitration(ctx context.Context) (string, error) {
	if !c.profile.arbitration {
		return "not sent to this platform", nil
	}
	first, err := described("detour canary: master")
	if err != nil {
		return "", err
	}
	late, err := described("detour canary: late")
	if err != nil {
		return "", err
	}
	if err := c.write(ctx, first, arbitration(canaryRole, canaryHigh)); err != nil {
		return c.declined(err)
	}
	if ok, err := c.holds(ctx, first); !ok {
		return "a Set that was acknowledged does not show", err
	}
	err = c.write(ctx, late, arbitration(canaryRole, canaryLow))
	switch {
	case err == nil:
		return "a smaller election id was accepted", nil
	case status.Code(err) != codes.PermissionDenied:
		return c.declined(err)
	}
	if ok, err := c.holds(ctx, first); !ok {
		return "a Set that was refused has changed the description", err
	}
	return "", nil
}

// commitConfirmed proves that a commit that nobody confirms is undone by the router itself.
func (c *canary) commitConfirmed(ctx context.Context) (string, error) {
	id := fmt.Sprintf("detour-canary-%d", c.opts.Now().UnixNano())
	text, err := described("detour canary: reverts by itself")
	if err != nil {
		return "", err
	}
	c.commit = id
	window := c.opts.CanaryRollback
	if err := c.write(ctx, text, armCommit(id, window)); err != nil {
		return c.declined(err)
	}
	if ok, err := c.holds(ctx, text); !ok {
		return "a Set that was acknowledged does not show", err
	}
	// Half of the window more for a router whose timer is coarse.
	patience, cancel := context.WithTimeout(ctx, window+window/2)
	defer cancel()
	tick := time.NewTicker(max(window/10, 10*time.Millisecond))
	defer tick.Stop()
	for {
		last := patience.Err() != nil
		if ok, err := c.holds(ctx, c.before); err != nil {
			return "", err
		} else if ok {
			c.commit = ""
			return "", nil
		}
		if last {
			return fmt.Sprintf("nobody confirmed, and the router did not roll back within %s", window+window/2), nil
		}
		select {
		case <-patience.Done(): // it is looked at once more
		case <-tick.C:
		}
	}
}

// declined turns a router's no into the reason why a bar is not proven. Where nobody knows what became of the Set, it is an
// error instead.
func (c *canary) declined(err error) (string, error) {
	switch v := classify(err, true, false); v.ending {
	case unknown, doubtful:
		return "", explain(c.router, err)
	}
	return fmt.Sprintf("the router answered: %v", err), nil
}

// restore puts the description back if it is not, cancelling a commit that may still be open.
func (c *canary) restore(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*c.opts.ReadTimeout)
	defer cancel()
	if c.commit != "" {
		// A router that knows no commit refuses or ignores this; what the description reads decides.
		_, _ = c.client.Set(ctx, &gnmi.SetRequest{Extension: []*gnmi_ext.Extension{cancelCommit(c.commit)}})
	}
	if ok, err := c.holds(ctx, c.before); ok {
		return nil
	} else if err != nil {
		return fmt.Errorf("the canary's description could not be read back: %w", explain(c.router, err))
	}
	if err := c.write(ctx, c.before); err != nil {
		return fmt.Errorf("the canary's description could not be put back: %w", explain(c.router, err))
	}
	if ok, err := c.holds(ctx, c.before); !ok {
		return fmt.Errorf("the canary's description is not back: %w", errors.Join(errors.New("it reads differently"), err))
	}
	return nil
}
