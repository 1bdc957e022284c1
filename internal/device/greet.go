package device

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// greet reads what a new session must know: that the router speaks JSON_IETF, its software and boot time where it tells
// them, and its layout.
func (s *session) greet(ctx context.Context) error {
	caps, err := s.capabilities(ctx)
	if err != nil {
		return err
	}
	if len(caps) > 0 && !slices.Contains(caps, gnmi.Encoding_JSON_IETF) {
		return fmt.Errorf("it does not speak JSON_IETF, only %v: no profile for that is known", caps)
	}
	s.introduce(ctx)
	lay, err := s.survey(ctx)
	if err != nil {
		return fmt.Errorf("read its IS-IS interfaces: %w", err)
	}
	var missing []string
	for _, name := range s.interfaces {
		if _, ok := lay[name]; !ok {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		s.log.Warn("interfaces of the topology are not IS-IS interfaces of the router: links there cannot be drained",
			zap.Strings("interfaces", missing))
	}
	return nil
}

// introduce reads what the router says of itself. Not every router tells; what is missing stays unknown.
func (s *session) introduce(ctx context.Context) {
	said := about{}
	p := s.profile.paths
	for _, t := range []template{p.bootTime, p.software} {
		list, err := s.get(ctx, gnmi.GetRequest_STATE, t.fill(nil))
		if err != nil {
			continue
		}
		for _, u := range list {
			said.take(p, u)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.about = said
}

func (a *about) take(p paths, u update) {
	for _, i := range p.bootTime.find(u.path, u.value) {
		if n, err := number(i.value); err == nil {
			a.booted = time.Unix(0, int64(n)).UTC()
		}
	}
	for _, i := range p.software.find(u.path, u.value) {
		if text, err := word(i.value); err == nil {
			a.software = strings.TrimSpace(text)
		}
	}
}

// capabilities asks which encodings the router speaks; none when it does not tell.
func (s *session) capabilities(ctx context.Context) ([]gnmi.Encoding, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.ReadTimeout)
	defer cancel()
	resp, err := s.client.Capabilities(ctx, &gnmi.CapabilityRequest{})
	if status.Code(err) == codes.Unimplemented {
		return nil, nil
	}
	return resp.GetSupportedEncodings(), err
}
