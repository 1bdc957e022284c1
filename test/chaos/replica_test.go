package main

import (
	"os"
	"path/filepath"
	"testing"
)

// idle is a replica that says where it serves, and does no more, in its first life.
func idle(t *testing.T) *replica {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "serving")
	if err := os.WriteFile(binary, []byte("#!/bin/sh\necho 'replica r0/1, serves at http://127.0.0.1:1'\nexec sleep 600\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	logs, err := os.Create(filepath.Join(dir, "logs"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { logs.Close() })
	r := &replica{s: &site{dir: dir, binary: binary}, binary: binary, logs: logs}
	if err := r.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.kill)
	return r
}

// TestShotOnce kills a replica that has not noticed yet that it was killed: that is one kill. Begun again at once, it lives.
func TestShotOnce(t *testing.T) {
	r := idle(t)
	for range 20 {
		first := r.now()
		if !r.shoot() {
			t.Fatal("there was nobody to kill")
		}
		if r.shoot() {
			t.Error("one process was killed twice")
		}
		if err := r.begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r.now() == first || !r.alive() {
			t.Fatal("it was killed, and not begun again")
		}
	}
}
