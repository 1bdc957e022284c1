package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/config"
	"github.com/detour-net/detour/policy/cases"
)

// casesSuffix ends the names of the files of cases in a folder.
const casesSuffix = ".cases.yaml"

// tested is what came of files of cases.
type tested struct {
	Files  []testedFile `json:"files"`
	Passed int          `json:"passed"`
	Failed int          `json:"failed"`
}

type testedFile struct {
	File    string         `json:"file"`
	Policy  string         `json:"policy"`
	Digest  events.Digest  `json:"digest"` // of the policy
	Results []cases.Result `json:"results"`
}

func newPolicyTest(c *cli) *cobra.Command {
	var against string
	cmd := &cobra.Command{
		Use: "test PATH...", Short: "Run your own cases against a policy",
		Long: "Runs files of cases: each case is an alarm on a link with as much of the world around it as matters, and what the policy\n" +
			"must say: which rule answers, the verdict, the checks that say no. A PATH is a file, or a folder with files *" + casesSuffix + ".\n" +
			"A file names its policy (policy.yaml beside it when it does not). Exits 1 if a case differs, and says how.\n\n" +
			"  policy: policy.yaml\n" +
			"  cases:\n" +
			"    - name: a small link is left to a person\n" +
			"      anomaly: {kind: link-errors, severity: major, value: 3e-4}\n" +
			"      link: {name: den-kcy, capacity_bps: 1000000000}\n" +
			"      device: [{name: den, roles: [core]}, {name: kcy}]\n" +
			"      verdict: {after_worst_permil: 710}\n" +
			"      expect: {rule: corrupting-links, verdict: ask, failing: [approval]}",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("policy test needs a PATH: a file of cases, or a folder with files *%s", casesSuffix)
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			t, err := runCases(args, against)
			if err != nil {
				return &codedError{err, exitUsage}
			}
			if err := c.show(t, func() error { return c.writeCases(t) }); err != nil {
				return err
			}
			if t.Failed > 0 {
				return fmt.Errorf("%d of %d cases differ from what is expected", t.Failed, t.Passed+t.Failed)
			}
			c.note("%d cases are as expected", t.Passed)
			return nil
		},
	}
	cmd.Flags().StringVar(&against, "policy", "", "test this policy instead of those that the files name")
	must(cmd.MarkFlagFilename("policy", "yaml", "yml"))
	return cmd
}

// runCases runs every file against its policy, or against the given one.
func runCases(paths []string, against string) (*tested, error) {
	files, err := casesIn(paths)
	if err != nil {
		return nil, err
	}
	t := &tested{}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read cases: %w", err)
		}
		f, err := cases.Parse(name, raw)
		if err != nil {
			return nil, err
		}
		path := against
		if path == "" {
			path = f.Policy
			if !filepath.IsAbs(path) {
				path = filepath.Join(filepath.Dir(name), path)
			}
		}
		p, err := config.LoadPolicy(path)
		if err != nil {
			return nil, err
		}
		results := f.Run(p)
		for _, r := range results {
			if r.OK {
				t.Passed++
			} else {
				t.Failed++
			}
		}
		t.Files = append(t.Files, testedFile{File: name, Policy: path, Digest: p.Digest(), Results: results})
	}
	return t, nil
}

// casesIn are the files that the paths name, those of a folder in the order of their names.
func casesIn(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("read cases: %w", err)
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, fmt.Errorf("read cases: %w", err)
		}
		before := len(files)
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), casesSuffix) && !e.IsDir() {
				files = append(files, filepath.Join(path, e.Name()))
			}
		}
		if len(files) == before {
			return nil, fmt.Errorf("%s has no file *%s", path, casesSuffix)
		}
	}
	return files, nil
}

func (c *cli) writeCases(t *tested) error {
	table := c.table("RESULT", "CASE", "RULE", "VERDICT", "CHECKS THAT SAY NO")
	var differences strings.Builder
	for _, f := range t.Files {
		for _, r := range f.Results {
			result := cell{"ok", green}
			if !r.OK {
				result = cell{"FAIL", red}
				fmt.Fprintf(&differences, "\n%s: %s (policy %s)\n", f.File, r.Name, f.Policy)
				for _, d := range r.Differences {
					fmt.Fprintf(&differences, "  %s\n", d)
				}
			}
			table.row(result, r.Name, r.Rule, r.Verdict, strings.Join(r.Failing, ", "))
		}
	}
	if err := table.flush(); err != nil {
		return err
	}
	if _, err := fmt.Fprint(c.stdout, differences.String()); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
