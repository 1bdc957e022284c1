package device

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"
	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
)

// besideWatches are what helps and what not every router tells: configured metrics, how fast ports are, and the router's
// overload bit. A router that can do nothing with one list of paths is asked for the next, shorter one. Configured metrics
// are of use only when they are told as they change; in any other way they are better read.
func (s *session) besideWatches() []watch {
	overload := s.overloadPath()
	speeds := append([]*gnmi.Path{overload}, s.speedPaths()...)
	var list []watch
	for _, w := range []struct {
		name  string
		paths []*gnmi.Path
		modes []watchMode
	}{
		{"configured metrics, speeds and overload", slices.Concat(speeds, s.metricPaths()), []watchMode{onChange}},
		{"speeds and overload", speeds, []watchMode{onChange, sampling, polling}},
		{"overload", []*gnmi.Path{overload}, []watchMode{onChange, sampling, polling}},
	} {
		list = append(list, watch{
			name: w.name, paths: w.paths, modes: w.modes,
			begin: func(m watchMode) { s.beside.beginStates(m != onChange) },
			take: func(n *gnmi.Notification) {
				s.beside.takeStates(s.profile.paths, n, s.opts.Now())
				s.seen.touch(s.opts.Now())
			},
			complete: s.beside.completeStates,
		})
	}
	return list
}

func (s *session) speedPaths() (paths []*gnmi.Path) {
	p := s.profile.paths
	for _, port := range s.ports() {
		paths = append(paths, p.portSpeed.fill(names{"port": port}), p.lagSpeed.fill(names{"port": port}))
	}
	return paths
}

// metricPaths are the configured metrics of the interfaces that links end on.
func (s *session) metricPaths() (paths []*gnmi.Path) {
	lay := s.knownLayout()
	for _, id := range s.interfaces {
		if iface, ok := lay[id]; ok && iface.wrong == "" {
			paths = append(paths, s.profile.paths.metric.fill(names{"instance": iface.place.instance, "protocol": iface.place.protocol, "interface": id}))
		}
	}
	return paths
}

// overloadPath is the overload bit of the process that the router's links run in.
func (s *session) overloadPath() *gnmi.Path {
	for _, iface := range s.knownLayout() {
		if iface.wrong == "" {
			return s.profile.paths.overload.fill(names{"instance": iface.place.instance, "protocol": iface.place.protocol})
		}
	}
	return s.profile.paths.overload.fill(nil)
}

// followBeside follows what the router tells of that. What it does not tell stays unknown, and nothing else suffers.
func (s *session) followBeside(ctx context.Context) error {
	defer s.beside.forget()
	for _, w := range s.besideWatches() {
		if err := s.follow(ctx, w); !errors.Is(err, errNoMode) {
			return err
		}
	}
	s.log.Info("the router tells neither of speeds nor of its overload bit: they stay unknown", zap.String("profile", s.profile.name))
	return nil
}

// speedOf is how fast a port is in bits per second, the sum of its members where it is a bundle; 0 when not known.
func (c *cache) speedOf(port string, fresh time.Time) int64 {
	for _, sig := range []signal{lagSpeed, portSpeed} {
		for _, s := range c.holding(subject{sig, port}, fresh) {
			return s.number
		}
	}
	return 0
}

// configured are the metrics of an interface as the router has told that they are configured, by leaf.
func (c *cache) configured(iface string, fresh time.Time) map[events.LeafRef]events.Value {
	values := map[events.LeafRef]events.Value{}
	for _, s := range c.holding(subject{metricSet, iface}, fresh) {
		values[s.leaf] = s.metric
	}
	return values
}

// overload is the router's overload bit, nil when not known.
func (c *cache) overload(fresh time.Time) *bool {
	for _, s := range c.holding(subject{overloadBit, ""}, fresh) {
		set := s.word == "true"
		return &set
	}
	return nil
}

// holding are the states of a subject that hold. Those that are told when they change hold while their stream is open.
func (c *cache) holding(of subject, fresh time.Time) (list []state) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.states[of] {
		if c.complete && s.known && (!c.sampled || !s.heard.Before(fresh)) {
			list = append(list, s)
		}
	}
	return list
}
