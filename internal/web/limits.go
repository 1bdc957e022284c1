package web

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How often one caller may ask: requests per second, and at once. Who is not known by name is known by address.
const (
	perSecond = 100
	atOnce    = 200

	signInPerSecond = 1
	signInAtOnce    = 10

	retryAfter = 1 // seconds until asking again may be worth it
)

// maxStreams is how many streams one caller may follow at once: the consoles of one person, or a program's.
const maxStreams = 64

// maxCallers bounds how many allowances of one sort are kept.
const maxCallers = 4096

// limits holds the allowances.
type limits struct {
	named, addressed, signingIn *allowances

	mu      sync.Mutex
	streams map[string]int // by caller
}

func newLimits() *limits {
	return &limits{named: newAllowances(perSecond, atOnce), addressed: newAllowances(perSecond, atOnce), signingIn: newAllowances(signInPerSecond, signInAtOnce), streams: map[string]int{}}
}

func (l *limits) allow(r *http.Request, name string, identified bool, now time.Time) bool {
	if identified {
		return l.named.allow(name, now)
	}
	return l.addressed.allow(addressOf(r), now)
}

func (l *limits) signIn(r *http.Request, now time.Time) bool {
	return l.signingIn.allow(addressOf(r), now)
}

// stream counts a stream of a caller until it ends; ok is false when there are as many as there may be.
func (l *limits) stream(r *http.Request, name string, identified bool) (end func(), ok bool) {
	caller := "named " + name
	if !identified {
		caller = addressOf(r)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams[caller] >= maxStreams {
		return nil, false
	}
	l.streams[caller]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.streams[caller]--; l.streams[caller] == 0 {
			delete(l.streams, caller)
		}
	}, true
}

// addressOf is where a request comes from. Of an IPv6 address it is the network, of which one caller has all. A proxy's
// callers are one.
func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	const network = 64 // bits; RFC 4291, section 2.5.4
	if addr = addr.Unmap().WithZone(""); addr.Is6() {
		return netip.PrefixFrom(addr, network).Masked().String()
	}
	return addr.String()
}

// allowances are one for each caller. Of so many callers that there is no room for more, the rest share one.
type allowances struct {
	every rate.Limit
	burst int

	mu   sync.Mutex
	of   map[string]*rate.Limiter
	rest *rate.Limiter
	next time.Time // when unused ones are looked for again
}

func newAllowances(every rate.Limit, burst int) *allowances {
	return &allowances{every: every, burst: burst, of: map[string]*rate.Limiter{}, rest: rate.NewLimiter(every, burst)}
}

func (a *allowances) allow(caller string, now time.Time) bool {
	return a.limiter(caller, now).AllowN(now, 1)
}

func (a *allowances) limiter(caller string, now time.Time) *rate.Limiter {
	a.mu.Lock()
	defer a.mu.Unlock()
	if known, ok := a.of[caller]; ok {
		return known
	}
	if len(a.of) >= maxCallers && !now.Before(a.next) {
		a.next = now.Add(time.Second)
		for name, l := range a.of {
			if l.TokensAt(now) >= float64(a.burst) { // as good as new
				delete(a.of, name)
			}
		}
	}
	if len(a.of) >= maxCallers {
		return a.rest
	}
	made := rate.NewLimiter(a.every, a.burst)
	a.of[caller] = made
	return made
}
