//go:build linux

package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/detour-net/detour/internal/incident"
)

// TestFullDisk has the disk of the bus run full while a link falls sick. Nothing is set for what cannot be recorded; when there is
// room again and the server was started anew, the fault is taken care of, and nothing is missing. It needs root, for a disk that is
// small enough.
func TestFullDisk(t *testing.T) {
	long(t)
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: a full disk wants root, to mount a small one")
	}
	t.Parallel()
	s := raised(t, plan{servers: 1, replicas: 2, disk: func(dir string) error {
		t.Cleanup(func() {
			if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
		return syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=48m")
	}})
	ballast := filepath.Join(s.path("nats"), "ballast")
	if err := fill(ballast); err != nil {
		t.Fatal(err)
	}
	f := &fault{s: s, link: s.net.Topology().Links[0]}
	full := time.Now()
	if err := s.net.SetLoss(f.link.Name, sickness); err != nil {
		t.Fatal(err)
	}
	// The bus takes no anomaly either, or takes it and keeps nothing: what it has acknowledged has to be recorded later.
	for time.Since(full) < *flagOutage {
		_ = s.publish(t.Context(), firing(f.link))
		time.Sleep(50 * time.Millisecond)
	}
	if n := s.risks(); n > 0 {
		t.Errorf("%d Sets were taken while nothing could be recorded", n)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	s.servers.KillAll()
	if err := s.servers.StartAll(); err != nil {
		t.Fatal(err)
	}
	f, err := s.sicken(f.link)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.end)
	f.reaches(t, incident.Holding)
	f.heals(t)
	s.accounts(t)
}

// fill writes until the disk takes no more.
func fill(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	for block := make([]byte, 1<<16); err == nil; {
		_, err = file.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return nil
}
