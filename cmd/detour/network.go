package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/api"
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
					t := c.table("ROUTER", "ADDRESS", "SITE", "PROFILE", "SOFTWARE", "REACHABLE", "LAST SEEN", "FENCES", "MAY SET", "REBOOT", "ERROR")
					for _, r := range list.Routers {
						reachable := map[bool]cell{true: {"yes", green}, false: {"no", red}}[r.Reachable]
						t.row(r.Name, r.Address, r.Site, r.Profile, r.Software, reachable, stamp(r.Seen), joined(r.Bars), joined(r.Actions), rebootCell(r.Trial), r.Error)
					}
					if err := t.flush(); err != nil {
						return err
					}
					for _, r := range list.Routers {
						c.noteTrial(r.Trial)
					}
					return nil
				})
			})
		},
	}
	cmd.AddCommand(newProve(c))
	return cmd
}

func newProve(c *cli) *cobra.Command {
	var reboot, undo bool
	cmd := &cobra.Command{
		Use: "prove ROUTER", Short: "Find out by canaries which fences a router honours, and which leaves it takes", Args: takes("ROUTER"),
		Long: "Writes the description of the interface that the inventory names as canary under each fence, and looks whether the router\n" +
			"honours it; and writes and deletes the metric of the one that it names as canary_metric. Everything is put back. What it\n" +
			"shows stands on the ledger with the router's software, and from then on a Set rests on it, until the software is another.\n\n" +
			"With --reboot it is found out whether what is set outlives a reboot of the router, which you do, in two calls. The first\n" +
			"sets the metric of canary_metric as a mark, and leaves it. Reboot the router then, without saving its configuration by hand.\n" +
			"The second reads the mark, and puts back what was there. Until then detour routers shows that the mark stands, and\n" +
			"--reboot --undo takes it off without a reboot.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if undo && !reboot {
				return usage("--undo takes a mark off that --reboot has set: give both")
			}
			return c.call(cmd.Context(), proofWithin, func(ctx context.Context, cl *client.Client) error {
				if reboot {
					return c.tryReboot(ctx, cl, args[0], undo)
				}
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
	cmd.Flags().BoolVar(&reboot, "reboot", false, "find out whether what is set outlives a reboot, which you do between two calls")
	cmd.Flags().BoolVar(&undo, "undo", false, "with --reboot: take the mark off")
	return cmd
}

func (c *cli) tryReboot(ctx context.Context, cl *client.Client, router string, undo bool) error {
	trial, err := cl.TryReboot(ctx, router, api.TryReboot{Undo: undo})
	if err != nil {
		return err
	}
	return c.show(trial, func() error {
		t := c.table("ROUTER", "SOFTWARE", "REBOOT", "BOOTED", "BOOTED AGAIN", "DETAIL")
		t.row(trial.Device, trial.Software, rebootCell(&trial), stamp(trial.Booted), stamp(trial.Rebooted), trial.Sentence())
		if err := t.flush(); err != nil {
			return err
		}
		c.noteTrial(&trial)
		return nil
	})
}

// rebootCell says in a word what a reboot does to what is set, "" where no trial has said.
func rebootCell(t *events.RebootTrial) cell {
	switch {
	case t == nil:
		return cell{"", plain}
	case !t.Over:
		return cell{"marked", yellow}
	}
	return cell{string(t.Kept), plain}
}

// noteTrial says of a trial that is not over how to go on.
func (c *cli) noteTrial(t *events.RebootTrial) {
	if t == nil || t.Over {
		return
	}
	c.note("router %s since %s: %s. Go on once it was rebooted with detour routers prove %s --reboot, or take the mark off with --reboot --undo",
		t.Device, stamp(t.Begun), t.Sentence(), t.Device)
}
