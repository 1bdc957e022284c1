//go:build linux

package traffic

import (
	"fmt"
	"net"

	"github.com/vishvananda/netlink"

	"github.com/detour-net/detour/test/lab/netns"
	"github.com/detour-net/detour/test/lab/plan"
)

// discard is the port that nobody listens at (RFC 863).
const discard = 9

// Meet sends a packet over every link in each direction and family, so that every kernel knows its neighbours' addresses
// before any flow depends on it. Next hops of IPv6 are link-local.
func Meet(l *plan.Lab) error {
	for _, link := range l.Links {
		for _, way := range [][2]plan.End{{link.A, link.B}, {link.B, link.A}} {
			from, to := &l.Routers[way[0].Router], &l.Routers[way[1].Router]
			hosts, err := addresses(to.Namespace, way[1].Interface)
			if err != nil {
				return fmt.Errorf("link %s: %w", link.Name, err)
			}
			if err := netns.Within(from.Namespace, func() error { return greet(hosts, way[0].Interface) }); err != nil {
				return fmt.Errorf("link %s: %w", link.Name, err)
			}
		}
	}
	return nil
}

// addresses are all those of an interface.
func addresses(namespace, name string) (hosts []net.IP, err error) {
	err = netns.Within(namespace, func() error {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		list, err := netlink.AddrList(link, netlink.FAMILY_ALL)
		for _, a := range list {
			hosts = append(hosts, a.IP)
		}
		return err
	})
	return hosts, err
}

// greet sends a packet to each host by an interface of the namespace that the thread is in.
func greet(hosts []net.IP, by string) error {
	for _, host := range hosts {
		to := &net.UDPAddr{IP: host, Port: discard}
		if host.IsLinkLocalUnicast() {
			to.Zone = by
		}
		conn, err := net.DialUDP("udp", nil, to)
		if err != nil {
			return err
		}
		_, err = conn.Write([]byte{0})
		conn.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
