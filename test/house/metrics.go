package house

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Where people read of metrics and alerts.
const (
	runbook   = "deployments/runbook.md"
	alerts    = "deployments/prometheus/alerts.yaml"
	dashboard = "deployments/grafana/detour.json"
)

// How a metric is made, an alert is begun, and each is written about.
var (
	makesMetric = regexp.MustCompile(`(?:Name: |NewDesc\(|histogram\.[A-Z]\w+\(\s*)"(detour_[a-z0-9_]*)"`)
	makesCount  = regexp.MustCompile(`CounterOpts\{\s*Name: "(detour_[a-z0-9_]*)"`)
	saysMetric  = regexp.MustCompile(`\bdetour_[a-z0-9_]+`)
	ofHistogram = regexp.MustCompile(`_(?:bucket|count|sum)$`)
	beginsAlert = regexp.MustCompile(`(?m)^\s*- alert: (\w+)$`)
	linksAlert  = regexp.MustCompile(`(?m)^\s*runbook_url: \S+#(\w+)$`)
	heading     = regexp.MustCompile(`(?m)^### (\w+)$`)
)

// made are the metrics that the service has, by name, and where each is made.
func made(t *Tree) map[string]string {
	places := map[string]string{}
	t.source(false, func(_ *Package, f *File) {
		for _, m := range makesMetric.FindAllSubmatch(t.text[f.Path], -1) {
			places[string(m[1])] = f.Path
		}
	})
	return places
}

// tables are those of a database into which the ledger is exported: they are named like metrics, and are none.
func tables() []string { return []string{"detour_ledger", "detour_records", "detour_export"} }

// metricsAreKnown: what people read of is there, and what is there can be read of.
func metricsAreKnown(t *Tree) []Finding {
	places := made(t)
	var found []Finding
	for _, page := range []string{"README.md", runbook, alerts, dashboard} {
		said := map[string]bool{}
		for _, name := range saysMetric.FindAllString(string(t.text[page]), -1) {
			base := ofHistogram.ReplaceAllString(name, "")
			if _, ok := places[name]; !ok && places[base] == "" && !said[name] && !slices.Contains(tables(), name) {
				found = append(found, Finding{page, fmt.Sprintf("there is no metric %s", name)})
			}
			said[name], said[base] = true, true
		}
		for _, name := range slices.Sorted(maps.Keys(places)) {
			if (page == runbook || page == dashboard) && !said[name] {
				found = append(found, Finding{places[name], fmt.Sprintf("%s does not mention %s", page, name)})
			}
		}
	}
	t.source(false, func(_ *Package, f *File) {
		for _, m := range makesCount.FindAllSubmatch(t.text[f.Path], -1) {
			if name := string(m[1]); !strings.HasSuffix(name, "_total") {
				found = append(found, Finding{f.Path, fmt.Sprintf("%s counts: its name ends in _total", name)})
			}
		}
	})
	return found
}

// alertsAreExplained: each alert leads to its own section of the runbook, and no section is of an alert that is gone.
func alertsAreExplained(t *Tree) []Finding {
	var found []Finding
	sections := map[string]bool{}
	for _, m := range heading.FindAllSubmatch(t.text[runbook], -1) {
		sections[string(m[1])] = true
	}
	for _, rule := range strings.Split("\n"+string(t.text[alerts]), "\n      - ")[1:] {
		name := beginsAlert.FindStringSubmatch("- " + rule)
		link := linksAlert.FindStringSubmatch(rule)
		switch {
		case name == nil:
			found = append(found, Finding{alerts, "a rule that is no alert: " + firstWords(rule)})
			continue
		case link == nil || link[1] != strings.ToLower(name[1]):
			found = append(found, Finding{alerts, fmt.Sprintf("%s: its runbook_url ends in #%s", name[1], strings.ToLower(name[1]))})
		case !sections[name[1]]:
			found = append(found, Finding{alerts, fmt.Sprintf("%s has no section in %s", name[1], runbook)})
		}
		delete(sections, name[1])
	}
	for _, name := range slices.Sorted(maps.Keys(sections)) {
		found = append(found, Finding{runbook, fmt.Sprintf("%s is no alert", name)})
	}
	return found
}
