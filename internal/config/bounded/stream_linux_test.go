package bounded

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestStream reads a pipe: one that nobody writes to is given up when it is opened, one whose writer falls silent when it is read, and
// what was written until then is not lost.
func TestStream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "traffic.csv")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err := open(path, 20*time.Millisecond); err == nil || !strings.Contains(err.Error(), path+": it hangs") {
		t.Fatalf("%v, %v", f, err)
	}
	w, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	f, err := open(path, 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := w.WriteString("some"); err != nil {
		t.Fatal(err)
	}
	if raw, err := io.ReadAll(f); string(raw) != "some" || err == nil || !strings.Contains(err.Error(), path+": it hangs") {
		t.Errorf("%q, %v", raw, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	const size = 1 << 20
	long := filepath.Join(filepath.Dir(path), "long.csv")
	if err := os.WriteFile(long, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := open(long, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := io.ReadAll(all); len(raw) != size || err != nil {
		t.Errorf("%d bytes, %v", len(raw), err)
	}
	if err := all.Close(); err != nil {
		t.Error(err)
	}
	if _, err := open(long+"x", time.Minute); !os.IsNotExist(err) {
		t.Error(err)
	}
}

// TestSlowStream: what comes slowly is waited for, however long all of it takes; what does not come is not.
func TestSlowStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		s := &stream{PipeReader: r, w: w, hangs: hangs("f", within), patience: within}
		go func() {
			for range 5 {
				time.Sleep(within - time.Second)
				w.Write([]byte("x"))
			}
			time.Sleep(within + time.Second)
			w.Write([]byte("y"))
		}()
		if raw, err := io.ReadAll(s); string(raw) != "xxxxx" || err == nil || !strings.Contains(err.Error(), "f: it hangs") {
			t.Errorf("%q, %v", raw, err)
		}
		time.Sleep(time.Minute)
	})
}
