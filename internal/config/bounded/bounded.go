// Package bounded reads files that somebody else wrote, no further than they may be long, and waits for them no longer than a disk
// takes that answers: one that hangs, as of a server of files that has gone, heeds nobody.
package bounded

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
)

// within is how long a file may take to be read.
const within = 5 * time.Second

// ReadFile returns what is in a file of at most so many bytes; of a longer one no more is read, and it is an error. Errors
// name the file. A read that hangs is left to itself: who reads again and again does so by a File.
func ReadFile(path string, most int) ([]byte, error) {
	raw, _, err := NewFile(path, most).Read()
	return raw, err
}

// File is a file that is read again and again. While a read of it hangs that was given up, no other is begun. Its methods may be called
// concurrently.
type File struct {
	path   string
	most   int
	within time.Duration

	mu   sync.Mutex
	left <-chan content // what will come of the read that was given up; nil: none was
}

// content is what is in a file, and who may change that.
type content struct {
	raw  []byte
	mode fs.FileMode
	err  error
}

// NewFile is the file at path, of at most so many bytes.
func NewFile(path string, most int) *File { return &File{path: path, most: most, within: within} }

// Read returns what is in the file, as ReadFile does, and its mode.
func (f *File) Read() ([]byte, fs.FileMode, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left != nil {
		select {
		case <-f.left: // which may be old by now
			f.left = nil
		default:
			return nil, 0, f.hangs()
		}
	}
	ended := make(chan content, 1)
	go func() { ended <- read(f.path, f.most) }()
	over := time.NewTimer(f.within)
	defer over.Stop()
	select {
	case c := <-ended:
		return c.raw, c.mode, c.err
	case <-over.C:
		f.left = ended
		return nil, 0, f.hangs()
	}
}

func (f *File) hangs() error {
	return fmt.Errorf("%s: it hangs, nothing was read within %s: see whether the disk, or whoever serves it, answers", f.path, f.within)
}

func read(path string, most int) (c content) {
	f, err := os.Open(path)
	if err != nil {
		return content{err: err}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return content{err: err}
	}
	raw, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	switch {
	case err != nil:
		return content{err: fmt.Errorf("%s: %w", path, err)}
	case len(raw) > most:
		return content{err: fmt.Errorf("%s: more than %d bytes", path, most)}
	}
	return content{raw: raw, mode: info.Mode()}
}
