package ship

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/detour-net/detour/internal/ledger/checkpoint"
)

// asNobody runs f as an account that may nothing, if the tests are run by root, who may everything.
func asNobody(t *testing.T, f func() error) error {
	t.Helper()
	if os.Getuid() != 0 {
		return f()
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		if err := syscall.Setfsuid(65534); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	return <-done
}

// TestFileOfAnother: a file that belongs to another account is neither read nor written, which is said with a remedy, and stays as it
// is; once it may be written, what is due is appended behind what it holds.
func TestFileOfAnother(t *testing.T) {
	f := newFixture(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "notes")
	s := f.shipper(t, nil, nil)
	take(s, 1, 2)
	first, err := s.note(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := (File{path}).Put(t.Context(), *first); err != nil {
		t.Fatal(err)
	}
	for at := dir; at != os.TempDir() && at != "/"; at = filepath.Dir(at) {
		if err := os.Chmod(at, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	take(s, 3, 5)
	next, err := s.note(2)
	if err != nil {
		t.Fatal(err)
	}
	err = asNobody(t, func() error { return File{path}.Put(t.Context(), *next) })
	if err == nil || !strings.Contains(err.Error(), "permission denied; let user") {
		t.Errorf("put: %v", err)
	}
	if err := asNobody(t, func() error { _, err := File{path}.Notes(); return err }); !os.IsPermission(err) {
		t.Errorf("read: %v", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (File{path}).Put(t.Context(), *next); err != nil {
		t.Fatal(err)
	}
	raw, err := File{path}.Notes()
	if err != nil {
		t.Fatal(err)
	}
	var sizes []uint64
	for _, o := range f.trusted.Open(checkpoint.Split(raw)) {
		if o.Fault == "" {
			sizes = append(sizes, o.Checkpoint.Size)
		}
	}
	if len(sizes) != 2 || sizes[0] != 2 || sizes[1] != 5 {
		t.Errorf("it holds checkpoints of %v records, want 2 and 5", sizes)
	}
}
