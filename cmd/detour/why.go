package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/client"
)

func newWhy(c *cli) *cobra.Command {
	return &cobra.Command{
		Use: "why ID|EVENT", Short: "Say why it did or did not act",
		Long: "Says of an incident, or of an event by its CloudEvents id, why it stands where it stands:\nwhich check holds it, what would unblock it, and who can.",
		Args: takes("ID|EVENT"), ValidArgsFunction: c.completeIncidents,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.call(cmd.Context(), answerWithin, func(ctx context.Context, cl *client.Client) error {
				why, err := why(ctx, cl, args[0])
				if err != nil {
					return err
				}
				return c.show(why, func() error { c.writeWhy(why); return nil })
			})
		},
	}
}

// why asks about an incident, and if there is none of that name, about an event.
func why(ctx context.Context, cl *client.Client, name string) (api.Why, error) {
	w, err := cl.WhyIncident(ctx, name)
	if exitCode(err) != exitNotFound {
		return w, err
	}
	w, err = cl.WhyEvent(ctx, name)
	var p *api.Problem
	if errors.As(err, &p) && p.Type == api.ProblemNotFound {
		p.Detail = fmt.Sprintf("%q is neither an incident nor an event on record, as far back as is remembered", name)
	}
	return w, err
}

func (c *cli) writeWhy(w api.Why) {
	out := func(format string, args ...any) { _ = c.out(format, args...) }
	if e := w.Event; e != nil {
		out("event %s was %s, at position %d", e.Event, e.Disposition, e.Position)
		if e.Detail != "" {
			out("  %s", e.Detail)
		}
	}
	if w.Remedy != "" {
		out("  -> %s", w.Remedy)
	}
	i := w.Incident
	if i == nil {
		return
	}
	out("%s is %s: %s", c.style.in(bold, i.Incident), c.style.in(phasePaint(i.Phase), string(i.Phase)), i.Sentence)
	if i.Verdict != nil {
		out("\nverdict\n  %s", i.Verdict.Sentence)
	}
	if i.Now != nil {
		out("  at %s: %s", stamp(i.Now.At), i.Now.Sentence)
	}
	if len(i.Held) > 0 {
		out("\nheld by")
	}
	for _, check := range i.Held {
		out("  %s: %s, limit %s", c.style.in(red, check.Name), dash(check.Value), dash(check.Limit))
		if check.Detail != "" {
			out("    %s", check.Detail)
		}
	}
	if len(i.Unblock) > 0 {
		out("\nwhat would change it")
	}
	for _, u := range i.Unblock {
		out("  %s", u)
	}
}
