package network

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/detour-net/detour/events"
)

// Bounds on what a topology may say.
const (
	maxName     = 64        // bytes of the name of a router, link, site, plane, bundle or SRLG
	maxMetric   = 1<<24 - 2 // highest IS-IS wide metric that SPF uses (RFC 5305, section 3)
	maxCapacity = 1 << 50   // bits per second
)

// Validate says everything that keeps t from being consistent, as the package comment promises it; nil when it is.
func (t *Topology) Validate() error {
	var errs []error
	for _, c := range t.complaints() {
		errs = append(errs, fmt.Errorf("%s: %s", c.path, c.text))
	}
	return errors.Join(errs...)
}

// complaint is one thing wrong and where: a path such as "links[3].a.device".
type complaint struct{ path, text string }

// survey walks a topology once and collects what is wrong.
type survey struct {
	found   []complaint
	routers map[string]bool
	tokens  map[string]string // "router "+token or "link "+token -> name
	ends    map[End]string    // device and interface -> link
}

func (t *Topology) complaints() []complaint {
	s := &survey{routers: map[string]bool{}, tokens: map[string]string{}, ends: map[End]string{}}
	for i, r := range t.Routers {
		s.router(fmt.Sprintf("routers[%d]", i), r)
	}
	for i, l := range t.Links {
		s.link(fmt.Sprintf("links[%d]", i), l)
	}
	return s.found
}

func (s *survey) bad(path, format string, args ...any) {
	s.found = append(s.found, complaint{path, fmt.Sprintf(format, args...)})
}

// unique complains unless name is fit for a name and, as a subject token, not yet taken among its kind.
func (s *survey) unique(path, kind, name string) {
	if name == "" {
		s.bad(path, "the %s's name is missing", kind)
		return
	}
	s.name(path, name)
	key := kind + " " + events.Token(name)
	if other, taken := s.tokens[key]; taken && other == name {
		s.bad(path, "%s %q is given twice", kind, name)
	} else if taken {
		s.bad(path, "%s %q and %q are the same on the bus (%s): rename one", kind, name, other, events.Token(name))
	}
	s.tokens[key] = name
}

func (s *survey) name(path, name string) {
	if len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		s.bad(path, "%q: want at most %d bytes without blanks", name, maxName)
	}
}

func (s *survey) router(at string, r Router) {
	s.unique(at+".name", "router", r.Name)
	s.routers[r.Name] = true
	s.name(at+".site", r.Site)
	s.name(at+".plane", r.Plane)
	if r.Address != "" {
		if host, port, err := net.SplitHostPort(r.Address); err != nil || host == "" || port == "" {
			s.bad(at+".address", "%q: want host:port", r.Address)
		}
	}
	if (r.TLS.Cert == "") != (r.TLS.Key == "") {
		s.bad(at+".tls", "router %q: cert and key belong together", r.Name)
	}
	if p := r.Credentials.Password; p != "" && !strings.HasPrefix(p, "file:") && !strings.HasPrefix(p, "env:") {
		s.bad(at+".credentials.password", "router %q: a secret stands here; write file:PATH or env:NAME", r.Name)
	}
	if r.Credentials.Password != "" && r.Credentials.Username == "" {
		s.bad(at+".credentials", "router %q: a password without a username", r.Name)
	}
	if r.Latitude < -90 || r.Latitude > 90 {
		s.bad(at+".latitude", "%v: want -90 to 90 degrees", r.Latitude)
	}
	if r.Longitude < -180 || r.Longitude > 180 {
		s.bad(at+".longitude", "%v: want -180 to 180 degrees", r.Longitude)
	}
}

func (s *survey) link(at string, l Link) {
	s.unique(at+".name", "link", l.Name)
	for _, reserved := range []events.TargetKind{events.TargetDevice, events.TargetOther} {
		if strings.HasPrefix(events.Token(l.Name), string(reserved)+"-") {
			s.bad(at+".name", "link %q: names beginning with %q are those of other targets", l.Name, string(reserved)+"-")
		}
	}
	s.end(at+".a", l.Name, l.A)
	s.end(at+".b", l.Name, l.B)
	if l.A.Device != "" && l.A.Device == l.B.Device {
		s.bad(at+".b.device", "link %q has both ends on %s", l.Name, l.A.Device)
	}
	if l.Capacity < 1 || l.Capacity > maxCapacity {
		s.bad(at+".capacity_bps", "link %q: %d: want bits per second in each direction, 1 to %d", l.Name, l.Capacity, int64(maxCapacity))
	}
	s.name(at+".bundle", l.Bundle)
	seen := map[string]bool{}
	for i, g := range l.SRLGs {
		path := fmt.Sprintf("%s.srlgs[%d]", at, i)
		if g == "" || seen[g] {
			s.bad(path, "link %q: SRLG %q is empty or given twice", l.Name, g)
		}
		s.name(path, g)
		seen[g] = true
	}
}

func (s *survey) end(at, link string, e End) {
	if !s.routers[e.Device] {
		s.bad(at+".device", "link %q: router %q is not in the inventory", link, e.Device)
	}
	if e.Interface == "" || len(e.Interface) > maxName*2 {
		s.bad(at+".interface", "link %q: want the interface as IS-IS on %s names it", link, e.Device)
	}
	if e.Metric > maxMetric {
		s.bad(at+".metric", "link %q: %d: want at most %d", link, e.Metric, maxMetric)
	}
	key := End{Device: e.Device, Interface: e.Interface}
	if other, taken := s.ends[key]; taken {
		s.bad(at+".interface", "link %q: %s %s is already an end of link %q", link, e.Device, e.Interface, other)
	}
	s.ends[key] = link
}
