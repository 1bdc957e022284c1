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
		Long: "Stops every act that adds risk, everywhere or in a scope, on all replicas. What stands stays; taking back stays possible.\n--list shows the freezes in force, with what waits under each and what has expired meanwhile.",
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
			return c.order(cmd, "frozen: "+scope, func(ctx context.Context, cl *client.Client) (api.Done, error) {
				done, err := cl.Freeze(ctx, scope, reason)
				if err == nil {
					c.loud(ctx, cl)
				}
				return done, err
			})
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
			t := c.table("SCOPE", "SINCE", "BY", "REASON", "WAITING", "EXPIRED MEANWHILE")
			for _, f := range freezes.Freezes {
				t.row(f.Scope, stamp(f.Since), who(f.By), f.Reason, names(f.Waiting), names(f.Expired))
			}
			return t.flush()
		})
	})
}

// loud says what is frozen, beside whatever somebody looks at or decides on. It is no reason to fail that it cannot be told.
func (c *cli) loud(ctx context.Context, cl *client.Client) {
	freezes, err := cl.Freezes(ctx)
	if err != nil {
		c.note("what is frozen could not be read: %v", err)
		return
	}
	for _, f := range freezes.Freezes {
		c.note("FROZEN: %s by %s since %s: %s; waiting: %s; expired meanwhile: %s", f.Scope, who(f.By), stamp(f.Since), f.Reason, names(f.Waiting), names(f.Expired))
	}
}

func newThaw(c *cli) *cobra.Command {
	var scope string
	cmd := &cobra.Command{
		Use: "thaw [--scope SCOPE]", Short: "End the freeze of exactly one scope", Args: takes(),
		Long: "Ends the freeze of exactly one scope, and says first what is frozen, what waits for the thaw and what has expired meanwhile.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			scope, err := scopeFlag(scope)
			if err != nil {
				return err
			}
			return c.order(cmd, "thawed: "+scope, func(ctx context.Context, cl *client.Client) (api.Done, error) {
				c.loud(ctx, cl)
				return cl.Thaw(ctx, scope)
			})
		},
	}
	cmd.Flags().StringVar(&scope, "scope", string(events.Network), scopeHelp)
	return cmd
}
