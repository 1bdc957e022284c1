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
	maxName     = 64      // bytes of the name of a router, link, member, site, plane, bundle or SRLG
	maxMembers  = 256     // of one LAG
	maxCapacity = 1 << 50 // bits per second

	maxRouters   = 10_000
	maxLinks     = 40_000
	maxParallel  = 256  // links between two routers, each of which may be a LAG
	maxEdgePorts = 4096 // of one router
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
	ends    map[port]string   // device and interface -> link
	metrics map[port]bool     // device and interface whose metric proofs may write
	edges   map[port]bool     // device and edge port
	links   map[string]Link   // by name
	bundles map[string]Link   // bundle -> the first link in it
	between map[[2]string]int // two routers in order -> links
}

func (t *Topology) complaints() []complaint {
	s := &survey{
		routers: map[string]bool{}, tokens: map[string]string{}, ends: map[port]string{}, metrics: map[port]bool{}, edges: map[port]bool{},
		links: map[string]Link{}, bundles: map[string]Link{}, between: map[[2]string]int{},
	}
	if s.tooMany("routers", len(t.Routers), maxRouters) || s.tooMany("links", len(t.Links), maxLinks) {
		return s.found
	}
	for i, r := range t.Routers {
		s.router(fmt.Sprintf("routers[%d]", i), r)
	}
	for i, l := range t.Links {
		s.link(fmt.Sprintf("links[%d]", i), l)
	}
	s.groups(t)
	if p := t.IPv6Permil; p != nil && (*p < 0 || *p > 1000) {
		s.bad("ipv6_permil", "%d: want 0 to 1000, the share of IPv6 in all traffic in thousandths", *p)
	}
	return s.found
}

// tooMany refuses a network that no computation is made for, before anything is done with it.
func (s *survey) tooMany(what string, n, most int) bool {
	if n > most {
		s.bad(fmt.Sprintf("%s[%d]", what, most), "%d %s: at most %d are taken, which is far above any backbone", n, what, most)
	}
	return n > most
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
	if !fitName(name) {
		s.bad(path, "%q: want at most %d bytes without blanks", name, maxName)
	}
}

func fitName(name string) bool {
	return len(name) <= maxName && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

func (s *survey) router(at string, r Router) {
	s.unique(at+".name", "router", r.Name)
	s.routers[r.Name] = true
	s.metrics[port{r.Name, r.CanaryMetric}] = r.CanaryMetric != ""
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
	s.edgePorts(at, r)
	if r.Latitude < -90 || r.Latitude > 90 {
		s.bad(at+".latitude", "%v: want -90 to 90 degrees", r.Latitude)
	}
	if r.Longitude < -180 || r.Longitude > 180 {
		s.bad(at+".longitude", "%v: want -180 to 180 degrees", r.Longitude)
	}
}

// edgePorts wants ports that are not an interface of a link too, which the links find out, since they come later.
func (s *survey) edgePorts(at string, r Router) {
	if len(r.EdgePorts) > maxEdgePorts {
		s.bad(at+".edge_ports", "router %q: %d ports, at most %d", r.Name, len(r.EdgePorts), maxEdgePorts)
		return
	}
	for i, name := range r.EdgePorts {
		path, key := fmt.Sprintf("%s.edge_ports[%d]", at, i), port{r.Name, name}
		if name == "" || s.edges[key] {
			s.bad(path, "router %q: port %q has no name or is given twice", r.Name, name)
		}
		s.name(path, name)
		s.edges[key] = true
	}
}
