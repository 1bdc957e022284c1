package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/client"
)

func newDrains(c *cli) *cobra.Command {
	return &cobra.Command{
		Use: "drains", Short: "Every drain in force, ours and others'", Args: takes(),
		Long: "Lists what Detour has drained, as the ledger says, and what somebody else has drained, as the routers' metrics show.\n" +
			"Of each it says what it costs as computed last: how full the fullest link is, in service and drained, and the same after\n" +
			"the worst failure more. Of Detour's it also says how full other links are as measured.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(cmd.Context(), answerWithin, func(ctx context.Context, cl *client.Client) error {
				list, err := cl.Drains(ctx)
				if err != nil {
					return err
				}
				c.loud(ctx, cl)
				return c.show(list, func() error {
					c.note("others' drains as %d of %d routers show", list.Seen, list.Routers)
					for _, router := range list.Overloaded {
						c.note("router %s has the overload bit, by whomever: nothing crosses it", router)
					}
					if len(list.Drains) == 0 {
						c.note("nothing is drained")
						return nil
					}
					t := c.table("LINK", "OWNER", "INCIDENT", "PHASE", "SINCE", "NOT BEFORE", "EXPIRES", "SEEN", "WORST OTHER LINK", "WORST LINK, COMPUTED", "ONE MORE FAILURE")
					for _, d := range list.Drains {
						worst := ""
						if d.Worst != "" {
							worst = d.Worst + " " + events.Percent(d.Permil)
						}
						seen := map[bool]cell{true: {"yes", green}, false: {"no", red}}[d.Seen]
						t.row(d.Link, d.Owner, d.Incident, cell{string(d.Phase), phasePaint(d.Phase)}, stamp(d.Since), stamp(d.Until), stamp(d.Expires), seen, worst, capacityCost(d.Verdict), failureCost(d.Verdict))
					}
					return t.flush()
				})
			})
		},
	}
}

// capacityCost is how full the fullest link is in service, and drained.
func capacityCost(v *incident.Verdict) string {
	switch {
	case v == nil:
		return ""
	case v.Prospect.Missing != "":
		return "not known"
	}
	return fmt.Sprintf("%s -> %s", events.Percent(v.Prospect.InService.WorstPermil), filled(v.Prospect.Drained.WorstLink, v.Prospect.Drained.WorstPermil))
}

// failureCost is how full the fullest link is after the worst failure more, in service and drained.
func failureCost(v *incident.Verdict) string {
	if v == nil || v.Prospect.Missing != "" || v.Prospect.Drained.Failures == 0 {
		return ""
	}
	text := fmt.Sprintf("%s -> %s%s", events.Percent(v.Prospect.InService.SurvivePermil), events.Percent(v.Prospect.Drained.SurvivePermil), failing(v.Prospect.Drained))
	if n := v.Prospect.NewViolations; n > 0 {
		text += fmt.Sprintf(", no longer survived: %d", n)
	}
	return text
}

func newRouters(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "routers", Short: "The inventory: reachability, fences, qualified actions",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("routers has no verb %q (see detour routers --help)", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(cmd.Context(), answerWithin, func(ctx context.Context, cl *client.Client) error {
				list, err := cl.Routers(ctx)
				if err != nil {
					return err
				}
				return c.show(list, func() error {
					t := c.table("ROUTER", "ADDRESS", "SITE", "PROFILE", "SOFTWARE", "REACHABLE", "LAST SEEN", "FENCES", "MAY SET", "ERROR")
					for _, r := range list.Routers {
						reachable := map[bool]cell{true: {"yes", green}, false: {"no", red}}[r.Reachable]
						t.row(r.Name, r.Address, r.Site, r.Profile, r.Software, reachable, stamp(r.Seen), joined(r.Bars), joined(r.Actions), r.Error)
					}
					return t.flush()
				})
			})
		},
	}
	cmd.AddCommand(newProve(c))
	return cmd
}

func newProve(c *cli) *cobra.Command {
	return &cobra.Command{
		Use: "prove ROUTER", Short: "Find out by canaries which fences a router honours, and which leaves it takes", Args: takes("ROUTER"),
		Long: "Writes the description of the interface that the inventory names as canary under each fence, and looks whether the router\n" +
			"honours it; and writes and deletes the metric of the one that it names as canary_metric. Everything is put back. What it\n" +
			"shows stands on the ledger with the router's software, and from then on a Set rests on it, until the software is another.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.call(cmd.Context(), proofWithin, func(ctx context.Context, cl *client.Client) error {
				proved, err := cl.Prove(ctx, args[0])
				if err != nil {
					return err
				}
				return c.show(proved, func() error {
					t := c.table("ROUTER", "SOFTWARE", "FENCES", "MAY SET", "DETAIL")
					t.row(proved.Device, proved.Software, joined[events.Bar](proved.Bars), joined[events.Leaf](proved.Leaves), proved.Detail)
					return t.flush()
				})
			})
		},
	}
}
