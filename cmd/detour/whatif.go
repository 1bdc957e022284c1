package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// whatifAsk is what detour whatif is asked.
type whatifAsk struct {
	links   []string
	all     bool
	survive bool
	hard    bool

	config, inventory, topology, gml string
	traffic, gravity                 string
	drained, down                    []string
	observed                         bool

	worst, surviveLimit int // thousandths; 0: as the policy has it
}

// newWhatif is the verb that answers from files, and from routers only where --observed wants it: it needs no service.
func newWhatif(c *cli) *cobra.Command {
	var ask whatifAsk
	cmd := &cobra.Command{
		Use: "whatif LINK... | --all | --survive", Short: "What draining links would do to the network, or what it survives now",
		Long: "Computes from files alone what draining the named links together would do: how full links get, what one more failure of a\n" +
			"link, risk group or router would do then, what is cut off, and the metric steps on which no packet loops. --all asks it of\n" +
			"every link alone; --survive what each single failure would do to the network as it is.\n\n" +
			"The network is that of --config, of --inventory with --topology, or a GML file of the Internet Topology Zoo. Its traffic is the\n" +
			"configuration's, a matrix in a CSV file, or made up by the gravity rule. Without traffic only what is cut off is answered.\n" +
			"The limits are those of the configuration's policy (prospect:), or a policy's defaults.\n\n" +
			"It starts from the network as configured, with what --drained and --down name. With --observed the routers are asked first, and\n" +
			"it starts from what they show: metrics in force, overload bits and what is down, whoever did it.\n\n" +
			"Exits 0 when everything that was asked about is safe, and 3 when something is not, or cannot be known to be.",
		Example: "  detour whatif den-kcy --config detour.yaml\n" +
			"  detour whatif den-kcy chi-nyc --inventory inventory.yaml --topology topology.yaml --traffic traffic.csv\n" +
			"  detour whatif --all --gml Abilene.gml --gravity 40G",
		RunE: func(cmd *cobra.Command, args []string) error {
			ask.links = args
			if err := ask.check(cmd.Flags().Changed); err != nil {
				return err
			}
			ctx := cmd.Context()
			if c.patience {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, c.timeout)
				defer cancel()
			}
			return c.whatif(ctx, ask)
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return ask.complete(args)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&ask.all, "all", false, "ask it of every link alone")
	f.BoolVar(&ask.survive, "survive", false, "ask what each single failure would do to the network as it is")
	f.BoolVar(&ask.hard, "hard", false, "take the links out of SPF (metric 16777215), where else a drain leaves them as a last resort")
	f.StringVar(&ask.config, "config", "", "configuration that names inventory, topology, traffic and policy (DETOUR_CONFIG)")
	f.StringVar(&ask.inventory, "inventory", "", "inventory, when there is no configuration; with --topology")
	f.StringVar(&ask.topology, "topology", "", "topology, when there is no configuration; with --inventory")
	f.StringVar(&ask.gml, "gml", "", "network as a GML file, when there is no configuration")
	f.StringVar(&ask.traffic, "traffic", "", "traffic matrix as CSV, instead of the configuration's")
	f.StringVar(&ask.gravity, "gravity", "", "make up traffic of so many bit/s in all by the gravity rule, for example 40G")
	f.StringArrayVar(&ask.drained, "drained", nil, "a link that is drained already (repeatable)")
	f.BoolVar(&ask.observed, "observed", false, "start from what the routers show now, everybody's drains included, rather than from what is configured")
	f.StringArrayVar(&ask.down, "down", nil, "a link that is down (repeatable)")
	f.IntVar(&ask.worst, "worst", 0, "thousandths of its capacity that a drain may fill a link to (default the policy's, 800 without one)")
	f.IntVar(&ask.surviveLimit, "survive-limit", 0, "the same after one more failure (default the policy's, 1000 without one)")
	must(cmd.MarkFlagFilename("config", "yaml", "yml"))
	must(cmd.MarkFlagFilename("inventory", "yaml", "yml"))
	must(cmd.MarkFlagFilename("topology", "yaml", "yml"))
	must(cmd.MarkFlagFilename("gml", "gml"))
	must(cmd.MarkFlagFilename("traffic", "csv"))
	for _, flag := range []string{"drained", "down"} {
		must(cmd.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return ask.complete(slices.Concat(ask.drained, ask.down))
		}))
	}
	return cmd
}

// check says what is wrong with the question itself. given tells whether a flag was.
func (a *whatifAsk) check(given func(string) bool) error {
	asked := 0
	for _, is := range []bool{len(a.links) > 0, a.all, a.survive} {
		if is {
			asked++
		}
	}
	sources := a.sources()
	switch {
	case asked != 1:
		return usage("want the LINKs to drain together, --all or --survive, one of the three (see detour whatif --help)")
	case a.survive && a.hard:
		return usage("--hard is about drains, and --survive drains nothing")
	case len(sources) == 0:
		return usage("which network? name it with --config FILE or DETOUR_CONFIG, with --inventory FILE and --topology FILE, or with --gml FILE")
	case len(sources) > 1:
		return usage("%s: want one network", strings.Join(sources, " and "))
	case (a.inventory == "") != (a.topology == ""):
		return usage("--inventory and --topology belong together")
	case a.observed && a.gml != "":
		return &codedError{errNoRouters, exitUsage}
	case a.traffic != "" && a.gravity != "":
		return usage("--traffic and --gravity: want one traffic")
	}
	for _, l := range []struct {
		flag        string
		value, most int
	}{{"worst", a.worst, 1000}, {"survive-limit", a.surviveLimit, 2000}} {
		if given(l.flag) && (l.value < 1 || l.value > l.most) {
			return usage("--%s is %d, want 1 to %d thousandths", l.flag, l.value, l.most)
		}
	}
	return nil
}

// sources are the flags that say where the network is; the environment counts when no flag does.
func (a *whatifAsk) sources() (flags []string) {
	if a.config == "" && a.gml == "" && a.inventory == "" && a.topology == "" {
		a.config = os.Getenv("DETOUR_CONFIG")
	}
	if a.config != "" {
		flags = append(flags, "--config")
	}
	if a.inventory != "" || a.topology != "" {
		flags = append(flags, "--inventory with --topology")
	}
	if a.gml != "" {
		flags = append(flags, "--gml")
	}
	return flags
}

// complete offers the links of the network that the flags name so far, but for those that are given already.
func (a *whatifAsk) complete(given []string) ([]string, cobra.ShellCompDirective) {
	var names []string
	if len(a.sources()) == 1 {
		if t, _, err := a.network(); err == nil {
			for _, l := range t.network.Links {
				if !slices.Contains(given, l.Name) {
					names = append(names, l.Name)
				}
			}
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// whatif answers, and says by its error whether what was asked about is safe.
func (c *cli) whatif(ctx context.Context, ask whatifAsk) error {
	w, err := interruptible(ctx, func() (*workbench, error) { return ask.load(ctx) })
	if err != nil {
		return err
	}
	for _, n := range w.notes {
		c.note("%s", n)
	}
	if ask.survive {
		return c.whatifSurvive(ctx, w)
	}
	sets := [][]string{ask.links}
	if ask.all {
		sets = w.single()
	}
	bar := c.progress(len(sets), "drains")
	list, err := interruptible(ctx, func() ([]prediction, error) {
		list := make([]prediction, 0, len(sets))
		for _, links := range sets {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			bar.at(len(list))
			list = append(list, w.predict(links))
		}
		return list, nil
	})
	bar.end()
	if err != nil {
		return err
	}
	if ask.all {
		return c.showAll(w, list)
	}
	return c.showDrain(w, list[0])
}

var errInterrupted = errors.New("interrupted")

// interruptible runs f, and returns without it when ctx ends first: a computation has no other end. f must leave alone what
// its caller goes on with.
func interruptible[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := f()
		done <- result{value, err}
	}()
	var none T
	select {
	case r := <-done:
		if r.err == nil || ctx.Err() == nil {
			return r.value, r.err
		}
	case <-ctx.Done():
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return none, errInterrupted
	}
	return none, fmt.Errorf("compute: %w", ctx.Err())
}

// parseRate reads a rate such as "40G", "2.5 Gbit/s" or "1000000": bits per second, powers of 1000.
func parseRate(text string) (int64, error) {
	const most = 1 << 50
	number := strings.TrimSpace(text)
	for _, unit := range []string{"bit/s", "b/s", "bps"} {
		if rest, ok := strings.CutSuffix(number, unit); ok {
			number = strings.TrimSpace(rest)
			break
		}
	}
	scale := 1.0
	if i := strings.IndexAny(number, "kKMGT"); i >= 0 && i == len(number)-1 {
		scale = map[byte]float64{'k': 1e3, 'K': 1e3, 'M': 1e6, 'G': 1e9, 'T': 1e12}[number[i]]
		number = strings.TrimSpace(number[:i])
	}
	v, err := strconv.ParseFloat(number, 64)
	if bps := math.Round(v * scale); err == nil && bps >= 1 && bps <= most {
		return int64(bps), nil
	}
	return 0, fmt.Errorf("%.40q: want 1 to %d bits per second, for example 40G", text, int64(most))
}
