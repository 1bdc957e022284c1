package house

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

func topLevel(t *Tree) []Finding {
	known := []string{"cmd", "remediators", "events", "policy", "internal", "test", "deployments", "go.mod", "go.sum", "README.md"}
	var found []Finding
	for _, name := range t.Top {
		if !strings.HasPrefix(name, ".") && !slices.Contains(known, name) {
			found = append(found, Finding{name, "is not one of the names at the top: " + strings.Join(known, " ")})
		}
	}
	return found
}

func packageNames(t *Tree) []Finding {
	empty := []string{
		"util", "utils", "common", "helper", "helpers", "types", "manager", "managers",
		"misc", "shared", "lib", "base", "core", "service", "services", "models", "interfaces", "constants",
	}
	var found []Finding
	for _, p := range t.Packages {
		for _, name := range []string{p.Name, path.Base(p.Path)} {
			if slices.Contains(empty, name) {
				found = append(found, Finding{p.Path, fmt.Sprintf("package %s: name it for what it does", name)})
				break
			}
		}
	}
	return found
}

// words looks in every text file. The patterns are put together from pieces, so that this file passes.
func words(t *Tree) []Finding {
	own := regexp.MustCompile(`(?:^|[^\w./*-])(/` + `(?:work|farm|root|home/\w+|Users/\w+)/)` +
		`|(\.\./` + `shared)` +
		`|((?:proxy|sum)\.golang\.` + `org|registry\.npmjs\.` + `org|registry-1\.docker\.` + `io|pypi\.` + `org)` +
		`|(GO` + `PROXY=|GONOSUM` + `DB=|/(?:artifactory|nexus)/)`)
	var found []Finding
	for _, name := range slices.Sorted(maps.Keys(t.text)) {
		n := 0
		for line := range strings.Lines(string(t.text[name])) {
			n++
			if m := own.FindString(line); m != "" {
				found = append(found, Finding{fmt.Sprintf("%s:%d", name, n), fmt.Sprintf("%q belongs to one machine", strings.TrimSpace(m))})
			}
		}
	}
	return found
}
