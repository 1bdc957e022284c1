package disk

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func raised(t *testing.T) (*Disk, string) {
	t.Helper()
	if what := Missing(); what != "" {
		t.Skipf("NOT TESTED: a disk wants %s", what)
	}
	dir := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	d, err := New(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d, dir
}

// TestPowerCut writes files, syncs some of them, and cuts the power: what was synced is there as it was, again and again, and of the
// rest something is not.
func TestPowerCut(t *testing.T) {
	d, dir := raised(t)
	rng := rand.New(rand.NewPCG(1, 2))
	synced, lost := map[string][]byte{}, 0
	for round := range 4 {
		loose := map[string][]byte{}
		for n := range 20 {
			path, text := filepath.Join(dir, fmt.Sprintf("%d-%d", round, n)), bytes.Repeat([]byte{byte(n + 1)}, 1+n*1000)
			into := loose
			if n%2 == 0 {
				into = synced
			}
			into[path] = text
			put(t, path, text, n%2 == 0)
		}
		d.Cut(rng)
		if err := d.Repower(); err != nil {
			t.Fatal(err)
		}
		for path, want := range synced {
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
				t.Errorf("round %d: %s was synced and is not as it was: %d of %d bytes, %v", round, path, len(got), len(want), err)
			}
		}
		for path, want := range loose {
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
				lost++
			}
		}
	}
	if lost == 0 {
		t.Error("nothing was lost that was not synced")
	}
}

func put(t *testing.T, path string, text []byte, synced bool) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(text); err != nil {
		t.Fatal(err)
	}
	if synced {
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCutMidway has somebody who waits for the disk learn of it only when it is told so: then it has failed.
func TestCutMidway(t *testing.T) {
	d, dir := raised(t)
	d.Slow(time.Hour)
	file, err := os.Create(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		_, err := file.WriteString("x")
		if err == nil {
			err = file.Sync()
		}
		answered <- err
	}()
	d.Cut(rand.New(rand.NewPCG(1, 2)))
	select {
	case err := <-answered:
		t.Errorf("a disk without power has answered %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	d.device.fail()
	if err := <-answered; err == nil {
		t.Error("a disk without power has synced")
	}
	file.Close()
	if err := d.Repower(); err != nil {
		t.Fatal(err)
	}
}
