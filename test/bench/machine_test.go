package bench

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
)

const mebibyte = 1 << 20

// machine says on what it was measured, as far as the system tells.
func machine() string {
	return fmt.Sprintf("%d cores, %s memory, %s, %s/%s, %s",
		runtime.NumCPU(), kilobytes("/proc/meminfo", "MemTotal"), field("/proc/cpuinfo", "model name"), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// memory is what this process holds: its heap after a collection, and what is resident, both in bytes; resident is 0
// where the system does not tell.
type memory struct{ heap, resident uint64 }

// measure collects garbage and gives free memory back first, so that what is resident is what is needed.
func measure() memory {
	debug.FreeOSMemory()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	var resident uint64
	fmt.Sscanf(field("/proc/self/status", "VmRSS"), "%d kB", &resident) //nolint:errcheck // then it is not known
	return memory{heap: s.HeapAlloc, resident: resident << 10}
}

func (m memory) String() string {
	if m.resident == 0 {
		return fmt.Sprintf("%d MiB heap", m.heap/mebibyte)
	}
	return fmt.Sprintf("%d MiB heap, %d MiB resident", m.heap/mebibyte, m.resident/mebibyte)
}

func kilobytes(file, key string) string {
	var n uint64
	if _, err := fmt.Sscanf(field(file, key), "%d kB", &n); err != nil {
		return "unknown"
	}
	return fmt.Sprintf("%.0f GiB", float64(n)/mebibyte)
}

// field is the first value of key in a file of lines "key: value".
func field(file, key string) string {
	f, err := os.Open(file)
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
