package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/config"
	"github.com/detour-net/detour/policy"
)

func newPolicy(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "policy", Short: "Check a policy, test it with cases of your own, and show the one in force"}
	group(cmd)
	cmd.AddCommand(newPolicyCheck(c), newPolicyTest(c), newPolicyShow(c))
	return cmd
}

// inForce is everything that a policy decides by.
type inForce struct {
	Policy  string          `json:"policy"` // its file
	Digest  events.Digest   `json:"digest"`
	Limits  []policy.Limit  `json:"limits"`
	Rules   []ruleInForce   `json:"rules"`
	Checks  []ownCheck      `json:"checks"`
	Windows []policy.Window `json:"windows"`
}

type ruleInForce struct {
	policy.Rule
	Condition *policy.Condition `json:"condition,omitempty"`
}

type ownCheck struct {
	policy.Requirement
	When    *policy.Condition `json:"when,omitempty"`
	Require *policy.Condition `json:"require"`
}

func newPolicyCheck(c *cli) *cobra.Command {
	path := os.Getenv("DETOUR_CONFIG")
	cmd := &cobra.Command{
		Use: "check [FILE]", Short: "Check a policy strictly, and print every limit in force with the rules and their conditions", Args: atMostOne,
		Long: "Reads a policy as serve would, names each mistake with file, line and column (also within a condition), and prints every\n" +
			"limit in force with where it comes from, the rules with their conditions, the checks that you added, and the maintenance\n" +
			"windows. Without FILE it is the policy that the configuration names. Nothing is started or reached.",
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := policyOf(args, path)
			if err != nil {
				return err
			}
			view := describe(p)
			if err := c.show(view, func() error { return c.writePolicy(view) }); err != nil {
				return err
			}
			c.note("%s is in order (rules: %d, own checks: %d, digest %s)", p.Name(), len(view.Rules), len(view.Checks), view.Digest.Short())
			return nil
		},
	}
	cmd.Flags().StringVar(&path, "config", path, "configuration that names the policy, when no FILE is given (DETOUR_CONFIG)")
	must(cmd.MarkFlagFilename("config", "yaml", "yml"))
	return cmd
}

// policyOf reads the policy that is named, or the one of the configuration.
func policyOf(args []string, configuration string) (*policy.Policy, error) {
	if len(args) == 1 {
		p, err := config.LoadPolicy(args[0])
		if err != nil {
			return nil, &codedError{err, exitUsage}
		}
		return p, nil
	}
	if configuration == "" {
		return nil, usage("name the policy's FILE, or the configuration with --config FILE or DETOUR_CONFIG")
	}
	cfg, err := config.Load(configuration)
	if err != nil {
		return nil, &codedError{fmt.Errorf("configuration: %w", err), exitUsage}
	}
	return cfg.Policy, nil
}

func describe(p *policy.Policy) inForce {
	condition := func(text string) *policy.Condition {
		if c, ok := p.Condition(text); ok {
			return &c
		}
		return nil
	}
	view := inForce{Policy: p.Name(), Digest: p.Digest(), Limits: p.Limits(), Rules: []ruleInForce{}, Checks: []ownCheck{}, Windows: p.Windows()}
	for _, r := range p.Rules() {
		view.Rules = append(view.Rules, ruleInForce{r, condition(r.When)})
	}
	for _, r := range p.Checks() {
		view.Checks = append(view.Checks, ownCheck{r, condition(r.When), condition(r.Require)})
	}
	return view
}

func (c *cli) writePolicy(v inForce) error {
	t := c.table("LIMIT", "VALUE", "FROM")
	for _, l := range v.Limits {
		t.row(l.Name, l.Value, l.Source)
	}
	if err := t.flush(); err != nil {
		return err
	}
	fmt.Fprintln(c.stdout)
	t = c.table("RULE", "ANSWERS", "WITH", "AUTONOMY", "WHEN", "WHICH DECIDES")
	for _, r := range v.Rules {
		when, decides := "", ""
		if r.Condition != nil {
			when, decides = r.Condition.Text, "whether the rule matches"
			if r.Condition.Decides == policy.DecidesPlan {
				decides = "whether its plan is carried out"
			}
		}
		freely := string(r.Autonomy)
		if r.Click {
			freely += ", by click"
		}
		t.row(r.Name, answers(r.Match), strings.TrimSpace(r.Remediation+" "+string(r.With)), freely, when, decides)
	}
	if err := t.flush(); err != nil {
		return err
	}
	if err := c.writeOwnChecks(v.Checks); err != nil {
		return err
	}
	return c.writeWindows(v.Windows)
}

func (c *cli) writeOwnChecks(checks []ownCheck) error {
	if len(checks) == 0 {
		return nil
	}
	fmt.Fprintln(c.stdout)
	t := c.table("CHECK", "WHEN", "REQUIRES", "OTHERWISE", "SAYS")
	for _, r := range checks {
		when := ""
		if r.When != nil {
			when = r.When.Text
		}
		t.row(r.Name, when, r.Require.Text, r.Otherwise, r.Message)
	}
	return t.flush()
}

// writeWindows lists the times in which every plan is a dry run.
func (c *cli) writeWindows(windows []policy.Window) error {
	if len(windows) == 0 {
		return nil
	}
	fmt.Fprintln(c.stdout)
	t := c.table("WINDOW", "DRY-RUN IN", "FROM", "FOR")
	for _, w := range windows {
		from := fmt.Sprintf("every %s at %s %s", w.Every, w.At, w.Zone)
		if w.Every == "" {
			from = w.Start.Format(time.RFC3339)
		}
		t.row(w.Name, string(w.Scope), from, w.Duration.String())
	}
	return t.flush()
}

// answers says which anomalies a rule is for.
func answers(m policy.Match) string {
	var parts []string
	for _, k := range m.Kinds {
		parts = append(parts, string(k))
	}
	text := strings.Join(parts, ", ")
	if m.MinSeverity != events.Info {
		text += fmt.Sprintf(" of %s or worse", m.MinSeverity)
	}
	if m.MinValue != nil {
		text += fmt.Sprintf(" from %g", *m.MinValue)
	}
	parts = nil
	for _, s := range m.Scopes {
		parts = append(parts, string(s))
	}
	return text + " in " + strings.Join(parts, ", ")
}
