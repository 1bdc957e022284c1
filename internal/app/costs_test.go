package app

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
)

// TestCostsAreForecasts: what somebody else's drain costs is what a drain of Detour's would, in the network as it stands then.
func TestCostsAreForecasts(t *testing.T) {
	m, err := network.Gravity(backbone.Abilene(), 40_000_000_000)
	if err != nil {
		t.Fatal(err)
	}
	f, seen := aheadOf(t, m, 1_000_000_000)
	stands, _ := drained(seen, []string{"den-kcy", "hou-atl"})
	c := costs{
		now: time.Now, others: func() []string { return []string{"den-kcy", "hou-atl"} },
		look: func() func(string) events.Prospect { return costIn(f, stands) },
	}
	if _, ok := c.Cost("den-kcy"); ok {
		t.Error("a cost before anything is computed")
	}
	c.compute(t.Context())
	for _, link := range []string{"den-kcy", "hou-atl"} {
		other := map[string]string{"den-kcy": "hou-atl", "hou-atl": "den-kcy"}[link]
		want := f.ahead(drainOf(link, other), seen)
		v, ok := c.Cost(link)
		if !ok || v.Prospect.Missing != "" || v.Sentence != want.Sentence(len(want.Way)) || !v.At.Equal(want.At) {
			t.Fatalf("%s: %+v", link, v)
		}
		if diff := cmp.Diff(want, *v.Prospect, cmpopts.IgnoreFields(events.Prospect{}, "Inputs", "Fit", "Besides")); diff != "" {
			t.Errorf("%s (-would +does):\n%s", link, diff)
		}
		if v.Prospect.Drained.WorstPermil == v.Prospect.InService.WorstPermil && v.Prospect.NewViolations == 0 {
			t.Errorf("%s costs nothing: the test says nothing", link)
		}
	}
	if _, ok := c.Cost("chi-nyc"); ok {
		t.Error("a cost of what is not drained")
	}
}

// TestCostsAreComputedAnew: every minute, at once for what is new, and never for what is gone or beyond the bound.
func TestCostsAreComputedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var mu sync.Mutex // of what the network shows, and what was asked of it
		var links, asked []string
		c := costs{now: time.Now, others: func() []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(links)
		}}
		c.look = func() func(string) events.Prospect {
			return func(link string) events.Prospect {
				mu.Lock()
				defer mu.Unlock()
				asked = append(asked, fmt.Sprint(link, " at ", time.Since(start)))
				return events.Prospect{At: time.Now()}
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- c.run(ctx) }()
		pass := func(d time.Duration, now ...string) (computed []string) {
			mu.Lock()
			links, asked = now, nil
			mu.Unlock()
			time.Sleep(d)
			synctest.Wait()
			return asked
		}
		all := slices.Concat(pass(7*time.Second, "a"), pass(60*time.Second, "a", "b"), pass(10*time.Second, "b"))
		if _, ok := c.Cost("a"); ok {
			t.Error("what is drained no more has a cost")
		}
		if v, ok := c.Cost("b"); !ok || !v.At.Equal(start.Add(70*time.Second)) {
			t.Errorf("b: %+v", v)
		}
		if diff := cmp.Diff([]string{"a at 5s", "b at 10s", "a at 1m5s", "b at 1m10s"}, all); diff != "" {
			t.Errorf("computed (-want +got):\n%s", diff)
		}
		many := make([]string, 100)
		for i := range many {
			many[i] = fmt.Sprint("l", i)
		}
		if computed := pass(5*time.Second, many...); len(computed) != costsMost {
			t.Errorf("%d are computed, want %d", len(computed), costsMost)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestCostsEnd: what is under way is not gone on with.
func TestCostsEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0
	c := costs{now: time.Now, others: func() []string { return []string{"a", "b"} }, look: func() func(string) events.Prospect {
		return func(string) events.Prospect {
			asked++
			cancel()
			return events.Prospect{}
		}
	}}
	if c.compute(ctx); asked != 1 {
		t.Errorf("%d were computed", asked)
	}
}
