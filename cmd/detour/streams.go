package main

import (
	"cmp"
	"context"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/detour-net/detour/internal/app"
	"github.com/detour-net/detour/internal/config"
)

// createWithin is how long the bus may take to be reached, and to make what is missing.
const createWithin = time.Minute

func newStreams(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "streams", Short: "Make what replicas need on the bus"}
	group(cmd)
	path := os.Getenv("DETOUR_CONFIG")
	var cert, key string
	create := &cobra.Command{
		Use: "create --config FILE", Short: "Make the streams that are missing, and check the others", Args: takes(),
		Long: "Makes the streams and the consumer that the replicas of a configuration need, as far as they are missing, and checks those\n" +
			"that exist. It is for buses on which replicas may not do so themselves (nats.streams: check): whoever may is named with\n" +
			"--cert and --key in place of the configuration's own. Nothing is changed or deleted.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case path == "":
				return usage("streams create needs --config FILE, or DETOUR_CONFIG")
			case (cert == "") != (key == ""):
				return usage("--cert and --key belong together")
			}
			cfg, err := config.Load(path)
			if err != nil {
				return &codedError{err, exitUsage}
			}
			cfg.NATS.TLS.Cert, cfg.NATS.TLS.Key = cmp.Or(cert, cfg.NATS.TLS.Cert), cmp.Or(key, cfg.NATS.TLS.Key)
			ctx, cancel := context.WithTimeout(cmd.Context(), c.within(createWithin))
			defer cancel()
			if err := app.CreateStreams(ctx, cfg, zap.NewNop()); err != nil {
				return err
			}
			c.note("%s are there", strings.Join(app.Streams(), ", "))
			return c.show(map[string]any{"streams": app.Streams(), "copies": cfg.NATS.Replicas}, func() error { return nil })
		},
	}
	create.Flags().StringVar(&path, "config", path, "configuration of a replica (DETOUR_CONFIG)")
	create.Flags().StringVar(&cert, "cert", "", "PEM file of the certificate of who may make streams")
	create.Flags().StringVar(&key, "key", "", "PEM file of its key")
	must(create.MarkFlagFilename("config", "yaml", "yml"))
	cmd.AddCommand(create)
	return cmd
}
