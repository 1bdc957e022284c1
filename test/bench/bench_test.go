package bench

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// BenchmarkDetour runs every measurement and closes with their table. A part of it: -bench Detour/Storm.
func BenchmarkDetour(b *testing.B) {
	t := &table{}
	b.Run("AnomalyToSet", t.anomalyToSet)
	b.Run("Click", t.click)
	b.Run("Approval", t.approval)
	b.Run("Freeze", t.freeze)
	b.Run("Storm", t.storm)
	b.Run("Start", t.start)
	b.Run("Cluster", t.cluster)
	b.Run("ClusterStart", t.clusterStart)
	b.Run("Search", t.search)
	b.Run("WhatIf", t.whatIf)
	t.print()
}

// table is what was measured, in the order in which it first was.
type table struct{ rows []row }

// row is one figure. Floor, ratio and goal are empty where it has none.
type row struct {
	what, ours, floor string
	ratio             float64
	goal              string
}

// put adds a row, or replaces the one of the same name.
func (t *table) put(r row) {
	if i := slices.IndexFunc(t.rows, func(old row) bool { return old.what == r.what }); i >= 0 {
		t.rows[i] = r
		return
	}
	t.rows = append(t.rows, r)
}

func (t *table) print() {
	fmt.Printf("\n%s\n\n", machine())
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "WHAT\tOURS\tFLOOR\tRATIO\tGOAL")
	for _, r := range t.rows {
		ratio := "-"
		if r.ratio != 0 {
			ratio = fmt.Sprintf("%.2f", r.ratio)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.what, orDash(r.ours), orDash(r.floor), ratio, orDash(r.goal))
	}
	w.Flush()
	fmt.Println()
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// quantile is the smallest of list that at least the share q of it does not exceed.
func quantile(list []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(list))
	n := int(q*float64(len(sorted))+0.999999) - 1
	return sorted[min(max(n, 0), len(sorted)-1)]
}

// over is a in units of b.
func over[T int | int64 | float64 | time.Duration](a, b T) float64 { return float64(a) / float64(b) }

func perSecond(n int, took time.Duration) float64 { return float64(n) / took.Seconds() }

// rate is a rate for people.
func rate(perSecond float64, what string) string { return fmt.Sprintf("%.0f %s/s", perSecond, what) }

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.2f ms", d.Seconds()*1e3) }

// words joins what is said of a figure.
func words(parts ...string) string { return strings.Join(parts, ", ") }
