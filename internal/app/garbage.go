package app

import (
	"os"
	"runtime/debug"
	"sync"
)

// garbagePercent is GOGC while replicas run. A replica holds some tens of MiB, and makes much garbage in little time: in a
// storm, and when it follows a long ledger at its start. Collected at the usual pace that costs a quarter of both.
const garbagePercent = 400

// running counts the replicas of this process.
var running struct {
	sync.Mutex
	n     int
	usual int // GOGC before the first of them
}

// CollectLess lets garbage lie for longer until the returned function is called, as Run does; GOGC in the environment has
// the last word.
func CollectLess() (usual func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	running.Lock()
	defer running.Unlock()
	if running.n++; running.n == 1 {
		running.usual = debug.SetGCPercent(garbagePercent)
	}
	return sync.OnceFunc(func() {
		running.Lock()
		defer running.Unlock()
		if running.n--; running.n == 0 {
			debug.SetGCPercent(running.usual)
		}
	})
}
