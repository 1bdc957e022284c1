package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/detour-net/detour/internal/app"
)

func newVersion(c *cli) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Which Detour this is", Args: takes(),
		RunE: func(*cobra.Command, []string) error {
			v := map[string]string{"version": app.Version(), "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
			return c.show(v, func() error {
				_, err := fmt.Fprintf(c.stdout, "detour %s %s %s\n", v["version"], v["go"], v["platform"])
				return err
			})
		},
	}
}
