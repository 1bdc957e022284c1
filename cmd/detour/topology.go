package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/detour-net/detour/internal/app"
	"github.com/detour-net/detour/internal/config"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/discover"
)

func newTopology(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "topology", Short: "The topology as the routers themselves tell it"}
	group(cmd)
	cmd.AddCommand(newDiscover(c))
	return cmd
}

// discoverAsk is what detour topology discover is asked.
type discoverAsk struct {
	config, inventory, topology string
	capacity                    string
	yaml                        bool
}

// newDiscover is the verb that goes to the routers itself, and asks no service.
func newDiscover(c *cli) *cobra.Command {
	var ask discoverAsk
	cmd := &cobra.Command{
		Use: "discover", Short: "Ask the routers for their links, and hold them against the topology", Args: takes(),
		Long: "Asks every router of the inventory over gNMI for its interfaces, IS-IS adjacencies and link-state database; nothing is set.\n" +
			"With a topology it prints, link by link, in what the network differs from it; with --inventory alone, or with --yaml, the\n" +
			"topology as found, which detour serve and detour whatif read. A link counts when both ends tell of it.\n\n" +
			"Exits 0 when every router told and nothing differs, and 1 otherwise.",
		Example: "  detour topology discover --inventory inventory.yaml > topology.yaml\n" +
			"  detour topology discover --config detour.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), c.within(proofWithin))
			defer cancel()
			return c.discover(ctx, ask)
		},
	}
	f := cmd.Flags()
	f.StringVar(&ask.config, "config", "", "configuration that names inventory and topology (DETOUR_CONFIG)")
	f.StringVar(&ask.inventory, "inventory", "", "inventory, when there is no configuration")
	f.StringVar(&ask.topology, "topology", "", "topology to compare with, when there is no configuration; with --inventory")
	f.StringVar(&ask.capacity, "capacity", "", "capacity of links whose routers tell of no speed, in bit/s, for example 10G")
	f.BoolVar(&ask.yaml, "yaml", false, "print the topology as found, rather than in what it differs")
	for _, flag := range []string{"config", "inventory", "topology"} {
		must(cmd.MarkFlagFilename(flag, "yaml", "yml"))
	}
	return cmd
}

// load reads the routers, and the topology if there is one.
func (a *discoverAsk) load() (t *network.Topology, inventory string, compare bool, err error) {
	if a.config == "" && a.inventory == "" {
		a.config = os.Getenv("DETOUR_CONFIG")
	}
	switch {
	case a.config != "" && a.inventory != "":
		return nil, "", false, errors.New("--config and --inventory: want one network")
	case a.topology != "" && a.inventory == "":
		return nil, "", false, errors.New("--topology belongs to --inventory")
	case a.config != "":
		c, err := config.Load(a.config)
		if err != nil {
			return nil, "", false, fmt.Errorf("configuration: %w", err)
		}
		return c.Network, c.Files.Inventory, true, nil
	case a.inventory == "":
		return nil, "", false, errors.New("which routers? name them with --config FILE or DETOUR_CONFIG, or with --inventory FILE")
	case a.topology != "":
		t, err = network.Load(a.inventory, a.topology)
		return t, a.inventory, true, err
	}
	t = &network.Topology{}
	t.Routers, err = network.LoadInventory(a.inventory)
	return t, a.inventory, false, err
}

// discovery is what detour topology discover answers.
type discovery struct {
	discover.Found
	Compared    bool                  `json:"compared"`
	Differences []discover.Difference `json:"differences"` // none where nothing was compared
}

func (c *cli) discover(ctx context.Context, ask discoverAsk) error {
	configured, inventory, compare, err := ask.load()
	if err != nil {
		return &codedError{err, exitUsage}
	}
	var capacity int64
	if ask.capacity != "" {
		if capacity, err = parseRate(ask.capacity); err != nil {
			return usage("--capacity: %w", err)
		}
	}
	accounts, err := app.Accounts(ctx, configured, inventory, zap.NewNop())
	if err != nil {
		return &codedError{err, exitUsage}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("ask the routers: %w", ctx.Err())
	}
	d := discovery{Found: discover.Join(accounts, configured), Compared: compare, Differences: []discover.Difference{}}
	if compare {
		d.Differences = append(d.Differences, discover.Compare(configured, accounts, d.Found)...)
	}
	for i := range d.Links {
		if d.Links[i].Capacity == 0 {
			d.Links[i].Capacity = capacity
		}
	}
	if err := c.show(d, func() error { return c.showDiscovery(d, ask.yaml || !compare) }); err != nil {
		return err
	}
	switch {
	case len(d.Silent) > 0:
		return fmt.Errorf("%d of %d routers could not be asked", len(d.Silent), len(accounts))
	case len(d.Differences) > 0 && !ask.yaml:
		return fmt.Errorf("the network differs from its topology in %d places", len(d.Differences))
	}
	return nil
}

// showDiscovery writes the topology or the differences, and says what belongs to neither.
func (c *cli) showDiscovery(d discovery, asYAML bool) error {
	for _, s := range d.Silent {
		c.note("%s", s.Why)
	}
	for _, s := range d.Strangers {
		c.note("system %s%s is not in the inventory; it is a neighbour of %s", s.System, named(s.Host), strings.Join(s.Beside, ", "))
	}
	for _, name := range d.Overloaded {
		c.note("router %s has the overload bit: it is not transited", name)
	}
	if asYAML {
		return c.writeTopology(d)
	}
	if len(d.Differences) == 0 {
		c.note("%d links, all as the topology has them", len(d.Links))
		return nil
	}
	t := c.table("LINK", "DIFFERS IN", "CONFIGURED", "FOUND", "DETAIL")
	for _, x := range d.Differences {
		t.row(x.Link, cell{string(x.Kind), red}, x.Configured, x.Found, x.Detail)
	}
	return t.flush()
}

// named is a system's host name in words.
func named(host string) string {
	if host == "" {
		return ""
	}
	return " (" + host + ")"
}

// writeTopology writes what was found as a topology file.
func (c *cli) writeTopology(d discovery) error {
	var slow []string
	links := make([]network.Link, len(d.Links))
	for i, l := range d.Links {
		links[i] = l.Link
		links[i].A, links[i].B = configurable(l.A), configurable(l.B)
		if l.Capacity == 0 {
			slow = append(slow, l.Name)
		}
	}
	if len(slow) > 0 {
		return usage("the routers do not tell how fast %s is: give --capacity RATE, for example 10G", strings.Join(slow, ", "))
	}
	for _, o := range d.Loose {
		c.note("%s %s is left out: %s", o.Device, o.Interface, o.Why)
	}
	c.note("%d links", len(links))
	if err := network.WriteTopology(c.stdout, links, drainedRemark); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// configurable is an end without a metric that takes the link out of SPF: no topology may have that.
func configurable(e network.End) network.End {
	e.Metric, e.Metrics = min(e.Metric, network.MetricLastResort), slices.Clone(e.Metrics)
	for i := range e.Metrics {
		e.Metrics[i].Value = min(e.Metrics[i].Value, network.MetricLastResort)
	}
	return e
}

// drainedRemark says of a drained link that what stands there is not its metric in service.
func drainedRemark(l network.Link) string {
	for _, e := range []network.End{l.A, l.B} {
		metrics := append(slices.Clone(e.Metrics), network.Metric{Value: e.Metric})
		if slices.ContainsFunc(metrics, func(m network.Metric) bool { return m.Value >= network.MetricLastResort }) {
			return fmt.Sprintf("drained when it was found: put in the metric that %s has in service", e.Device)
		}
	}
	return ""
}
