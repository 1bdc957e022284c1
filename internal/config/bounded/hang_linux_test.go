package bounded

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/detour-net/detour/internal/config/bounded/boundedtest"
)

// TestHangs reads a pipe that nobody writes to, whose opening hangs as a file does whose server has gone: everybody is told in time,
// one read hangs and no other is begun, and once it has ended the file is read anew.
func TestHangs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rota.yaml")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	r := Reader{Within: 20 * time.Millisecond}
	var readers sync.WaitGroup
	for range 10 {
		readers.Go(func() {
			for range 3 {
				if raw, _, err := r.Read(path, 100); err == nil || !strings.Contains(err.Error(), path+": it hangs") {
					t.Errorf("%q, %v", raw, err)
				}
				if info, err := r.Stat(path); err == nil || !strings.Contains(err.Error(), path+": it hangs") {
					t.Errorf("%v, %v", info, err)
				}
			}
		})
	}
	readers.Wait()
	if hang := boundedtest.Hanging(); hang != 1 {
		t.Errorf("%d reads hang, want 1", hang)
	}
	r.Within = time.Minute
	if _, err := r.Stat(filepath.Dir(path)); err != nil {
		t.Error("another file: ", err)
	}
	w, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("new"), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteString("old"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for range again.C { // what hung may take a moment to end
		raw, info, err := r.Read(path, 100)
		if err == nil && (string(raw) != "new" || info.Mode().Perm() != 0o640) {
			t.Errorf("once it is there again: %q of mode %s", raw, info.Mode())
		}
		if err == nil || t.Context().Err() != nil {
			return
		}
	}
}
