package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/detour-net/detour/internal/demo"
)

func newDemo(c *cli) *cobra.Command {
	var scenario, listen string
	var exit bool
	var wait time.Duration
	cmd := &cobra.Command{
		Use: "demo", Short: "The whole loop on this machine: a simulated backbone, a fault, and what becomes of it", Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if scenario == "list" {
				return c.show(demo.Names(), func() error {
					for _, s := range demo.Scenarios() {
						fmt.Fprintf(c.stdout, "%-18s %s\n", s.Name, s.Summary)
					}
					return nil
				})
			}
			if _, err := demo.Find(scenario); err != nil {
				return &codedError{err, exitUsage}
			}
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find this binary: %w", err)
			}
			out, isFile := c.stdout.(*os.File)
			return demo.Run(cmd.Context(), demo.Options{
				Scenario: scenario, Exit: exit, JSON: c.output == asJSON, Listen: listen, Wait: wait, Out: c.stdout, Words: c.stderr,
				Terminal: isFile && term.IsTerminal(int(out.Fd())), Colour: c.style.colour, Executable: self,
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&scenario, "scenario", demo.Scenarios()[0].Name, "what happens; list names them")
	f.BoolVar(&exit, "exit", false, "end when the loop has closed; exit 0 only if it closed as the scenario says")
	f.DurationVar(&wait, "wait", 0, "before the story begins, to open the console first")
	f.StringVar(&listen, "listen", "127.0.0.1:0", "where API and console answer; port 0 takes a free one")
	must(cmd.RegisterFlagCompletionFunc("scenario", cobra.FixedCompletions(demo.Names(), cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}
