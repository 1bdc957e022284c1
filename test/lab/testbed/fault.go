//go:build linux

package testbed

import (
	"context"
	"fmt"
	"math"
	"os/exec"
	"strconv"
	"strings"

	"github.com/detour-net/detour/test/lab/plan"
)

// Fault is what ails a link. The zero Fault is none.
type Fault struct {
	Loss float64 // ratio of packets that are lost in each direction, 0 to 1; counted as frames in error
	Dark bool    // all packets are lost, and no counter tells
	Dead bool    // so is everything, hellos too, and the interfaces stay up
	Cut  bool    // both interfaces are down
}

// ParseFault reads loss=RATIO, dark, dead, cut or heal.
func ParseFault(text string) (Fault, error) {
	switch text {
	case "heal":
		return Fault{}, nil
	case "dark":
		return Fault{Dark: true}, nil
	case "dead":
		return Fault{Dead: true}, nil
	case "cut":
		return Fault{Cut: true}, nil
	}
	if value, ok := strings.CutPrefix(text, "loss="); ok {
		if ratio, err := strconv.ParseFloat(value, 64); err == nil && ratio >= 0 && ratio <= 1 {
			return Fault{Loss: ratio}, nil
		}
	}
	return Fault{}, fmt.Errorf("fault %q: want loss=RATIO with a ratio from 0 to 1, dark, dead, cut or heal", text)
}

// Inflict gives a link a fault in place of any that it had.
//
// Packets are dropped where they come in, behind the tap that isisd listens at: the adjacency stays up whatever is lost,
// which is what makes such faults grey. On a dead link they are dropped as they go out, hellos with them.
func (b *Bed) Inflict(ctx context.Context, link string, f Fault) error {
	for _, l := range b.Links {
		if l.Name != link {
			continue
		}
		for _, end := range []plan.End{l.A, l.B} {
			if err := b.inflict(ctx, &b.Routers[end.Router], end.Interface, f); err != nil {
				return fmt.Errorf("link %s: %w", link, err)
			}
		}
		return nil
	}
	return fmt.Errorf("lab %s has no link %q", b.Name, link)
}

func (b *Bed) inflict(ctx context.Context, r *plan.Router, name string, f Fault) error {
	state := "up"
	if f.Cut {
		state = "down"
	}
	commands := [][]string{
		{"ip", "-n", r.Namespace, "link", "set", "dev", name, state},
		// The queue stays when the filter goes, and with it the count of what was dropped.
		{"tc", "-n", r.Namespace, "qdisc", "replace", "dev", name, "clsact"},
		{"tc", "-n", r.Namespace, "filter", "del", "dev", name, "ingress"},
		{"tc", "-n", r.Namespace, "filter", "del", "dev", name, "egress"},
	}
	if program := f.program(); program != "" {
		hook := "ingress"
		if f.Dead {
			hook = "egress"
		}
		commands = append(commands, []string{
			"tc", "-n", r.Namespace, "filter", "add", "dev", name, hook, "protocol", "all", "bpf", "da", "bytecode", program,
		})
	}
	for _, args := range commands {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

// program is one for the kernel's classic BPF, as tc-bpf(8) reads it, that lets packets go at random, or "" for none. It
// takes the place of netem's loss, which not every kernel has.
func (f Fault) program() string {
	const (
		loadRandom = "32 0 0 4294963256" // the ancillary word SKF_AD_RANDOM, linux/filter.h
		keep       = "6 0 0 4294967295"  // TC_ACT_UNSPEC
		drop       = "6 0 0 2"           // TC_ACT_SHOT, which the queue counts
		steal      = "6 0 0 4"           // TC_ACT_STOLEN, which nobody counts
	)
	switch {
	case f.Dark, f.Dead:
		return "1," + steal
	case f.Loss >= 1:
		return "1," + drop
	case f.Loss > 0:
		threshold := uint64(math.Round(f.Loss * (1 << 32)))
		return fmt.Sprintf("4,%s,53 0 1 %d,%s,%s", loadRandom, threshold, keep, drop) // below the threshold: the last line
	}
	return ""
}
