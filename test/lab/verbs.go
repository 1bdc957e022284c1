//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/test/lab/plan"
	"github.com/detour-net/detour/test/lab/testbed"
)

func command() *cobra.Command {
	c := &cobra.Command{
		Use: "lab", Short: "A backbone of FRR routers in network namespaces", Args: cobra.NoArgs,
		SilenceErrors: true, SilenceUsage: true, CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	var name string
	c.PersistentFlags().StringVar(&name, "name", "lab", "the lab's name; several may be up")
	c.AddCommand(up(&name), down(&name), status(&name), fault(&name), detect(&name), agentCommand(&name))
	return c
}

func up(name *string) *cobra.Command {
	var gml, inventory, topology string
	var install, defaults, bfd bool
	var port int
	var within time.Duration
	c := &cobra.Command{Use: "up", Short: "Bring a lab up", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		t, err := load(gml, inventory, topology)
		if err != nil {
			return err
		}
		if install {
			if err := testbed.Install(c.Context()); err != nil {
				return err
			}
		}
		binary, err := os.Executable()
		if err != nil {
			return err
		}
		timers := plan.Tuned
		if defaults {
			timers = plan.Default
		}
		ctx, cancel := context.WithTimeout(c.Context(), within)
		defer cancel()
		began := time.Now()
		bed, err := testbed.Up(ctx, testbed.Config{Name: *name, Topology: t, Timers: timers, BFD: bfd, FirstPort: port, Binary: binary, Say: func(text string) { c.PrintErrln("lab:", text) }})
		if err != nil {
			return err
		}
		c.Printf("lab %s: %d routers and %d links, converged after %.1f s\n", *name, len(bed.Routers), len(bed.Links), time.Since(began).Seconds())
		c.Printf("inventory: %s\ntopology: %s\n", filepath.Join(bed.Dir, testbed.FileInventory), filepath.Join(bed.Dir, testbed.FileTopology))
		return nil
	}}
	f := c.Flags()
	f.StringVar(&gml, "gml", "", "topology as GML of the Internet Topology Zoo")
	f.StringVar(&inventory, "inventory", "", "routers as Detour's inventory has them; addresses and credentials are ignored")
	f.StringVar(&topology, "topology", "", "links between them; without an inventory, the routers are those that it names")
	f.BoolVar(&install, "install", false, "install what is missing with apt-get")
	f.BoolVar(&defaults, "default-timers", false, "leave SPF's timers as FRR comes")
	f.BoolVar(&bfd, "bfd", false, "run BFD on every link, so that an adjacency goes with the packets")
	f.IntVar(&port, "port", 0, "first TCP port of the agents; 0: any that are free")
	f.DurationVar(&within, "within", 2*time.Minute, "how long it may take")
	return c
}

// load reads the topology that the flags name: Abilene if none.
func load(gml, inventory, topology string) (*network.Topology, error) {
	switch {
	case gml != "" && (inventory != "" || topology != ""):
		return nil, errors.New("give --gml, or --topology with or without --inventory")
	case gml != "":
		t, _, err := network.LoadGML(gml)
		return t, err
	case inventory != "" && topology == "":
		return nil, errors.New("--inventory wants a --topology as well")
	case inventory != "":
		return network.Load(inventory, topology)
	case topology != "":
		return plan.Load(topology)
	}
	return backbone.Abilene(), nil
}

func down(name *string) *cobra.Command {
	return &cobra.Command{Use: "down", Short: "Take a lab away, also after a crash", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		left, err := testbed.Down(*name)
		if err != nil {
			return err
		}
		if left.Empty() {
			c.Printf("there was nothing of lab %s\n", *name)
			return nil
		}
		c.Printf("took away lab %s: %s\n", *name, left)
		return nil
	}}
}

func status(name *string) *cobra.Command {
	return &cobra.Command{Use: "status", Short: "Show how the routers are; fails unless all are converged", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		bed, err := testbed.Open(*name)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
		fmt.Fprintln(table, "router\tagent\tadjacencies\tpackets\tdrained\tunreached\t")
		converged := true
		for i := range bed.Routers {
			r := bed.Report(c.Context(), &bed.Routers[i])
			converged = converged && r.Converged(bed.Lab)
			fmt.Fprintf(table, "%s\t%s\t%d of %d\t%d\t%d\t%d\t%s\n",
				r.Router.Name, r.Router.Address(), r.Adjacencies, len(r.Router.Interfaces), r.LSPs, r.Drained, len(r.Unreached), r.Wrong)
		}
		if err := table.Flush(); err != nil {
			return err
		}
		if !converged {
			return errors.New("not every router has its adjacencies and reaches every other")
		}
		return nil
	}}
}

func fault(name *string) *cobra.Command {
	return &cobra.Command{
		Use: "fault LINK loss=RATIO|dark|dead|cut|heal", Short: "Give a link a fault, or take it off",
		Long: "loss=RATIO drops packets at both ends as they come in, which the agents show as errors; dark drops all of them, and no\n" +
			"counter tells; IS-IS hears them before, and keeps its adjacencies; dead drops all that goes out, hellos too, and keeps\n" +
			"the interfaces up; cut takes both down; heal takes every fault off.",
		Args: cobra.ExactArgs(2), RunE: func(c *cobra.Command, args []string) error {
			bed, err := testbed.Open(*name)
			if err != nil {
				return err
			}
			f, err := testbed.ParseFault(args[1])
			if err != nil {
				return err
			}
			return bed.Inflict(c.Context(), args[0], f)
		},
	}
}
