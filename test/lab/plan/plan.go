package plan

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/detour-net/detour/internal/network"
)

// prefix is how the name of every namespace of every lab begins.
const prefix = "detour-"

// Loopback is the interface that each router has beside those of its links. Its description may be written at will.
const Loopback = "lo"

// Limits of what can be laid out. Addresses would reach further, but not one machine.
const (
	maxRouters = 250
	maxLinks   = 1000
)

// longestDir bounds a router's folder: what a Unix socket's address holds (unix(7)), less the longest name in it.
const longestDir = 107 - len("/zserv.api")

// routersDir keeps the folders of routers, whatever they are called, apart from the lab's own files.
const routersDir = "routers"

// longestName is how much of a host name FRR shows in its database.
const longestName = 14

// numbered is how host names begin that stand for others.
const numbered = "router-"

// Timers say when routers compute shortest paths.
type Timers string

const (
	Tuned   Timers = "tuned"   // 50 ms after a change, RFC 8405's back-off after several: at most 2 s
	Default Timers = "default" // as FRR comes: at once, and then within a second
)

// Options are what a plan leaves open.
type Options struct {
	Name   string // of the lab
	Root   string // folder of all labs
	Timers Timers
	BFD    bool  // on every link (RFC 5880): an adjacency goes when packets do, though hellos may come through
	Ports  []int // TCP ports on 127.0.0.1 of the agents, one for each router
}

// Lab is a whole plan.
type Lab struct {
	Name     string
	Dir      string // where it keeps its files
	Routers  []Router
	Links    []Link
	Topology *network.Topology // with the interfaces' names in the lab
}

// Router is one router and its namespace.
type Router struct {
	Name, Namespace string
	Hostname        string // as FRR shows it
	SystemID        string // of IS-IS
	Dir             string // its daemons' sockets, configuration and logs, and its agent's
	Port            int    // of its agent, on 127.0.0.1
	IPv4, IPv6      netip.Addr
	Overload        bool
	Interfaces      []Interface
	Timers          Timers
	BFD             bool `json:",omitempty"`
}

// Address is where its agent listens.
func (r *Router) Address() string { return fmt.Sprintf("127.0.0.1:%d", r.Port) }

// At is the router's interface of a name that its plan gave out; without any such it is zero.
func (r *Router) At(name string) Interface {
	for _, i := range r.Interfaces {
		if i.Name == name {
			return i
		}
	}
	return Interface{}
}

// Interface is one end of a link.
type Interface struct {
	Name       string
	IPv4, IPv6 netip.Prefix
	Metric     uint32
	Speed      int64 // bits per second: the link's capacity, whatever the cable that stands for it can carry
	Link, Peer string
}

// End is one end of a link: an index into Routers, and the interface's name.
type End struct {
	Router    int
	Interface string
}

// Link is a pair of interfaces.
type Link struct {
	Name string
	A, B End
}

var (
	labName       = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,14}[a-z0-9])?$`)
	routerName    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)
	interfaceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$`)
)

// Namespaces is how the names of a lab's namespaces begin. No lab's begin as another's do.
func Namespaces(lab string) string { return prefix + lab + "." }

// CheckName says what is wrong with the name of a lab.
func CheckName(name string) error {
	if !labName.MatchString(name) {
		return fmt.Errorf("lab name %q: want 1 to 16 of a-z, 0-9 and -, with no - at either end", name)
	}
	return nil
}

// New lays a topology out.
func New(t *network.Topology, o Options) (*Lab, error) {
	if err := CheckName(o.Name); err != nil {
		return nil, err
	}
	switch {
	case len(t.Routers) > maxRouters || len(t.Links) > maxLinks:
		return nil, fmt.Errorf("%d routers and %d links: a lab holds up to %d and %d", len(t.Routers), len(t.Links), maxRouters, maxLinks)
	case len(o.Ports) != len(t.Routers):
		return nil, fmt.Errorf("%d ports for %d routers", len(o.Ports), len(t.Routers))
	case o.Timers != Tuned && o.Timers != Default:
		return nil, fmt.Errorf("timers %q: want %s or %s", o.Timers, Tuned, Default)
	}
	l := &Lab{Name: o.Name, Dir: filepath.Join(o.Root, o.Name)}
	for i, r := range t.Routers {
		if !routerName.MatchString(r.Name) {
			return nil, fmt.Errorf("router %q: a namespace cannot have that name; want letters, digits, _ . and -", r.Name)
		}
		router := Router{
			Name: r.Name, Namespace: Namespaces(o.Name) + r.Name, Hostname: r.Name, SystemID: fmt.Sprintf("0000.0000.%04x", i+1),
			Dir: filepath.Join(l.Dir, routersDir, r.Name), Port: o.Ports[i], Overload: r.Overload, Timers: o.Timers, BFD: o.BFD,
			IPv4: netip.AddrFrom4([4]byte{10, 255, byte((i + 1) >> 8), byte(i + 1)}), IPv6: address6(0, 0, i+1),
		}
		if len(router.Dir) > longestDir {
			return nil, fmt.Errorf("router %s: its folder %s is longer than the %d bytes that a socket in it allows", r.Name, router.Dir, longestDir)
		}
		if len(r.Name) > longestName || strings.HasPrefix(r.Name, numbered) {
			router.Hostname = fmt.Sprintf("%s%d", numbered, i+1)
		}
		l.Routers = append(l.Routers, router)
	}
	l.Topology = &network.Topology{Routers: slices.Clone(t.Routers), SRLGs: t.SRLGs}
	for j, link := range t.Links {
		if err := l.lay(j, link); err != nil {
			return nil, fmt.Errorf("link %s: %w", link.Name, err)
		}
	}
	if from, to, found := l.apart(); found {
		return nil, fmt.Errorf("no packets from %s to %s: there is no way between them, or none but through routers that are overloaded", from, to)
	}
	for i := range l.Topology.Routers {
		r := &l.Topology.Routers[i]
		r.Address, r.Profile, r.Canary, r.CanaryMetric = l.Routers[i].Address(), "frr", Loopback, Loopback
	}
	return l, nil
}

// lay gives link j its ends.
func (l *Lab) lay(j int, link network.Link) error {
	var ends [2]End
	for side, end := range []*network.End{&link.A, &link.B} {
		i := slices.IndexFunc(l.Routers, func(r Router) bool { return r.Name == end.Device })
		if i < 0 {
			return fmt.Errorf("no router %q", end.Device)
		}
		metric, err := oneMetric(*end)
		if err != nil {
			return err
		}
		r := &l.Routers[i]
		name := r.nameFor(end.Interface)
		end.Interface, end.Metric, end.Metrics = name, metric, nil
		ends[side] = End{i, name}
		r.Interfaces = append(r.Interfaces, Interface{
			Name: name, Metric: metric, Speed: link.Capacity, Link: link.Name,
			IPv4: netip.PrefixFrom(address4(4*j+1+side), 30), IPv6: netip.PrefixFrom(address6(1, j, 1+side), 64),
		})
	}
	a, b := &l.Routers[ends[0].Router], &l.Routers[ends[1].Router]
	a.Interfaces[len(a.Interfaces)-1].Peer, b.Interfaces[len(b.Interfaces)-1].Peer = b.Name, a.Name
	l.Links = append(l.Links, Link{link.Name, ends[0], ends[1]})
	l.Topology.Links = append(l.Topology.Links, link)
	return nil
}

// nameFor is the name in the lab of an interface that the topology names.
func (r *Router) nameFor(name string) string {
	taken := func(name string) bool {
		return slices.ContainsFunc(r.Interfaces, func(i Interface) bool { return i.Name == name })
	}
	if interfaceName.MatchString(name) && !slices.Contains(kernelNames(), name) && !taken(name) {
		return name
	}
	n := len(r.Interfaces) + 1
	for taken(fmt.Sprintf("eth%d", n)) {
		n++
	}
	return fmt.Sprintf("eth%d", n)
}

// kernelNames are of interfaces that the kernel may have made in a namespace before anybody else does, and what it calls the
// settings of all interfaces.
func kernelNames() []string {
	return []string{
		Loopback, "all", "default", "tunl0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "sit0", "ip6tnl0", "ip6gre0",
	}
}

// oneMetric is the metric of an end. In FRR an interface has one, for all levels and families.
func oneMetric(end network.End) (uint32, error) {
	ipv4, ipv6 := end.MetricAt(2, network.IPv4), end.MetricAt(2, network.IPv6)
	if ipv4 != ipv6 {
		return 0, fmt.Errorf("%s %s has the metrics %d and %d: in FRR an interface has one for both families", end.Device, end.Interface, ipv4, ipv6)
	}
	return ipv4, nil
}

func address4(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 64 + byte(n>>16), byte(n >> 8), byte(n)})
}

func address6(net, subnet, host int) netip.Addr {
	a := [16]byte{0: 0xfd, 2: 0xde, 3: 0x70, 5: byte(net), 6: byte(subnet >> 8), 7: byte(subnet), 14: byte(host >> 8), 15: byte(host)}
	return netip.AddrFrom16(a)
}
