//go:build linux

package testbed

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/detour-net/detour/test/lab/netns"
	"github.com/detour-net/detour/test/lab/plan"
)

// Left is what there is of a lab.
type Left struct {
	Namespaces []string
	Agents     []int
	Folder     bool
}

// Empty says whether there is nothing.
func (l Left) Empty() bool { return len(l.Namespaces) == 0 && len(l.Agents) == 0 && !l.Folder }

func (l Left) String() string {
	folder := "no folder"
	if l.Folder {
		folder = "its folder"
	}
	return fmt.Sprintf("%d namespaces, %d agents, %s", len(l.Namespaces), len(l.Agents), folder)
}

// Find looks for a lab, however much of it there is.
func Find(name string) (Left, error) {
	if err := plan.CheckName(name); err != nil {
		return Left{}, err
	}
	var l Left
	var err error
	if l.Namespaces, err = netns.List(plan.Namespaces(name)); err != nil {
		return Left{}, err
	}
	dir := filepath.Join(Root, name)
	if l.Agents, err = agents(name); err != nil {
		return Left{}, err
	}
	switch _, err := os.Stat(dir); {
	case err == nil:
		l.Folder = true
	case !errors.Is(err, fs.ErrNotExist):
		return Left{}, err
	}
	return l, nil
}

// Down takes away whatever there is of a lab, what runs in its namespaces included, and says what that was.
func Down(name string) (Left, error) {
	l, err := Find(name)
	if err != nil {
		return l, err
	}
	var errs []error
	for _, pid := range l.Agents {
		errs = append(errs, kill(pid))
	}
	for _, ns := range l.Namespaces {
		pids, err := netns.Processes(ns)
		errs = append(errs, err)
		for _, pid := range pids {
			errs = append(errs, kill(pid))
		}
		errs = append(errs, netns.Delete(ns))
	}
	errs = append(errs, os.RemoveAll(filepath.Join(Root, name)))
	_ = os.Remove(Root) // unless another lab is there
	return l, errors.Join(errs...)
}
