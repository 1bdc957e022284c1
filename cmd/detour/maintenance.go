package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/client"
)

func newMaintenance(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "maintenance", Short: "Windows in which plans are dry-run",
		Long: "Inside a window nothing is set in its scope; when it ends, what is still wrong is decided anew.\nRecurring windows stand in the policy."}
	group(cmd)
	cmd.AddCommand(newMaintenanceBegin(c), newMaintenanceEnd(c), newMaintenanceList(c))
	return cmd
}

func newMaintenanceBegin(c *cli) *cobra.Command {
	var scope, reason, until string
	var length time.Duration
	cmd := &cobra.Command{
		Use: "begin --for DURATION|--until TIME --reason TEXT [--scope SCOPE]", Short: "Open a window", Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			scope, err := scopeFlag(scope)
			if err != nil {
				return err
			}
			w := api.NewWindow{Scope: scope, For: events.Duration(length), Reason: reason}
			switch {
			case reason == "":
				return usage("maintenance begin needs --reason")
			case (length == 0) == (until == "") || length < 0:
				return usage("maintenance begin needs either --for, such as 2h, or --until, such as 2026-11-20T18:00:00Z")
			case until != "":
				if w.Until, err = time.Parse(time.RFC3339, until); err != nil {
					return usage("--until is %q, want RFC 3339 such as 2026-11-20T18:00:00Z", until)
				}
			}
			return c.call(cmd.Context(), answerWithin, func(ctx context.Context, cl *client.Client) error {
				done, err := cl.BeginMaintenance(ctx, w)
				if err != nil {
					return err
				}
				c.note("maintenance of %s begun; on record at position %d; detour maintenance end %s closes it", scope, done.Position, done.Window)
				return c.show(done, func() error { t := c.table("WINDOW"); t.row(done.Window); return t.flush() })
			})
		},
	}
	cmd.Flags().StringVar(&scope, "scope", string(events.Network), scopeHelp)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the record")
	cmd.Flags().StringVar(&until, "until", "", "when it ends, in RFC 3339")
	cmd.Flags().DurationVar(&length, "for", 0, "how long it lasts, such as 2h")
	return cmd
}

func newMaintenanceEnd(c *cli) *cobra.Command {
	return &cobra.Command{
		Use: "end ID", Short: "Close a window before its time", Args: takes("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.order(cmd, "ended: "+args[0], func(ctx context.Context, cl *client.Client) (api.Done, error) {
				return cl.EndMaintenance(ctx, args[0])
			})
		},
	}
}

func newMaintenanceList(c *cli) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Windows in force that people began", Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(cmd.Context(), answerWithin, func(ctx context.Context, cl *client.Client) error {
				list, err := cl.Windows(ctx)
				if err != nil {
					return err
				}
				return c.show(list, func() error {
					if len(list.Windows) == 0 {
						c.note("no window that a person began is in force; recurring ones stand in the policy")
						return nil
					}
					t := c.table("WINDOW", "SCOPE", "UNTIL", "BY", "REASON")
					for _, w := range list.Windows {
						t.row(w.ID, w.Scope, stamp(w.Until), who(w.By), w.Reason)
					}
					return t.flush()
				})
			})
		},
	}
}
