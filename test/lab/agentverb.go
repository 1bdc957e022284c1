//go:build linux

package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/detour-net/detour/test/lab/agent"
	"github.com/detour-net/detour/test/lab/frr"
	"github.com/detour-net/detour/test/lab/testbed"
)

func agentCommand(name *string) *cobra.Command {
	var router string
	c := &cobra.Command{Use: "agent", Short: "Be the gNMI agent of one router; started by lab up", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		bed, err := testbed.Open(*name)
		if err != nil {
			return err
		}
		r, err := bed.Router(router)
		if err != nil {
			return err
		}
		log, err := zap.NewProduction()
		if err != nil {
			return err
		}
		kernel, err := agent.OpenLinux(r.Namespace)
		if err != nil {
			return err
		}
		defer kernel.Close()
		speeds := map[string]int64{}
		for _, i := range r.Interfaces {
			speeds[i.Name] = i.Speed
		}
		a, err := agent.New(agent.Config{
			Name: r.Name, Dir: testbed.AgentDir(r), Daemon: frr.ISISD{Dir: r.Dir}, Kernel: kernel, Speeds: speeds, Logger: log.With(zap.String("device", r.Name)),
		})
		if err != nil {
			return err
		}
		config, err := agent.Credentials(testbed.AgentDir(r))
		if err != nil {
			return err
		}
		go func() {
			if err := kernel.Watch(c.Context().Done(), a.Moved); err != nil {
				log.Warn("interfaces are asked for, and do not tell", zap.Error(err))
			}
		}()
		if err := agent.Serve(c.Context(), a, r.Address(), config); err != nil {
			return fmt.Errorf("agent of %s: %w", r.Name, err)
		}
		return nil
	}}
	c.Flags().StringVar(&router, "router", "", "name of the router")
	return c
}
