package main

import (
	"github.com/spf13/cobra"

	"github.com/detour-net/detour/internal/config"
)

func newConfig(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check a configuration"}
	group(cmd)
	cmd.AddCommand(&cobra.Command{
		Use: "check FILE", Short: "Check a configuration strictly, and print every limit in force", Args: takes("FILE"),
		Long: "Reads the configuration and every file that it names as serve would, names each mistake with file, line and column,\nand prints the settings and limits in force with where each comes from, and whether a\nreplica that runs takes another value when its file is saved, or by a restart. Nothing is started or reached.",
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := config.Load(args[0])
			if err != nil {
				return &codedError{err, exitUsage}
			}
			settings := cfg.Describe()
			err = c.show(settings, func() error {
				t := c.table("SETTING", "VALUE", "FROM", "CHANGES BY")
				for _, s := range settings {
					t.row(s.Name, s.Value, s.Source, string(s.Changes))
				}
				return t.flush()
			})
			c.note("%s is in order", args[0])
			return err
		},
	})
	return cmd
}
