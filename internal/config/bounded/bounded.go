// Package bounded reads files that somebody else wrote, no further than they may be long, and waits for them no longer than a disk
// takes that answers: one that hangs, as of a server of files that has gone, heeds nobody.
package bounded

import (
	"bytes"
	"cmp"
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
// name the file. A read that hangs is left to itself: who reads again and again does so by a Reader.
func ReadFile(path string, most int) ([]byte, error) {
	raw, _, err := new(Reader).Read(path, most)
	return raw, err
}

// Stat says what a file is, as os.Stat does.
func Stat(path string) (fs.FileInfo, error) { return new(Reader).Stat(path) }

// Reader reads files again and again. While a look at a file hangs that was given up, no other look at that file is begun, whoever
// asks. The zero value is ready. Its methods may be called concurrently.
type Reader struct {
	Within time.Duration // that a file may take; 5 s if it is 0

	mu    sync.Mutex
	files map[string]*file // by path
}

// file is one that was looked at.
type file struct {
	mu   sync.Mutex
	left <-chan content // what will come of the look that was given up; nil: none was
}

// content is what is in a file, and what it is.
type content struct {
	raw  []byte
	info fs.FileInfo
	err  error
}

// Read returns what is in a file, as ReadFile does, and what the file was before that.
func (r *Reader) Read(path string, most int) ([]byte, fs.FileInfo, error) {
	c := r.look(path, func() content { return read(path, most) })
	return c.raw, c.info, c.err
}

// Stat says what a file is, as os.Stat does.
func (r *Reader) Stat(path string) (fs.FileInfo, error) {
	c := r.look(path, func() (c content) { c.info, c.err = os.Stat(path); return c })
	return c.info, c.err
}

func (r *Reader) look(path string, at func() content) content {
	patience := cmp.Or(r.Within, within)
	given := content{err: hangs(path, patience)}
	f := r.file(path)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left != nil {
		select {
		case <-f.left: // which may be old by now
			f.left = nil
		default:
			return given
		}
	}
	ended := make(chan content, 1)
	go func() { ended <- at() }()
	over := time.NewTimer(patience)
	defer over.Stop()
	select {
	case c := <-ended:
		return c
	case <-over.C:
		f.left = ended
		return given
	}
}

func hangs(path string, patience time.Duration) error {
	return fmt.Errorf("%s: it hangs, it was not read within %s: see whether the disk, or whoever serves it, answers", path, patience)
}

func (r *Reader) file(path string) *file {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, ok := r.files[path]
	if !ok {
		if f = new(file); r.files == nil {
			r.files = map[string]*file{}
		}
		r.files[path] = f
	}
	return f
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
	var raw bytes.Buffer
	raw.Grow(int(min(info.Size(), int64(most))) + bytes.MinRead)
	switch n, err := raw.ReadFrom(io.LimitReader(f, int64(most)+1)); {
	case err != nil:
		return content{err: fmt.Errorf("%s: %w", path, err)}
	case n > int64(most):
		return content{err: fmt.Errorf("%s: more than %d bytes", path, most)}
	}
	return content{raw: raw.Bytes(), info: info}
}
