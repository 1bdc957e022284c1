package events

import (
	"slices"
	"strings"
)

// nearest is how many names at most are held up to a person.
const nearest = 3

// Near returns those of some names that a misspelt one may mean: at most three, the likeliest first, none of which is further
// than far letters from it. Capitals do not count, nor the order of a name's parts: "kcy-den" is as good as "den-kcy".
func Near(name string, among []string, far int) []string {
	type candidate struct {
		name string
		far  int
	}
	var near []candidate
	for _, n := range among {
		c := candidate{n, distance(strings.ToLower(name), strings.ToLower(n))}
		if parts(name) == parts(n) {
			c.far = 0
		}
		if c.far <= far {
			near = append(near, c)
		}
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return a.far - b.far })
	var names []string
	for _, c := range near[:min(len(near), nearest)] {
		names = append(names, c.name)
	}
	return names
}

// parts are those of a name, sorted.
func parts(name string) string {
	list := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '-' || r == '_' || r == '.' || r == ':' || r == '/' })
	slices.Sort(list)
	return strings.Join(list, "-")
}

// distance is how many bytes must be put in, taken out or changed to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, row[j]+1, corner+1)
		}
	}
	return row[len(b)]
}
