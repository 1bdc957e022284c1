package backbone

import (
	"maps"
	"slices"
)

// sortedKeys are the paths of two configurations together, in order, each once.
func sortedKeys(a, b settings) []string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(keys)
	return slices.Compact(keys)
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
