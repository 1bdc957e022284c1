package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/app"
	"github.com/detour-net/detour/internal/config"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/policy"
)

// replayAsk is what is asked of the past.
type replayAsk struct {
	ledger, policy              string
	config, inventory, topology string
}

func newReplay(c *cli) *cobra.Command {
	var ask replayAsk
	cmd := &cobra.Command{
		Use: "replay --ledger EXPORT --policy FILE", Short: "What another policy would have decided in the past", Args: takes(),
		Long: "Reads an export of the ledger (detour ledger export) and makes each decision on a drain once more, by the policy in FILE, on the\n" +
			"ledger as it was and on what was seen and computed then, which stands in the record. Shows where something else would have\n" +
			"been done: another verdict, another plan, or a dry run. Nothing is started or reached.\n\n" +
			"The decisions are looked at one by one: what would have followed from another one is not made up. Taken as they were are\n" +
			"what was made of alarms as they came, what people ordered and approved, and how what had been set was verified, held and\n" +
			"taken back. The network is known as far as the ledger tells; conditions on routers, shares of capacity and decisions\n" +
			"on several links with one cause need --config, or --inventory and --topology.\n\n" +
			"Exits 3 if this policy would have set routers by itself where it was not done then.",
		Example: "  detour ledger export > ledger.ndjson\n" +
			"  detour replay --ledger ledger.ndjson --policy proposed.yaml --config detour.yaml",
		RunE: func(*cobra.Command, []string) error {
			again, err := c.replay(ask)
			if err != nil {
				return err
			}
			if err := c.show(again, func() error { return c.writeReplay(again) }); err != nil {
				return err
			}
			switch {
			case len(again.Findings) > 0:
				return fmt.Errorf("the ledger is not in order: %s", again.Findings[0])
			case again.Acts > 0:
				return &codedError{fmt.Errorf("%d decisions by this policy would have set routers where it was not done then", again.Acts), exitRefused}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&ask.ledger, "ledger", "", "export of the ledger (- for standard input)")
	f.StringVar(&ask.policy, "policy", "", "the policy to decide by")
	f.StringVar(&ask.config, "config", "", "configuration that names the network")
	f.StringVar(&ask.inventory, "inventory", "", "the network's routers, when there is no configuration")
	f.StringVar(&ask.topology, "topology", "", "the network's links, when there is no configuration")
	for _, flag := range []string{"policy", "config", "inventory", "topology"} {
		must(cmd.MarkFlagFilename(flag, "yaml", "yml"))
	}
	must(cmd.MarkFlagFilename("ledger", "ndjson", "json"))
	return cmd
}

// replay reads all that is needed and goes through the ledger once.
func (c *cli) replay(ask replayAsk) (*app.Replayed, error) {
	proposed, known, err := ask.read()
	if err != nil {
		return nil, err
	}
	r := c.stdin
	if ask.ledger != "-" {
		f, err := os.Open(ask.ledger)
		if err != nil {
			return nil, &codedError{fmt.Errorf("read export: %w", err), exitUsage}
		}
		defer f.Close()
		r = f
	}
	return app.Replay(r, proposed, known)
}

// read reads the policy, and the network if one is named.
func (ask replayAsk) read() (p *policy.Policy, known incident.Inventory, err error) {
	switch {
	case ask.ledger == "":
		return nil, nil, usage("which ledger? name an export with --ledger FILE (- for standard input); detour ledger export writes one")
	case ask.policy == "":
		return nil, nil, usage("which policy? name it with --policy FILE")
	case ask.config != "" && (ask.inventory != "" || ask.topology != ""):
		return nil, nil, usage("--config names the network: leave out --inventory and --topology")
	case (ask.inventory == "") != (ask.topology == ""):
		return nil, nil, usage("--inventory and --topology belong together")
	}
	if p, err = config.LoadPolicy(ask.policy); err == nil {
		known, err = ask.network()
	}
	if err != nil {
		return nil, nil, &codedError{err, exitUsage}
	}
	return p, known, nil
}

// network is nil when none is named.
func (ask replayAsk) network() (incident.Inventory, error) {
	switch {
	case ask.config != "":
		c, err := config.Load(ask.config)
		if err != nil {
			return nil, fmt.Errorf("configuration: %w", err)
		}
		return c.Resolver, nil
	case ask.inventory != "":
		topology, err := network.Load(ask.inventory, ask.topology)
		if err != nil {
			return nil, err
		}
		return network.NewResolver(topology)
	}
	return nil, nil
}

// writeReplay writes the differences, and then what it all comes to.
func (c *cli) writeReplay(r *app.Replayed) error {
	if len(r.Differences) > 0 {
		t := c.table("AT", "POSITION", "INCIDENT", "THEN", "BY THIS POLICY", "WHY")
		for _, d := range r.Differences {
			t.row(stamp(d.At), fmt.Sprint(d.Position), d.Incident, chosen(d.Then), chosen(d.Now), reason(d))
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
	if r.More > 0 {
		c.note("and %d differences more", r.More)
	}
	for _, reason := range slices.Sorted(maps.Keys(r.WhyUnknown)) {
		c.note("not made once more, %d: %s", r.WhyUnknown[reason], reason)
	}
	c.note("%d of %d decisions in %d commits are the same; routers would have been set %d times where they were not, and not been set %d times where they were; %d differ otherwise",
		r.Same, r.Decisions, r.Commits, r.Acts, r.Spares, r.Otherwise)
	return nil
}

// chosen is a choice in a word or two.
func chosen(c incident.Choice) string {
	dry := map[bool]string{true: " (dry run)"}[c.Mode == events.DryRun]
	switch c.Verdict {
	case events.Allow:
		return "acts" + dry
	case events.Ask:
		return "asks" + dry
	case events.Defer:
		return "waits" + dry
	case events.Deny:
		return "refuses"
	}
	return dash(string(c.Outcome))
}

// reason is what holds the one of two choices that is held, and otherwise in what they differ.
func reason(d app.Difference) string {
	switch {
	case d.Now.Why != "":
		return d.Now.Why
	case d.Then.Why != "":
		return "no longer held by " + strings.Join(d.Then.Held, ", ")
	case d.Now.Outcome != "":
		return "it would have ended as " + string(d.Now.Outcome)
	case d.Then.Plan != d.Now.Plan:
		return "by another plan: " + d.Now.Action
	}
	return "by rule " + d.Now.Rule
}
