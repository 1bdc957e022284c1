package plan

import (
	"fmt"
	"strings"
)

// Zebra is the configuration of the router's zebra. Addresses are the kernel's, which zebra reads.
//
// Routes carry their next hops themselves. The kernel drops a next hop that is an object of its own with the link that it
// goes by, and FRR 8.4 may then install routes on one that is no more: such a route is lost until its next hop changes.
func (r *Router) Zebra() string {
	return fmt.Sprintf("hostname %s\nlog file %s/zebra.log\nno zebra nexthop kernel enable\n", r.Hostname, r.Dir)
}

// ISISD is the configuration of the router's isisd: level 2, wide metrics, both families in one topology, point-to-point.
//
// The order matters in FRR 8.4: what stands before "net" holds for the first link-state packet. Timers of hellos stand
// without a level, since only level 1's are looked at on a point-to-point link.
func (r *Router) ISISD() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("hostname %s", r.Hostname)
	line("log file %s/isisd.log", r.Dir)
	line("interface %s", Loopback)
	line(" ip router isis CORE")
	line(" ipv6 router isis CORE")
	line(" isis passive")
	for _, i := range r.Interfaces {
		line("interface %s", i.Name)
		line(" ip router isis CORE")
		line(" ipv6 router isis CORE")
		line(" isis circuit-type level-2-only")
		line(" isis network point-to-point")
		line(" isis hello-interval 1")
		line(" isis hello-multiplier %d", r.hellos())
		line(" isis metric %d", i.Metric)
		if r.BFD {
			line(" isis bfd")
			line(" isis bfd profile %s", bfdProfile)
		}
	}
	line("router isis CORE")
	line(" is-type level-2-only")
	line(" metric-style wide")
	line(" lsp-gen-interval 1")
	if r.BFD {
		line(" log-adjacency-changes")
	}
	if r.Timers == Tuned {
		line(" spf-delay-ietf init-delay 50 short-delay 200 long-delay 2000 holddown 2000 time-to-learn 500")
	}
	if r.Overload {
		line(" set-overload-bit")
	}
	line(" net 49.0001.%s.00", r.SystemID)
	return b.String()
}

// hellos is how many may be missed, one a second. Where BFD tells, they are no hurry.
func (r *Router) hellos() int {
	if r.BFD {
		return 10
	}
	return 3
}

// bfdProfile is the name of the timers of every session of BFD.
const bfdProfile = "lab"

// BFDD is the configuration of the router's bfdd. A session is down after 2.5 seconds: sooner than hellos tell, and not so soon
// that links flap on a machine with much else to do.
//
// FRR 8.4 lets an adjacency come back by hellos alone, whatever BFD says: where hellos cross a link and nothing else does, BFD
// takes it down once, and then no more.
func (r *Router) BFDD() string {
	return fmt.Sprintf("hostname %s\nlog file %s/bfdd.log\nbfd\n profile %s\n  detect-multiplier 5\n  transmit-interval 500\n  receive-interval 500\n", r.Hostname, r.Dir, bfdProfile)
}
