package whatif

import (
	"math/rand/v2"
	"testing"
)

// TestCoarse wants no gain to be more than is kept of it, nor that to be much more.
func TestCoarse(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	gains := []int64{-1 << 60, -1, 0, 1, 8 << grain, 8<<grain + 1, 15 << grain, 15<<grain + 1, 16 << grain, 1<<50 - 1, 1 << 50}
	for range 100_000 {
		gains = append(gains, r.Int64N(1<<(1+r.IntN(50))))
	}
	for _, gain := range gains {
		most := atMost(coarse(gain))
		if most < gain || most > max(8<<grain, gain+gain/8) && gain > 0 || most != 0 && gain <= 0 {
			t.Errorf("%d is kept as at most %d", gain, most)
		}
		if again := atMost(coarse(most)); again != most {
			t.Errorf("%d, the most of %d, is kept as at most %d", most, gain, again)
		}
	}
	for code := range uint8(249) {
		if code > 0 && atMost(code) <= atMost(code-1) {
			t.Errorf("%d and %d are out of order", code-1, code)
		}
	}
}
