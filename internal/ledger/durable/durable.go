// Package durable puts files that are evidence on the disk, so that neither a kill nor a power cut leaves half of one, takes away
// one that was said to be there, or brings back the one before.
//
// A file is written under a name that nobody reads, synced, given its name, and then the folder is synced, without which the name
// may be gone after a power cut, or be the old file's. Whoever reads the name finds the old file whole, or the new one.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// disk is what a draft needs of the operating system.
type disk interface {
	create(folder string, mode fs.FileMode) (f file, name string, err error)
	rename(from, to string) error
	sync(folder string) error
}

// file is one that is being written.
type file interface {
	Write(p []byte) (int, error)
	Sync() error
	Close() error
}

// Draft is a file that has no name yet. It is for one goroutine.
type Draft struct {
	file
	disk   disk
	folder string
	temp   string // its path, "" once it has its name
}

// New begins a file in a folder, which only those of mode may read and write, whatever the process's umask.
func New(folder string, mode fs.FileMode) (*Draft, error) { return begin(osDisk{}, folder, mode) }

func begin(d disk, folder string, mode fs.FileMode) (*Draft, error) {
	f, temp, err := d.create(folder, mode)
	if err != nil {
		return nil, fmt.Errorf("write in %s: %w", folder, err)
	}
	return &Draft{file: f, disk: d, folder: folder, temp: temp}, nil
}

// Keep gives the file its name in the folder, in place of whatever has it. When it returns nil, both are on the disk; after an error
// the name stands for what it stood for before, or for this file.
func (d *Draft) Keep(name string) error {
	path := filepath.Join(d.folder, name)
	err := errors.Join(d.Sync(), d.Close())
	if err == nil {
		err = d.disk.rename(d.temp, path)
	}
	if err == nil {
		d.temp = ""
		err = d.disk.sync(d.folder)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// Drop takes away a file that was not kept; after Keep it does nothing.
func (d *Draft) Drop() {
	if d.temp != "" {
		_ = d.Close()         // what was written is not wanted
		_ = os.Remove(d.temp) // it bears a name that nobody reads
	}
}

// Replace gives the file at path this content, all of it or nothing.
func Replace(path string, mode fs.FileMode, content []byte) error {
	return replace(osDisk{}, path, mode, content)
}

func replace(on disk, path string, mode fs.FileMode, content []byte) error {
	d, err := begin(on, filepath.Dir(path), mode)
	if err != nil {
		return err
	}
	defer d.Drop()
	if _, err := d.Write(content); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return d.Keep(filepath.Base(path))
}

// Name has the name of the file at path on the disk: it was made, and may be gone after a power cut though what it holds was synced.
func Name(path string) error { return osDisk{}.sync(filepath.Dir(path)) }

// osDisk is the operating system's.
type osDisk struct{}

func (osDisk) create(folder string, mode fs.FileMode) (file, string, error) {
	f, err := os.CreateTemp(folder, ".draft-")
	if err != nil {
		return nil, "", err
	}
	if err := f.Chmod(mode); err != nil {
		return nil, "", errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return f, f.Name(), nil
}

func (osDisk) rename(from, to string) error { return os.Rename(from, to) }

func (osDisk) sync(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
