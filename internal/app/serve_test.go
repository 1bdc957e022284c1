package app

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestTune(t *testing.T) {
	percent := func() int {
		p := debug.SetGCPercent(100)
		debug.SetGCPercent(p)
		return p
	}
	procs, usual := runtime.GOMAXPROCS(0), percent()
	for name, c := range map[string]struct {
		gogc, gomaxprocs string // in the environment
		percent, procs   int
	}{
		"as serving":     {percent: garbagePercent, procs: max(leastProcs, procs)},
		"GOGC given":     {gogc: "50", percent: usual, procs: max(leastProcs, procs)},
		"procs given":    {gomaxprocs: "1", percent: garbagePercent, procs: procs},
		"both are given": {gogc: "50", gomaxprocs: "1", percent: usual, procs: procs},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOGC", c.gogc)
			t.Setenv("GOMAXPROCS", c.gomaxprocs)
			back := Tune()
			if p, n := percent(), runtime.GOMAXPROCS(0); p != c.percent || n != c.procs {
				t.Errorf("GOGC %d and GOMAXPROCS %d, want %d and %d", p, n, c.percent, c.procs)
			}
			back()
			if p, n := percent(), runtime.GOMAXPROCS(0); p != usual || n != procs {
				t.Errorf("afterwards GOGC %d and GOMAXPROCS %d, want %d and %d", p, n, usual, procs)
			}
		})
	}
}
