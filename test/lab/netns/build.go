//go:build linux

package netns

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"github.com/detour-net/detour/test/lab/plan"
)

// Build makes the namespaces and links of a lab.
func Build(l *plan.Lab) error {
	for i := range l.Routers {
		r := &l.Routers[i]
		if err := Create(r.Namespace); err != nil {
			return err
		}
		if err := Within(r.Namespace, prepare); err != nil {
			return fmt.Errorf("router %s: %w", r.Name, err)
		}
	}
	for _, link := range l.Links {
		if err := join(l, link); err != nil {
			return fmt.Errorf("link %s: %w", link.Name, err)
		}
	}
	for i := range l.Routers {
		r := &l.Routers[i]
		if err := Within(r.Namespace, func() error { return address(r) }); err != nil {
			return fmt.Errorf("router %s: %w", r.Name, err)
		}
	}
	return nil
}

// prepare turns the namespace that the thread is in into a router. It comes before any link, which takes its defaults over
// from here: without duplicate address detection IPv6 works as soon as a link is up, and addresses outlast its going down.
func prepare() error {
	settings := []struct{ name, value string }{
		{"net.ipv4.ip_forward", "1"},
		{"net.ipv4.conf.all.rp_filter", "0"},
		{"net.ipv4.conf.default.rp_filter", "0"},
		{"net.ipv4.fib_multipath_hash_policy", "1"},
		{"net.ipv6.conf.all.forwarding", "1"},
		{"net.ipv6.conf.default.forwarding", "1"},
		{"net.ipv6.conf.all.accept_dad", "0"},
		{"net.ipv6.conf.default.accept_dad", "0"},
		{"net.ipv6.conf.default.keep_addr_on_down", "1"},
		{"net.ipv6.fib_multipath_hash_policy", "1"},
	}
	var errs []error
	for _, s := range settings {
		path := filepath.Join("/proc/sys", strings.ReplaceAll(s.name, ".", "/"))
		errs = append(errs, os.WriteFile(path, []byte(s.value), 0))
	}
	return errors.Join(errs...)
}

// join lays one link: a pair of virtual Ethernet interfaces.
func join(l *plan.Lab, link plan.Link) error {
	a, err := netns.GetFromName(l.Routers[link.A.Router].Namespace)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := netns.GetFromName(l.Routers[link.B.Router].Namespace)
	if err != nil {
		return err
	}
	defer b.Close()
	veth := netlink.NewVeth(netlink.LinkAttrs{Name: link.A.Interface, Namespace: netlink.NsFd(a), TxQLen: -1})
	veth.PeerName, veth.PeerNamespace = link.B.Interface, netlink.NsFd(b)
	return netlink.LinkAdd(veth)
}

// address gives the router's interfaces their addresses and brings them up.
func address(r *plan.Router) error {
	all := map[string][]netip.Prefix{plan.Loopback: {netip.PrefixFrom(r.IPv4, 32), netip.PrefixFrom(r.IPv6, 128)}}
	for _, i := range r.Interfaces {
		all[i.Name] = []netip.Prefix{i.IPv4, i.IPv6}
	}
	for name, prefixes := range all {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return fmt.Errorf("interface %s: %w", name, err)
		}
		for _, p := range prefixes {
			ip := &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
			if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: ip}); err != nil {
				return fmt.Errorf("interface %s: address %s: %w", name, p, err)
			}
		}
		if err := netlink.LinkSetUp(link); err != nil {
			return fmt.Errorf("interface %s: %w", name, err)
		}
	}
	return nil
}
