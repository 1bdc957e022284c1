package agent

import (
	"context"

	"github.com/detour-net/detour/test/lab/frr"
)

// Daemon is the isisd behind an agent. Its errors are those of package frr.
type Daemon interface {
	Status(ctx context.Context) (frr.Status, error)
	Running(ctx context.Context) (frr.Config, error)
	Commit(ctx context.Context, c frr.Change) error
}

// Kernel is the kernel behind an agent.
type Kernel interface {
	// Ports are the router's interfaces by name.
	Ports() (map[string]Port, error)
	// SetUp brings an interface up, or down.
	SetUp(name string, up bool) error
	// Describe gives an interface a description, or takes it away with an empty text.
	Describe(name, text string) error
}

// Port is an interface as the kernel has it.
type Port struct {
	Index       int
	Loopback    bool
	Up          bool   // it is meant to be
	Oper        string // as OpenConfig's oper-status has it
	MTU         int
	Description string
	Counters    Counters
}

// Counters only grow while an interface exists.
type Counters struct {
	InOctets, InPackets, InMulticast, InErrors, InFCSErrors, InDiscards uint64
	OutOctets, OutPackets, OutErrors, OutDiscards                       uint64
}

// change is everything that one Set alters: isisd's part, and the kernel's. It is written down as JSON.
type change struct {
	ISIS         frr.Change        `json:"isis"`
	Enabled      map[string]bool   `json:"enabled,omitempty"`
	Descriptions map[string]string `json:"descriptions,omitempty"`
}

func (c change) empty() bool { return c.ISIS.Empty() && !c.touchesKernel() }

func (c change) touchesKernel() bool { return len(c.Enabled)+len(c.Descriptions) > 0 }

// inverse is the change that takes c back from what the router has now.
func (c change) inverse(now *snapshot) change {
	var back change
	for name := range c.ISIS.Metrics {
		set(&back.ISIS.Metrics, name, now.config.Interfaces[name].Metric)
	}
	if c.ISIS.Overload != nil {
		overload := now.config.Overload
		back.ISIS.Overload = &overload
	}
	for name := range c.Enabled {
		set(&back.Enabled, name, now.ports[name].Up)
	}
	for name := range c.Descriptions {
		set(&back.Descriptions, name, now.ports[name].Description)
	}
	return back
}

func set[V any](m *map[string]V, key string, value V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[key] = value
}
