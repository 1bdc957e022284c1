package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/client"
)

// order calls the server with an order and says where it stands.
func (c *cli) order(cmd *cobra.Command, said string, give func(context.Context, *client.Client) (api.Done, error)) error {
	return c.call(cmd.Context(), answerWithin, func(ctx context.Context, cl *client.Client) error {
		done, err := give(ctx, cl)
		if err != nil {
			return err
		}
		c.note("%s; on record at position %d", said, done.Position)
		return c.show(done, func() error { return nil })
	})
}

func newApprove(c *cli) *cobra.Command {
	var plan string
	cmd := &cobra.Command{
		Use: "approve ID --plan DIGEST", Short: "Approve exactly one plan",
		Long: "Approves the plan whose digest detour incidents ID shows, and no other: should the plan change meanwhile,\nthe approval is refused. At least the first twelve digits of the digest must be given.",
		Args: takes("ID"), ValidArgsFunction: c.completeIncidents,
		RunE: func(cmd *cobra.Command, args []string) error {
			if plan == "" {
				return usage("approve needs --plan: look at the plan with detour incidents %s, and give its digest", args[0])
			}
			return c.order(cmd, "approved "+args[0], func(ctx context.Context, cl *client.Client) (api.Done, error) { return cl.Approve(ctx, args[0], plan) })
		},
	}
	cmd.Flags().StringVar(&plan, "plan", "", "digest of the plan that was shown, or its first 12 digits or more")
	return cmd
}

func newReject(c *cli) *cobra.Command {
	var plan string
	return c.reasoned("reject ID", "Reject the plan that is asked about; one no is enough", func(cmd *cobra.Command) {
		cmd.Flags().StringVar(&plan, "plan", "", "only if this is the plan that is asked about")
	}, func(cmd *cobra.Command, id, reason string) error {
		return c.order(cmd, "rejected "+id, func(ctx context.Context, cl *client.Client) (api.Done, error) {
			return cl.Reject(ctx, id, plan, reason)
		})
	})
}

func newAbort(c *cli) *cobra.Command {
	var asIs bool
	return c.reasoned("abort ID", "Stop an incident and take back what was applied", func(cmd *cobra.Command) {
		cmd.Flags().BoolVar(&asIs, "as-is", false, "of a stuck incident: let go of it and leave the routers as they are")
	}, func(cmd *cobra.Command, id, reason string) error {
		return c.order(cmd, "ordered: abort "+id, func(ctx context.Context, cl *client.Client) (api.Done, error) {
			return cl.Abort(ctx, id, reason, asIs)
		})
	})
}

func newUndrain(c *cli) *cobra.Command {
	return c.reasoned("undrain ID", "Take a standing drain back now", func(*cobra.Command) {}, func(cmd *cobra.Command, id, reason string) error {
		return c.order(cmd, "ordered: undrain "+id, func(ctx context.Context, cl *client.Client) (api.Done, error) {
			return cl.Undrain(ctx, id, reason)
		})
	})
}

// noReason stands on the record when none was given.
const noReason = "no reason given"

// reasoned is a verb about one incident that has a reason.
func (c *cli) reasoned(use, short string, flags func(*cobra.Command), do func(cmd *cobra.Command, id, reason string) error) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: use, Short: short, Args: takes("ID"), ValidArgsFunction: c.completeIncidents,
		RunE: func(cmd *cobra.Command, args []string) error { return do(cmd, args[0], reason) },
	}
	cmd.Flags().StringVar(&reason, "reason", noReason, "why, for the record")
	flags(cmd)
	return cmd
}
