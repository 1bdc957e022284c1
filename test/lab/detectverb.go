//go:build linux

package main

import (
	"context"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/intake"
	"github.com/detour-net/detour/test/lab/detector"
	"github.com/detour-net/detour/test/lab/testbed"
)

func detect(name *string) *cobra.Command {
	var url, domain string
	c := &cobra.Command{
		Use: "detect", Short: "Follow the routers, probe the links, and publish anomalies until interrupted",
		Long: "Follows the agents over gNMI, probes every link, and publishes what fires and what is over, as an operator's telemetry\n" +
			"pipeline does: link-errors, silent-loss, link-flap, and device-unhealthy for a router with the overload bit.",
		Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
			bed, err := testbed.Open(*name)
			if err != nil {
				return err
			}
			log, err := zap.NewDevelopment()
			if err != nil {
				return err
			}
			conn, err := bus.Connect(bus.Config{URLs: []string{url}, Name: "lab detect"})
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close(context.Background()) }() // the bus may be gone
			publish := func(ctx context.Context, list []events.Event) error {
				return intake.Publish(ctx, conn.JetStream(), domain, list)
			}
			prober, err := detector.NewProber(bed.Lab)
			if err != nil {
				return err
			}
			return detector.Run(c.Context(), bed, prober, detector.Quick(), publish, log)
		},
	}
	c.Flags().StringVar(&url, "nats", "nats://127.0.0.1:4222", "the bus")
	c.Flags().StringVar(&domain, "domain", "default", "the domain whose anomalies they are")
	return c
}
