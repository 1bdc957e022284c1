package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/detour-net/detour/internal/chatops/clean"
	"github.com/detour-net/detour/internal/web/client"
)

func newPolicyShow(c *cli) *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "The policy that each replica decides by, and what it refused", Args: takes(),
		Long: "Lists what every replica last said of its policy on the ledger. Where a replica's file has been changed to something that is\n" +
			"not in order the complaint follows, and the policy that is listed stays in force. While replicas that run differ, nothing\n" +
			"that adds risk is begun.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(cmd.Context(), answerWithin, func(ctx context.Context, cl *client.Client) error {
				list, err := cl.Policies(ctx)
				if err != nil {
					return err
				}
				return c.show(list, func() error {
					t := c.table("REPLICA", "POLICY", "MODE", "FILE", "SINCE", "THE FILE NOW")
					for _, r := range list.Replicas {
						now := cell{"in force", green}
						if r.Refused != nil {
							now = cell{"refused", red}
						}
						t.row(r.Replica, r.Policy.Short(), string(r.Mode), r.Source, stamp(r.Since), now)
					}
					if err := t.flush(); err != nil {
						return err
					}
					for _, r := range list.Replicas {
						if r.Refused != nil {
							_ = c.out("\n%s does not take %s:\n%s", r.Replica, r.Refused.Source, painted(clean.Lines(r.Refused.Why)))
						}
					}
					return nil
				})
			})
		},
	}
}
