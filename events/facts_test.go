package events

import (
	"math"
	"testing"
)

func TestTrafficLost(t *testing.T) {
	for name, c := range map[string]struct {
		traffic Traffic
		want    int64
	}{
		"none in error":        {Traffic{InBPS: 1e9, InPPS: 1000}, 0},
		"one in a hundred":     {Traffic{InBPS: 1e9, InPPS: 1000, InErrors: 10}, 1e7},
		"rounded down":         {Traffic{InBPS: 10, InPPS: 3, InErrors: 1}, 3},
		"as many as well":      {Traffic{InBPS: 1e9, InPPS: 1000, InErrors: 1000}, 1e9},
		"nothing arrives well": {Traffic{InErrors: 1000}, 0},
		"no size":              {Traffic{InPPS: 1000, InErrors: 1000}, 0},
		"below zero":           {Traffic{InBPS: -1, InPPS: 1, InErrors: 1}, 0},
		"beyond all bounds":    {Traffic{InBPS: math.MaxInt64, InPPS: 1, InErrors: math.MaxInt64}, math.MaxInt64},
		"just beyond":          {Traffic{InBPS: math.MaxInt64, InPPS: 1, InErrors: 2}, math.MaxInt64},
	} {
		if got := c.traffic.Lost(); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
