package incident

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/detour-net/detour/events"
)

// TestSymptomKeys asks for the keys of more symptoms than are remembered, again and again and in any order: each has its own,
// whatever was asked before, and no more are remembered than are said to be.
func TestSymptomKeys(t *testing.T) {
	var list []*events.Observed
	for n := range 2 * maxKeys {
		o := &events.Observed{Source: fmt.Sprint("source-", n%3)}
		o.Anomaly.Resource = events.Resource{Device: fmt.Sprint("router-", n/6)}
		o.Anomaly.Kind = events.Kinds()[n/3%2]
		list = append(list, o)
	}
	var keys symptomKeys
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 * len(list) {
		o := list[r.IntN(len(list))]
		want := o.Source + "|" + o.Anomaly.Resource.Device + "|" + string(o.Anomaly.Kind)
		for range 1 + r.IntN(2) {
			if got := keys.of(o); got != want {
				t.Fatalf("the key is %q, want %q", got, want)
			}
		}
		if len(keys.known) > maxKeys {
			t.Fatalf("%d keys are remembered", len(keys.known))
		}
	}
}

// TestForksRememberForThemselves has a fork ask for keys: the Board below may be read by others meanwhile.
func TestForksRememberForThemselves(t *testing.T) {
	b := NewBoard()
	b.symptoms.of(&events.Observed{Source: "a"})
	f := b.Fork()
	f.symptoms.of(&events.Observed{Source: "b"})
	if len(b.symptoms.known) != 1 || len(f.symptoms.known) != 1 {
		t.Errorf("the Board remembers %v, its fork %v", b.symptoms.known, f.symptoms.known)
	}
}
