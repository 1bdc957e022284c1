package agent

import (
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// Linux is the kernel of one network namespace. It is safe for concurrent use.
type Linux struct {
	ns     netns.NsHandle
	handle *netlink.Handle

	mu    sync.Mutex
	drops map[string]tally // of the fault filters, by interface
}

// tally makes one growing count of a counter that starts again at zero.
type tally struct{ before, last uint64 }

// OpenLinux finds the kernel of a named namespace.
func OpenLinux(namespace string) (*Linux, error) {
	ns, err := netns.GetFromName(namespace)
	if err != nil {
		return nil, fmt.Errorf("namespace %s: %w", namespace, err)
	}
	handle, err := netlink.NewHandleAt(ns)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("namespace %s: %w", namespace, err), ns.Close())
	}
	return &Linux{ns: ns, handle: handle, drops: map[string]tally{}}, nil
}

// Close lets go of the namespace.
func (l *Linux) Close() error {
	l.handle.Close()
	return l.ns.Close()
}

// Ports implements Kernel. What a fault filter drops on the way in counts as frames received in error: it stands for a sick
// fibre, whose frames a router's port would find broken.
func (l *Linux) Ports() (map[string]Port, error) {
	links, err := l.handle.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	ports := make(map[string]Port, len(links))
	for _, link := range links {
		a := link.Attrs()
		p := Port{
			Index: a.Index, Loopback: a.Flags&net.FlagLoopback != 0, Up: a.Flags&net.FlagUp != 0,
			Oper: operStatus(a), MTU: a.MTU, Description: a.Alias,
		}
		if s := a.Statistics; s != nil {
			lost, err := l.lost(link)
			if err != nil {
				return nil, err
			}
			p.Counters = Counters{
				InOctets: s.RxBytes, InPackets: s.RxPackets, InMulticast: s.Multicast, InErrors: s.RxErrors + lost,
				InFCSErrors: s.RxCrcErrors + lost, InDiscards: s.RxDropped,
				OutOctets: s.TxBytes, OutPackets: s.TxPackets, OutErrors: s.TxErrors, OutDiscards: s.TxDropped,
			}
		}
		ports[a.Name] = p
	}
	return ports, nil
}

// lost is how many frames an interface's fault filter has dropped since the agent started. The mutex is held.
func (l *Linux) lost(link netlink.Link) (uint64, error) {
	queues, err := l.handle.QdiscList(link)
	if err != nil {
		return 0, fmt.Errorf("list queues of %s: %w", link.Attrs().Name, err)
	}
	t := l.drops[link.Attrs().Name]
	for _, q := range queues {
		s := q.Attrs().Statistics
		if q.Type() != "clsact" || s == nil || s.Queue == nil {
			continue
		}
		now := uint64(s.Queue.Drops)
		if now < t.last {
			t.before += t.last
		}
		t.last = now
	}
	l.drops[link.Attrs().Name] = t
	return t.before + t.last, nil
}

func operStatus(a *netlink.LinkAttrs) string {
	switch {
	case a.Flags&net.FlagUp == 0:
		return "DOWN"
	case a.OperState == netlink.OperUp, a.OperState == netlink.OperUnknown: // a loopback's state is unknown
		return "UP"
	case a.OperState == netlink.OperLowerLayerDown:
		return "LOWER_LAYER_DOWN"
	}
	return "DOWN"
}

// SetUp implements Kernel.
func (l *Linux) SetUp(name string, up bool) error {
	link, err := l.handle.LinkByName(name)
	if err != nil {
		return fmt.Errorf("interface %s: %w", name, err)
	}
	if up {
		return l.handle.LinkSetUp(link)
	}
	return l.handle.LinkSetDown(link)
}

// Describe implements Kernel.
func (l *Linux) Describe(name, text string) error {
	link, err := l.handle.LinkByName(name)
	if err != nil {
		return fmt.Errorf("interface %s: %w", name, err)
	}
	return l.handle.LinkSetAlias(link, text)
}

// Watch calls moved whenever an interface has changed, until done is closed.
func (l *Linux) Watch(done <-chan struct{}, moved func()) error {
	updates := make(chan netlink.LinkUpdate, 64)
	if err := netlink.LinkSubscribeWithOptions(updates, done, netlink.LinkSubscribeOptions{Namespace: &l.ns}); err != nil {
		return fmt.Errorf("watch interfaces: %w", err)
	}
	for range updates {
		moved()
	}
	return nil
}
