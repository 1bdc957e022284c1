//go:build race

package whatif

// usualSeeds is small under the race detector, which looks for other things.
const usualSeeds = 150
