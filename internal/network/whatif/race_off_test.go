//go:build !race

package whatif

const usualSeeds = 3000
