//go:build linux

// Package netns is what a lab needs of Linux: named network namespaces, what runs in them, and the links between them.
//
// The kernel has a thread's namespace, not a goroutine's. Within is the one place that knows: it keeps its thread, and a
// thread that cannot be brought back is never used again.
package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/vishvananda/netns"
)

// folder is where named namespaces are, by the convention of ip-netns(8).
const folder = "/run/netns"

// List returns the names of the namespaces that begin with a prefix.
func List(prefix string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list namespaces: %w", err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Create makes a namespace.
func Create(name string) error {
	err := apart(func() error {
		ns, err := netns.NewNamed(name)
		if err != nil {
			return err
		}
		return ns.Close()
	})
	if err != nil {
		return fmt.Errorf("create namespace %s: %w", name, err)
	}
	return nil
}

// Delete removes a namespace's name. The namespace itself goes with the last process in it, and with it its links.
func Delete(name string) error {
	err := netns.DeleteNamed(name)
	if errors.Is(err, syscall.EINVAL) { // whoever made the name was killed before there was a namespace to it
		err = os.Remove(filepath.Join(folder, name))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete namespace %s: %w", name, err)
	}
	return nil
}

// Within calls f on a thread that is in a namespace. Processes that f starts and sockets that it opens stay there.
func Within(name string, f func() error) error {
	return apart(func() error {
		ns, err := netns.GetFromName(name)
		if err != nil {
			return fmt.Errorf("enter namespace %s: %w", name, err)
		}
		defer ns.Close()
		if err := netns.Set(ns); err != nil {
			return fmt.Errorf("enter namespace %s: %w", name, err)
		}
		return f()
	})
}

// apart calls f on a thread of its own, which may come back in another namespace.
func apart(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := netns.Get()
		if err != nil {
			done <- err
			return
		}
		defer home.Close()
		err = f()
		// A goroutine that ends without unlocking takes its thread along, so that nobody is left in the wrong place.
		if netns.Set(home) == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}

// Processes are the ids of the processes in a namespace.
func Processes(name string) ([]int, error) {
	want, err := os.Stat(filepath.Join(folder, name))
	if err != nil {
		return nil, fmt.Errorf("look into namespace %s: %w", name, err)
	}
	all, err := AllProcesses()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(pid int) bool {
		// A process that has just ended has no namespace any more.
		is, err := os.Stat(fmt.Sprintf("/proc/%d/ns/net", pid))
		return err != nil || !os.SameFile(is, want)
	}), nil
}

// AllProcesses are the ids of the processes of the machine, in any namespace.
func AllProcesses() ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
