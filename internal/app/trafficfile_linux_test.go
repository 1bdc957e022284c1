package app

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/config/bounded"
	"github.com/detour-net/detour/internal/config/bounded/boundedtest"
	"github.com/detour-net/detour/internal/network"
)

// TestTrafficFile: what is written is taken once; of what is no matrix, and of a pipe that nobody writes to, the log says once that it
// is not, and the one of before stays in use; while a read hangs no other is begun.
func TestTrafficFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "traffic.csv")
	core, logs := observer.New(zap.InfoLevel)
	var used []int64
	f := &trafficFile{
		path: path, network: backbone.Abilene(), reader: new(bounded.Reader), log: zap.New(core), use: func(m network.Matrix) { used = append(used, m.Total()) },
	}
	clock := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		clock = clock.Add(time.Minute)
		if err := os.Chtimes(path, clock, clock); err != nil {
			t.Fatal(err)
		}
	}
	finds := func(what string, total int64, takes, untaken int) {
		t.Helper()
		for range 3 {
			f.refresh()
		}
		if got := f.matrix().Total(); got != total || len(used) != takes {
			t.Errorf("%s: %d bit/s in use, taken %v; want %d, and %d takes", what, got, used, total, takes)
		}
		if got := logs.FilterMessageSnippet("is not taken").Len(); got != untaken {
			t.Errorf("%s: said %d times, want %d: %v", what, got, untaken, logs.All())
		}
	}
	finds("no file", 0, 0, 1)
	write("from,to,gbps\nden,kcy,1\n")
	finds("a matrix", 1e9, 1, 1)
	if at := f.matrix().At; !at.Equal(clock) {
		t.Errorf("it is of %s, want %s", at, clock)
	}
	write("from,to,gbps\nden,kc")
	finds("half of one", 1e9, 1, 2)
	write("from,to,gbps\nden,kcy,2\n")
	finds("the whole", 2e9, 2, 2)

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f.reader.Within = 20 * time.Millisecond
	finds("a pipe", 2e9, 2, 3)
	if hang := boundedtest.Hanging(); hang != 1 {
		t.Errorf("%d reads hang, want 1", hang)
	}
	if last := logs.FilterMessageSnippet("is not taken").All()[2].ContextMap()["error"].(string); !strings.Contains(last, path+": it hangs") {
		t.Error(last)
	}
	end, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write("from,to,gbps\nden,kcy,3\n")
	if err := end.Close(); err != nil {
		t.Fatal(err)
	}
	f.reader = new(bounded.Reader) // one that has patience
	finds("a matrix again", 3e9, 3, 3)
}
