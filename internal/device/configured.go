package device

import (
	"context"
	"errors"

	"github.com/openconfig/gnmi/proto/gnmi"
	"go.uber.org/zap"
)

// followConfigured follows what the router tells of configured metrics, if it tells of them as they change; in any other way
// they are better read.
func (s *session) followConfigured(ctx context.Context) error {
	defer s.configured.forget()
	p := s.profile.paths
	w := watch{
		name: "configured metrics", modes: []watchMode{onChange},
		begin: func(watchMode) { s.configured.beginStates(false) },
		take: func(n *gnmi.Notification) {
			s.configured.takeStates(p, n, s.opts.Now())
			s.seen.touch(s.opts.Now())
		},
		complete: s.configured.completeStates,
	}
	lay := s.knownLayout()
	for _, id := range s.interfaces {
		if iface, ok := lay[id]; ok && iface.wrong == "" {
			w.paths = append(w.paths, p.metric.fill(names{"instance": iface.place.instance, "protocol": iface.place.protocol, "interface": id}))
		}
	}
	if len(w.paths) == 0 {
		return nil
	}
	if err := s.follow(ctx, w); !errors.Is(err, errNoMode) {
		return err
	}
	s.log.Info("the router does not tell of configured metrics: they are read before each decision", zap.String("profile", s.profile.name))
	return nil
}
