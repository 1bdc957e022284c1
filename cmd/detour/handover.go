package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/client"
)

func newHandover(c *cli) *cobra.Command {
	var since string
	cmd := &cobra.Command{
		Use: "handover [--since 12h|TIME]", Short: "Say what whoever comes on duty must know",
		Long: "Says what whoever comes on duty must know: what needs a person, what people are asked, what stands and until when, what may be\n" +
			"undrained, what waits and for what, what was refused and why, and what expired. What is open is told as it is now, what has\n" +
			"ended from --since on.",
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(cmd.Context(), answerWithin, func(ctx context.Context, cl *client.Client) error {
				h, err := cl.Handover(ctx, since)
				if err != nil {
					return err
				}
				return c.show(h, func() error { c.writeHandover(h); return nil })
			})
		},
	}
	cmd.Flags().StringVar(&since, "since", "12h", "how long ago, or a time such as 2026-11-20T06:00:00Z")
	return cmd
}

// sections are the parts of a hand-over in the order in which they matter, with what to say of an empty one; "" to leave it
// out.
func sections(h incident.Handover) []struct {
	name, empty string
	incident.Section
} {
	return []struct {
		name, empty string
		incident.Section
	}{
		{"needs a person", "", h.Stuck}, {"people are asked", "", h.Asking}, {"stands", "nothing of Detour's stands on a router", h.Standing}, {"may be undrained", "", h.Ready},
		{"waits", "", h.Waiting}, {"was refused", "", h.Refused}, {"expired", "", h.Expired},
	}
}

func (c *cli) writeHandover(h incident.Handover) {
	out := func(format string, args ...any) { _ = c.out(format, args...) }
	out("%s to %s, ledger position %d", stamp(h.Since), stamp(h.At), h.Position)
	if !h.Whole {
		out("not all that ended is remembered any more: the ledger has it")
	}
	for _, f := range h.Freezes {
		out("\n%s since %s by %s: %s", c.style.in(blue, "FROZEN "+string(f.Scope)), stamp(f.Since), who(f.By), f.Reason)
		out("  waiting: %s; expired meanwhile: %s", names(f.Waiting), names(f.Expired))
	}
	for _, s := range sections(h) {
		if s.Count == 0 && s.empty == "" {
			continue
		}
		out("\n%s", c.style.in(bold, strings.ToUpper(s.name)))
		if s.Count == 0 {
			out("  %s", s.empty)
		}
		for _, l := range s.Lines {
			c.writeLine(l)
		}
		if more := s.Count - len(s.Lines); more > 0 {
			out("  and %d more", more)
		}
	}
	var ended []string
	for _, o := range slices.Sorted(maps.Keys(h.Ended)) {
		ended = append(ended, fmt.Sprintf("%d %s", h.Ended[o], o))
	}
	if len(ended) > 0 {
		out("\nended: %s", strings.Join(ended, ", "))
	}
}

func (c *cli) writeLine(l incident.Line) {
	out := func(format string, args ...any) { _ = c.out(format, args...) }
	mode := ""
	if l.Mode != "" {
		mode = ", " + string(l.Mode)
	}
	out("  %s %s on %s%s: %s", c.style.in(bold, l.Incident), c.style.in(phasePaint(l.Phase), string(l.Phase)), l.Target, mode, l.Sentence)
	for _, t := range []struct {
		what string
		at   time.Time
	}{{"clear since", l.Clear}, {"expires", l.Expires}, {"expired", l.Expired}} {
		if !t.at.IsZero() {
			out("    %s %s", t.what, stamp(t.at))
		}
	}
	for _, check := range l.Held {
		out("    %s: %s, limit %s", c.style.in(red, check.Name), dash(check.Value), dash(check.Limit))
	}
	for _, u := range l.Unblock {
		out("    -> %s", u)
	}
}

// names are the first of some incidents, and how many more there are.
func names(n incident.Names) string {
	if n.Count == 0 {
		return "nothing"
	}
	text := strings.Join(n.First, ", ")
	if more := n.Count - len(n.First); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
