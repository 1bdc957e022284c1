package worker

import (
	"runtime/debug"
	"sync"
)

// startPercent is GOGC while a ledger is folded from its first record. Nearly all that is read then is garbage at once, and
// collecting it at the usual pace takes a quarter of the start.
const startPercent = 400

// starts counts the workers of this process that are catching up.
var starts struct {
	sync.Mutex
	n     int
	usual int // GOGC before the first of them
}

// collectLess lets garbage lie for longer until the returned function is called. An operator's GOGC above startPercent, or
// off, stays.
func collectLess() (usual func()) {
	starts.Lock()
	defer starts.Unlock()
	if starts.n++; starts.n == 1 {
		starts.usual = debug.SetGCPercent(startPercent)
		if starts.usual < 0 || starts.usual > startPercent {
			debug.SetGCPercent(starts.usual)
		}
	}
	return sync.OnceFunc(func() {
		starts.Lock()
		defer starts.Unlock()
		if starts.n--; starts.n == 0 {
			debug.SetGCPercent(starts.usual)
		}
	})
}
