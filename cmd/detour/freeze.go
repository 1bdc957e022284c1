package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/client"
)

const scopeHelp = "network, or KIND:NAME such as site:den, device:den or link:den-kcy"

// scopeFlag reads --scope before anything is sent.
func scopeFlag(text string) (string, error) {
	scope, err := events.ParseScope(text)
	if err != nil {
		return "", usage("--scope: %w", err)
	}
	return string(scope), nil
}

func newFreeze(c *cli) *cobra.Command {
	var scope, reason string
	var list bool
	cmd := &cobra.Command{
		Use: "freeze --reason TEXT [--scope SCOPE]", Short: "Stop every act that adds risk",
		Long: "Stops every act that adds risk, everywhere or in a scope, on all replicas. What stands stays; taking back stays possible.\n--list shows the freezes in force.",
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if list {
				return c.listFreezes(cmd.Context())
			}
			if reason == "" {
				return usage("freeze needs --reason: it stands on the record, and whoever thaws must know")
			}
			scope, err := scopeFlag(scope)
			if err != nil {
				return err
			}
			return c.order(cmd, "frozen: "+scope, func(ctx context.Context, cl *client.Client) (api.Done, error) { return cl.Freeze(ctx, scope, reason) })
		},
	}
	cmd.Flags().StringVar(&scope, "scope", string(events.Network), scopeHelp)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the record")
	cmd.Flags().BoolVar(&list, "list", false, "show the freezes in force")
	return cmd
}

func (c *cli) listFreezes(ctx context.Context) error {
	return c.call(ctx, answerWithin, func(ctx context.Context, cl *client.Client) error {
		freezes, err := cl.Freezes(ctx)
		if err != nil {
			return err
		}
		return c.show(freezes, func() error {
			if len(freezes.Freezes) == 0 {
				c.note("nothing is frozen")
				return nil
			}
			t := c.table("SCOPE", "BY", "REASON")
			for _, f := range freezes.Freezes {
				t.row(f.Scope, who(f.By), f.Reason)
			}
			return t.flush()
		})
	})
}

func newThaw(c *cli) *cobra.Command {
	var scope string
	cmd := &cobra.Command{
		Use: "thaw [--scope SCOPE]", Short: "End the freeze of exactly one scope", Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			scope, err := scopeFlag(scope)
			if err != nil {
				return err
			}
			return c.order(cmd, "thawed: "+scope, func(ctx context.Context, cl *client.Client) (api.Done, error) { return cl.Thaw(ctx, scope) })
		},
	}
	cmd.Flags().StringVar(&scope, "scope", string(events.Network), scopeHelp)
	return cmd
}
