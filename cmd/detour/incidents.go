package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/client"
)

func newIncidents(c *cli) *cobra.Command {
	var watch, open bool
	var phases []string
	var limit int
	cmd := &cobra.Command{
		Use: "incidents [ID]", Aliases: []string{"incident"}, Short: "List incidents, or show one whole",
		Long: "Without an ID, lists incidents: the open ones, most severe first, then the ended ones, newest first. Those that have one\n" +
			"cause and were decided together stand below the one that speaks for them.\n" +
			"With an ID, shows everything about one: what is wrong, the plan, every check with value and limit, who approved,\n" +
			"what was set and seen on each router, and where it stands on the ledger.\n" +
			"--watch goes on: with an ID until it ends, without one until you stop it.",
		Args: atMostOne, ValidArgsFunction: c.completeIncidents,
		RunE: func(cmd *cobra.Command, args []string) error {
			filter := client.Filter{Phases: phases, Limit: limit}
			if open {
				filter.Open = &open
			}
			switch {
			case len(args) == 0 && watch:
				return c.watchAll(cmd.Context())
			case len(args) == 0:
				return c.listIncidents(cmd.Context(), filter)
			case watch:
				return c.watchOne(cmd.Context(), args[0])
			}
			return c.showIncident(cmd.Context(), args[0])
		},
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "go on and tell of changes")
	cmd.Flags().BoolVar(&open, "open", false, "only those that have not ended")
	cmd.Flags().StringSliceVar(&phases, "phase", nil, "only those in this phase")
	cmd.Flags().IntVar(&limit, "limit", 50, "at most so many")
	return cmd
}

func (c *cli) listIncidents(ctx context.Context, filter client.Filter) error {
	return c.call(ctx, answerWithin, func(ctx context.Context, cl *client.Client) error {
		list, err := cl.Incidents(ctx, filter)
		if err != nil {
			return err
		}
		c.loud(ctx, cl)
		return c.show(list, func() error {
			if len(list.Incidents) == 0 {
				c.note("no incidents")
				return nil
			}
			t := c.table("INCIDENT", "PHASE", "SEVERITY", "SYMPTOM", "MODE", "SETS", "OPENED", "WHERE IT STANDS")
			row := func(indent string, i api.Summary) {
				t.row(indent+i.ID, cell{string(i.Phase), phasePaint(i.Phase)}, cell{string(i.Severity), severityPaint(i.Severity)}, i.Symptom, i.Mode, i.Sets, stamp(i.Opened), i.Sentence)
			}
			for _, f := range api.Families(list.Incidents) {
				row("", f.Summary)
				for _, child := range f.Children {
					row("  ", child)
				}
			}
			if list.More > 0 {
				c.note("and %d more: raise --limit, or give --open or --phase", list.More)
			}
			return t.flush()
		})
	})
}

func (c *cli) showIncident(ctx context.Context, id string) error {
	return c.call(ctx, answerWithin, func(ctx context.Context, cl *client.Client) error {
		i, err := cl.Incident(ctx, id)
		if err != nil {
			return err
		}
		c.loud(ctx, cl)
		return c.show(i, func() error {
			history, err := cl.History(ctx, id)
			if err != nil {
				c.note("the records could not be read, the rest stands: %v", err)
			}
			return writeIncident(c.stdout, c.style, i, history)
		})
	})
}

// reconnectAfter is how long a stream that was cut off is left alone.
const reconnectAfter = time.Second

// changes follows the event stream, over interruptions that the server or the network make.
func (c *cli) changes(ctx context.Context, cl *client.Client, fn func(api.Change) error) error {
	var known uint64
	for {
		err := cl.Changes(ctx, known, func(change api.Change) error {
			known = change.Position
			return fn(change)
		})
		if known == 0 {
			return err
		}
		if again, err := c.resume(ctx, err); !again {
			return err
		}
	}
}

// resume reports whether a stream that ended with err is to be followed again, after a moment; the error is why not.
func (c *cli) resume(ctx context.Context, err error) (again bool, why error) {
	if !errors.Is(err, client.ErrCut) && !errors.Is(err, client.ErrUnreachable) {
		return false, err
	}
	c.note("%v: trying again", err)
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case <-time.After(reconnectAfter):
		return true, nil
	}
}

func (c *cli) watchAll(ctx context.Context) error {
	return c.follow(ctx, func(ctx context.Context, cl *client.Client) error {
		return c.changes(ctx, cl, func(change api.Change) error {
			if c.output == asJSON {
				return c.line(change)
			}
			for _, i := range change.Incidents {
				c.tell(i)
			}
			return nil
		})
	})
}

// errOver ends a watch.
var errOver = errors.New("over")

func (c *cli) watchOne(ctx context.Context, id string) error {
	err := c.follow(ctx, func(ctx context.Context, cl *client.Client) error {
		i, err := cl.Incident(ctx, id)
		if err != nil {
			return err
		}
		if !i.IsOpen() {
			return errOver
		}
		return c.changes(ctx, cl, func(change api.Change) error {
			for _, i := range change.Incidents {
				if i.ID != id {
					continue
				}
				if c.output == asJSON {
					if err := c.line(i); err != nil {
						return err
					}
				} else {
					c.tell(i)
				}
				if i.Phase == incident.Closed {
					return errOver
				}
			}
			return nil
		})
	})
	if errors.Is(err, errOver) {
		return c.showIncident(ctx, id)
	}
	return err
}

// tell writes one line about an incident that has changed.
func (c *cli) tell(i api.Summary) {
	_ = c.out("%s  #%-6d  %s  %s  %s", stamp(i.Changed), i.Position, c.style.in(bold, i.ID), c.style.in(phasePaint(i.Phase), string(i.Phase)), i.Sentence)
}

// line writes v as one line of JSON.
func (c *cli) line(v any) error {
	if err := json.NewEncoder(c.stdout).Encode(v); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// completeIncidents offers the open incidents to the shell; without an answer it offers nothing.
func (c *cli) completeIncidents(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var ids []string
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	_ = c.call(cmd.Context(), 2*time.Second, func(ctx context.Context, cl *client.Client) error {
		open := true
		list, err := cl.Incidents(ctx, client.Filter{Open: &open})
		for _, i := range list.Incidents {
			ids = append(ids, cobra.CompletionWithDesc(i.ID, string(i.Phase)))
		}
		return err
	})
	return ids, cobra.ShellCompDirectiveNoFileComp
}
