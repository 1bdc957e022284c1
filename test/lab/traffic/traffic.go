//go:build linux

// Package traffic sends numbered packets through a lab and counts those that do not arrive.
//
// A flow is UDP from one router's loopback to another's, at a steady rate. Every packet carries its number, so what is lost
// is known exactly, and when; latency is not looked at, since on a shared machine it says more about the machine.
package traffic

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/detour-net/detour/test/lab/netns"
	"github.com/detour-net/detour/test/lab/plan"
)

// size is what a packet's payload has in octets.
const size = 64

// grace is how long a packet may be under way before it counts as lost.
const grace = 2 * time.Second

// room is a sink's receive buffer, in octets: a packet that has arrived must not be lost because this process waits for a
// processor.
const room = 16 << 20

// roomy gives a socket its room, beyond what is usual on the machine: who may make namespaces may do that.
func roomy(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUFFORCE, room)
	})
	return errors.Join(err, failed)
}

// Flow is a stream of packets. Its methods are safe for concurrent use.
type Flow struct {
	Name string
	from *net.UDPConn
	to   *net.UDPConn
	sent atomic.Uint64 // packets that have left, numbered from 0

	mu      sync.Mutex
	arrived []uint64 // a bit for each number
}

// Open makes a flow between two routers, IPv6 if six. It stands still until Run.
func Open(from, to *plan.Router, six bool) (*Flow, error) {
	source, sink, family := from.IPv4, to.IPv4, "IPv4"
	if six {
		source, sink, family = from.IPv6, to.IPv6, "IPv6"
	}
	f := &Flow{Name: fmt.Sprintf("%s to %s, %s", from.Name, to.Name, family)}
	err := netns.Within(to.Namespace, func() (err error) {
		listener := net.ListenConfig{Control: roomy}
		conn, err := listener.ListenPacket(context.Background(), "udp", netip.AddrPortFrom(sink, 0).String())
		if err == nil {
			f.to = conn.(*net.UDPConn)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("flow %s: %w", f.Name, err)
	}
	err = netns.Within(from.Namespace, func() (err error) {
		f.from, err = net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(source, 0)), f.to.LocalAddr().(*net.UDPAddr))
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("flow %s: %w", f.Name, err), f.to.Close())
	}
	return f, nil
}

// Run sends a packet at every interval, and receives, until ctx ends. It can be called once.
func (f *Flow) Run(ctx context.Context, interval time.Duration) {
	var receiving sync.WaitGroup
	receiving.Go(f.receive)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	began, sent := time.Now(), uint64(0)
	for ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		// A late tick is made up for, so that the rate is what it should be.
		for ; sent < uint64(time.Since(began)/interval); sent++ {
			f.send(sent)
		}
	}
	f.from.Close()
	f.to.Close()
	receiving.Wait()
}

func (f *Flow) send(number uint64) {
	var packet [size]byte
	binary.BigEndian.PutUint64(packet[:], number)
	_, _ = f.from.Write(packet[:]) // what could not be sent, for want of a route, is lost like any other
	f.sent.Store(number + 1)
}

func (f *Flow) receive() {
	packet := make([]byte, 2*size)
	for {
		n, err := f.to.Read(packet)
		if err != nil {
			return
		}
		if n == size {
			f.note(binary.BigEndian.Uint64(packet))
		}
	}
}

func (f *Flow) note(number uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for uint64(len(f.arrived)) <= number/64 {
		f.arrived = append(f.arrived, 0)
	}
	f.arrived[number/64] |= 1 << (number % 64)
}

// Arrived says whether the packet of a number has come.
func (f *Flow) Arrived(number uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return number/64 < uint64(len(f.arrived)) && f.arrived[number/64]&(1<<(number%64)) != 0
}

// Mark is where a flow stands: the number of the next packet.
func (f *Flow) Mark() uint64 { return f.sent.Load() }

// Loss is what became of the packets between two marks.
type Loss struct{ Sent, Lost uint64 }

// Lost counts the packets that were sent between two marks and have not arrived. It gives the last of them time.
func (f *Flow) Lost(ctx context.Context, from, to uint64) Loss {
	count := func() (lost uint64) {
		for n := from; n < to; n++ {
			if !f.Arrived(n) {
				lost++
			}
		}
		return lost
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		lost := count()
		if lost == 0 {
			return Loss{Sent: to - from}
		}
		select {
		case <-tick.C:
		case <-timer.C:
			return Loss{to - from, lost}
		case <-ctx.Done():
			return Loss{to - from, lost}
		}
	}
}
