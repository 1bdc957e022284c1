package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// errCut is that the power went.
var errCut = errors.New("the power is cut")

// cutDisk is a disk that keeps over a power cut what was synced and nothing else: of a file what it held at its last sync, of a
// folder the names that it had at its own. The power goes after so many steps.
type cutDisk struct {
	left  int               // steps until then
	names map[string]*inode // as processes see them
	kept  map[string]*inode // as they are after the power cut
}

// inode is a file, whatever its name.
type inode struct {
	disk   *cutDisk
	now    string
	synced string
}

func (d *cutDisk) step() error {
	if d.left == 0 {
		return errCut
	}
	d.left--
	return nil
}

func (d *cutDisk) create(folder string, _ fs.FileMode) (file, string, error) {
	name := filepath.Join(folder, "draft")
	f := &inode{disk: d}
	d.names[name] = f
	return f, name, d.step()
}

func (d *cutDisk) rename(from, to string) error {
	if err := d.step(); err != nil {
		return err
	}
	d.names[to] = d.names[from]
	delete(d.names, from)
	return nil
}

func (d *cutDisk) sync(string) error {
	if err := d.step(); err != nil {
		return err
	}
	d.kept = maps.Clone(d.names)
	return nil
}

func (f *inode) Write(p []byte) (int, error) {
	f.now += string(p)
	return len(p), f.disk.step()
}

func (f *inode) Sync() error {
	if err := f.disk.step(); err != nil {
		return err
	}
	f.synced = f.now
	return nil
}

func (f *inode) Close() error { return f.disk.step() }

// TestPowerCut cuts the power after every step of replacing a file. A file system may have a folder on the disk before it was told
// to, or only then: either way what is found is the old file or the new one, whole, and the new one if that was said.
func TestPowerCut(t *testing.T) {
	const path = "/evidence/seen"
	done := false
	for steps := 0; !done; steps++ {
		old := &inode{now: "old", synced: "old"}
		d := &cutDisk{left: steps, names: map[string]*inode{path: old}, kept: map[string]*inode{path: old}}
		err := replace(d, path, 0o600, []byte("new"))
		done = err == nil
		if err != nil && !errors.Is(err, errCut) {
			t.Fatal(err)
		}
		for name, after := range map[string]map[string]*inode{"late": d.kept, "early": d.names} {
			f := after[path]
			if f == nil || f.synced != "new" && (f.synced != "old" || done) {
				t.Errorf("cut after %d steps, folder written %s, error %v: %+v", steps, name, err, f)
			}
		}
		if steps > 20 {
			t.Fatal("it does not end")
		}
	}
}

// TestReplace replaces a real file, with the rights that it is to have, and leaves nothing beside it.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "manifest.json")
	for i, mode := range []fs.FileMode{0o600, 0o640, 0o600} {
		want := fmt.Sprint("content ", i)
		if err := Replace(path, mode, []byte(want)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != mode {
			t.Errorf("mode %v, %v; want %v", info.Mode(), err, mode)
		}
	}
	if err := Name(path); err != nil {
		t.Error(err)
	}
	holds(t, dir, "manifest.json")
}

// TestDropped: what cannot be kept, or is not, leaves the name as it was and no draft.
func TestDropped(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "taken", "inside"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Replace(filepath.Join(dir, "taken"), 0o600, []byte("x")); err == nil {
		t.Error("a file took the place of a folder")
	}
	if err := Replace(filepath.Join(dir, "nowhere", "x"), 0o600, []byte("x")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
	d, err := New(dir, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	d.Drop()
	if d, err = New(dir, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Keep("kept"); err != nil {
		t.Fatal(err)
	}
	d.Drop()
	holds(t, dir, "kept", "taken")
}

func holds(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the folder (-want +got):\n%s", diff)
	}
}
