package target

import (
	"maps"
	"slices"

	"github.com/detour-net/detour/internal/backbone/model"
)

// Change is one leaf that a Set changed, with its value as JSON before and after, empty where there was none.
type Change struct{ Path, Before, After string }

// Changes are the leaves that two configurations differ in. Only what the plan touches is looked at, if that is leaves
// alone.
func (p *Plan) Changes(before, after Settings) []Change {
	if !before.SameKeys(after) || !p.onlyLeaves() {
		return Changes(before, after)
	}
	var keys []string
	for i := range p.Operations {
		keys = append(keys, model.Key(p.Operations[i].Path))
	}
	return compare(keys, before, after)
}

// Changes are the leaves that two configurations differ in, in the order of their paths.
func Changes(before, after Settings) []Change {
	return compare(sortedKeys(before, after), before, after)
}

// compare looks at leaves.
func compare(keys []string, before, after Settings) (all []Change) {
	for _, key := range keys {
		old, was := before[key]
		now, is := after[key]
		if was != is || !old.Value.Equal(now.Value) {
			all = append(all, Change{Path: key, Before: string(old.Value.JSON), After: string(now.Value.JSON)})
		}
	}
	return all
}

// onlyLeaves says whether every operation is on a leaf, and no two are on the same.
func (p *Plan) onlyLeaves() bool {
	seen := make(map[string]bool, len(p.Operations))
	for i := range p.Operations {
		key := model.Key(p.Operations[i].Path)
		if !p.Operations[i].Node.Leaf || seen[key] {
			return false
		}
		seen[key] = true
	}
	return len(p.Operations) > 0
}

// sortedKeys are the paths of two configurations together, in order, each once.
func sortedKeys(a, b Settings) []string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(keys)
	return slices.Compact(keys)
}
