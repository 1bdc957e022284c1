package device

import (
	"context"
	"errors"
	"slices"

	"github.com/openconfig/gnmi/proto/gnmi"
	"go.uber.org/zap"
)

// besideWatches are the states that help and that not every router tells: which circuits adjacencies are of, how fast ports
// are, and the router's overload bit. A router that can do nothing with one list of paths is asked for the next, shorter one.
func (s *session) besideWatches() []watch {
	p := s.profile.paths
	overload := s.overloadPath()
	speeds := []*gnmi.Path{overload}
	for _, port := range s.ports() {
		speeds = append(speeds, p.portSpeed.fill(names{"port": port}), p.lagSpeed.fill(names{"port": port}))
	}
	all := slices.Clone(speeds)
	for _, id := range s.interfaces {
		if iface, ok := s.knownLayout()[id]; ok && iface.wrong == "" {
			bind := names{"instance": iface.place.instance, "protocol": iface.place.protocol, "interface": id}
			all = append(all, p.circuit.fill(bind), p.peerCircuit.fill(bind))
		}
	}
	var list []watch
	for _, paths := range [][]*gnmi.Path{all, speeds, {overload}} {
		list = append(list, watch{
			name: "circuits, speeds and overload", paths: paths, modes: []watchMode{onChange, sampling, polling},
			begin: func(m watchMode) { s.beside.beginStates(m != onChange) },
			take: func(n *gnmi.Notification) {
				s.beside.takeStates(p, n, s.opts.Now())
				s.seen.touch(s.opts.Now())
			},
			complete: s.beside.completeStates,
		})
	}
	return list
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
	s.log.Info("the router tells neither of circuits and speeds nor of its overload bit: they stay unknown", zap.String("profile", s.profile.name))
	return nil
}
