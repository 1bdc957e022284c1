package detector

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/detour-net/detour/test/lab/netns"
	"github.com/detour-net/detour/test/lab/plan"
)

const (
	patrol = 20 * time.Millisecond  // between two probes of a link that nothing is said of
	hurry  = 2 * time.Millisecond   // of one under suspicion
	answer = 250 * time.Millisecond // between two looks at what has come
)

// lane is the way of probes from one end of a link to the other, and never by another link.
type lane struct {
	at    Port // where they come in
	from  *net.UDPConn
	to    *net.UDPConn
	tally tally
}

// openLane opens the sockets of a lane, each in its end's namespace.
func openLane(from *plan.Router, by plan.Interface, to *plan.Router, at plan.Interface) (*lane, error) {
	l := &lane{at: Port{to.Name, at.Name}}
	err := netns.Within(to.Namespace, func() (err error) {
		l.to, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(at.IPv4.Addr(), 0)))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("probe link %s: %w", by.Link, err)
	}
	err = netns.Within(from.Namespace, func() error {
		dialer := net.Dialer{
			LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(by.IPv4.Addr(), 0)),
			Control:   func(_, _ string, c syscall.RawConn) error { return bind(c, by.Name) },
		}
		conn, err := dialer.Dial("udp4", l.to.LocalAddr().String())
		if err == nil {
			l.from = conn.(*net.UDPConn)
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("probe link %s: %w", by.Link, err), l.to.Close())
	}
	return l, nil
}

// bind keeps a socket to an interface, whatever the routes say.
func bind(c syscall.RawConn, name string) error {
	var failed error
	err := c.Control(func(fd uintptr) { failed = syscall.BindToDevice(int(fd), name) })
	return errors.Join(err, failed)
}

func (l *lane) close() error { return errors.Join(l.from.Close(), l.to.Close()) }

// send sends probes until ctx ends.
func (l *lane) send(ctx context.Context, judge *Judge) {
	timer := time.NewTimer(patrol)
	defer timer.Stop()
	var packet [8]byte
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		binary.BigEndian.PutUint64(packet[:], l.tally.send(time.Now()))
		_, _ = l.from.Write(packet[:]) // what cannot be sent is lost; a port that is down is not judged by it
		if judge.Suspects(l.at) {
			timer.Reset(hurry)
		} else {
			timer.Reset(patrol)
		}
	}
}

// receive notes what comes until the socket is closed.
func (l *lane) receive() {
	var packet [64]byte
	for {
		n, err := l.to.Read(packet[:])
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err == nil && n == 8:
			l.tally.come(binary.BigEndian.Uint64(packet[:]))
		}
	}
}

// Prober sends probes both ways over every link of a lab.
type Prober struct{ lanes []*lane }

// NewProber opens the sockets of a lab's probes, each in its router's namespace. Run closes them.
func NewProber(l *plan.Lab) (*Prober, error) {
	p := &Prober{}
	for _, link := range l.Links {
		for _, way := range [][2]plan.End{{link.A, link.B}, {link.B, link.A}} {
			from, to := &l.Routers[way[0].Router], &l.Routers[way[1].Router]
			lane, err := openLane(from, from.At(way[0].Interface), to, to.At(way[1].Interface))
			if err != nil {
				return nil, errors.Join(err, p.close())
			}
			p.lanes = append(p.lanes, lane)
		}
	}
	return p, nil
}

func (p *Prober) close() error {
	var errs []error
	for _, lane := range p.lanes {
		errs = append(errs, lane.close())
	}
	return errors.Join(errs...)
}

// Run sends probes, and tells judge of them, until ctx ends. Where it was kept from looking for longer than a probe may be on
// its way, so was whoever takes probes in: it is not the network that is blamed for what is on its way then.
func (p *Prober) Run(ctx context.Context, judge *Judge) error {
	var running sync.WaitGroup
	for _, lane := range p.lanes {
		running.Go(func() { lane.send(ctx, judge) })
		running.Go(lane.receive)
	}
	tick := time.NewTicker(answer)
	defer tick.Stop()
	for last := time.Now(); ctx.Err() == nil; {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		now := time.Now()
		stalled := now.Sub(last) > overdue
		last = now
		for _, lane := range p.lanes {
			if stalled {
				lane.tally.excuse()
			}
			all, lost := lane.tally.judge(now)
			judge.Probes(lane.at, now, all, lost)
		}
	}
	err := p.close()
	running.Wait()
	return err
}

// Settled says whether it is known of every probe that left for a port before a moment what became of it. Of a link that lets
// nothing through it never is.
func (p *Prober) Settled(at Port, before time.Time) bool {
	for _, lane := range p.lanes {
		if lane.at == at && !lane.tally.settled(before) {
			return false
		}
	}
	return true
}

// Lost counts the probes that left for a port between two moments, at most three minutes ago, and are known to be lost:
// who counts what a fault drops finds them among it.
func (p *Prober) Lost(at Port, from, to time.Time) (lost uint64) {
	for _, lane := range p.lanes {
		if lane.at == at {
			lost += lane.tally.between(from, to)
		}
	}
	return lost
}
