package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/detour-net/detour/internal/app"
	"github.com/detour-net/detour/internal/config"
)

func newServe(c *cli) *cobra.Command {
	path := os.Getenv("DETOUR_CONFIG")
	cmd := &cobra.Command{
		Use: "serve --config FILE", Short: "One replica of the service", Args: takes(),
		Long: "Runs one replica until it is interrupted. What is in force is printed to standard output, the log goes to standard error as JSON lines.\n\n" +
			"A policy file that changes is taken without a restart once it has been the same for a second, or at once on SIGHUP; one\n" +
			"that is not in order is refused, and the policy of before stays in force (detour policy show). See config check for what\n" +
			"needs a restart.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if path == "" {
				return usage("serve needs --config FILE, or DETOUR_CONFIG")
			}
			if _, err := config.Load(path); err != nil {
				return &codedError{fmt.Errorf("configuration: %w", err), exitUsage}
			}
			reload := make(chan os.Signal, 1)
			signal.Notify(reload, syscall.SIGHUP)
			defer signal.Stop(reload)
			return app.Serve(cmd.Context(), path, reload, c.stdout, c.stderr)
		},
	}
	cmd.Flags().StringVar(&path, "config", path, "configuration file (DETOUR_CONFIG)")
	must(cmd.MarkFlagFilename("config", "yaml", "yml"))
	return cmd
}
