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
	Daemons    []int // of FRR, also those in no namespace of the lab's any more
	Agents     []int
	Folder     bool
}

// Empty says whether there is nothing.
func (l Left) Empty() bool {
	return len(l.Namespaces) == 0 && len(l.Daemons) == 0 && len(l.Agents) == 0 && !l.Folder
}

func (l Left) String() string {
	folder := "no folder"
	if l.Folder {
		folder = "its folder"
	}
	return fmt.Sprintf("%d namespaces, %d daemons, %d agents, %s", len(l.Namespaces), len(l.Daemons), len(l.Agents), folder)
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
	if l.Daemons, l.Agents, err = processes(name); err != nil {
		return Left{}, err
	}
	switch _, err := os.Stat(filepath.Join(Root, name)); {
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
	if err != nil || l.Empty() {
		return l, err
	}
	if err := requireRoot(); err != nil {
		return Left{}, err
	}
	release, err := claim(name)
	if err != nil {
		return Left{}, err
	}
	defer release()
	return takeAway(name)
}

// takeAway is Down of a lab that is claimed.
func takeAway(name string) (Left, error) {
	l, err := Find(name)
	if err != nil {
		return l, err
	}
	var errs []error
	for _, pids := range [][]int{l.Agents, l.Daemons} {
		for _, pid := range pids {
			errs = append(errs, kill(pid))
		}
	}
	for _, ns := range l.Namespaces {
		errs = append(errs, empty(ns), netns.Delete(ns))
	}
	errs = append(errs, os.RemoveAll(filepath.Join(Root, name)))
	_ = os.Remove(Root) // unless another lab is there
	return l, errors.Join(errs...)
}

// empty ends what runs in a namespace, and what that has started meanwhile: whatever outlives the namespace's name is found
// no more.
func empty(ns string) error {
	for {
		pids, err := netns.Processes(ns)
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			if err := kill(pid); err != nil {
				return err
			}
		}
	}
}
