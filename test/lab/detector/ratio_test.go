package detector

import (
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// at is a moment, in milliseconds after noon.
func at(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }

func TestRatio(t *testing.T) {
	type count struct {
		ms       int
		all, bad uint64
	}
	for name, tt := range map[string]struct {
		counts    []count
		all, bad  uint64 // in the window
		sick      bool   // at 1 %
		well      bool   // below 1 %, which takes 300
		wellStill bool   // after 100 more that are good
	}{
		"nothing":                    {nil, 0, 0, false, false, false},
		"one reading":                {[]count{{0, 5000, 50}}, 0, 0, false, false, false},
		"good":                       {[]count{{0, 5000, 50}, {500, 5299, 50}}, 299, 0, false, false, true},
		"three of a hundred":         {[]count{{0, 5000, 50}, {500, 5100, 53}}, 100, 3, true, false, false},
		"too few to mean anything":   {[]count{{0, 5000, 50}, {500, 5010, 52}}, 10, 2, false, false, false},
		"three of a thousand":        {[]count{{0, 5000, 50}, {500, 6000, 53}}, 1000, 3, false, false, false},
		"gone out of the window":     {[]count{{0, 0, 0}, {500, 100, 50}, {1000, 200, 50}, {1500, 300, 50}}, 200, 0, false, false, true},
		"well since the last error":  {[]count{{0, 0, 0}, {100, 100, 50}, {200, 400, 50}}, 400, 50, true, true, true},
		"one short of it":            {[]count{{0, 0, 0}, {100, 100, 50}, {200, 399, 50}}, 399, 50, true, false, true},
		"an error within":            {[]count{{0, 0, 0}, {100, 100, 50}, {200, 350, 51}, {300, 450, 51}}, 450, 51, true, false, false},
		"counters that begin anew":   {[]count{{0, 9000, 900}, {500, 10, 1}, {1000, 20, 1}}, 10, 0, false, false, false},
		"errors alone, begun anew":   {[]count{{0, 9000, 900}, {500, 9100, 0}}, 0, 0, false, false, false},
		"a window of a late reading": {[]count{{0, 0, 0}, {5000, 1000, 100}}, 1000, 100, true, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			var r ratio
			var last count
			for _, c := range tt.counts {
				r.add(reading{at(c.ms), c.all, c.bad}, time.Second)
				last = c
			}
			if all, bad := r.recent(); all != tt.all || bad != tt.bad {
				t.Errorf("in the window %d of %d, want %d of %d", bad, all, tt.bad, tt.all)
			}
			if _, sick := r.sick(0.01); sick != tt.sick {
				t.Errorf("sick %t", sick)
			}
			if well := r.well(0.01); well != tt.well {
				t.Errorf("well %t", well)
			}
			r.add(reading{at(last.ms + 100), last.all + 100, last.bad}, time.Second)
			if well := r.well(0.01); well != tt.wellStill && len(tt.counts) > 0 {
				t.Errorf("after 100 more, well %t", well)
			}
		})
	}
}
