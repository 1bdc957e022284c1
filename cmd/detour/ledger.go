package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/client"
)

func newLedger(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "ledger", Short: "The record of everything that happened and was decided"}
	group(cmd)
	cmd.AddCommand(newLedgerTail(c), newLedgerVerify(c), newLedgerExport(c), newLedgerArchive(c), newLedgerRestore(c), newLedgerKey(c))
	return cmd
}

func newLedgerTail(c *cli) *cobra.Command {
	var follow bool
	var lines int
	cmd := &cobra.Command{
		Use: "tail", Short: "The newest commits", Args: takes(),
		Long: "Shows the newest commits, one record a line; with --follow goes on as they are written, until you stop it.\nWith -o json, a commit is one line, as in an export.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if lines < 1 || lines > 1000 {
				return usage("--lines is %d, want 1 to 1000", lines)
			}
			run := c.follow
			if !follow {
				run = func(ctx context.Context, f func(context.Context, *client.Client) error) error {
					return c.call(ctx, answerWithin, f)
				}
			}
			return run(cmd.Context(), func(ctx context.Context, cl *client.Client) error {
				part, err := cl.Ledger(ctx, 0, lines)
				if err != nil {
					return err
				}
				for _, l := range part.Lines {
					if err := c.tellLine(l); err != nil {
						return err
					}
				}
				if !follow {
					return nil
				}
				return c.tailFrom(ctx, cl, part.Last)
			})
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on as they are written")
	cmd.Flags().IntVarP(&lines, "lines", "n", 20, "how many commits to begin with")
	return cmd
}

// tailFrom follows the ledger behind a position, over interruptions.
func (c *cli) tailFrom(ctx context.Context, cl *client.Client, known uint64) error {
	for {
		err := cl.Tail(ctx, known, func(position uint64, line []byte) error {
			known = position
			return c.tellLine(line)
		})
		if again, err := c.resume(ctx, err); !again {
			return err
		}
	}
}

// tellLine writes one commit: as its line, or each of its records as a sentence.
func (c *cli) tellLine(raw []byte) error {
	if c.output == asJSON {
		_, err := fmt.Fprintf(c.stdout, "%s\n", raw)
		return err
	}
	var l api.Line
	if err := json.Unmarshal(raw, &l); err != nil {
		return fmt.Errorf("read line: %w", err)
	}
	commit, err := events.Decode(l.Commit)
	if err != nil {
		return c.out("#%-6d %s", l.Position, c.style.in(red, err.Error()))
	}
	for _, r := range commit.Records {
		if err := c.out("#%-6d %s  %-12s %-18s %s", l.Position, commit.At.UTC().Format("15:04:05.000"), dash(r.Incident), r.Body.Kind(), sentence(r.Body, nil)); err != nil {
			return err
		}
	}
	return nil
}

// long runs f with a client for as long as it takes, or --timeout if that was given. Unlike follow it is not done when
// it is stopped.
func (c *cli) long(ctx context.Context, f func(context.Context, *client.Client) error) error {
	err := c.follow(ctx, f)
	return errors.Join(err, ctx.Err())
}
