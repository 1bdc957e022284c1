package bounded

import (
	"io"
	"os"
	"time"
)

// Open opens a file to be read as a stream, however long it is. Opening it fails, and so does each read of it, when nothing comes
// within 5 s; errors of that name the file. A read that hangs is left to itself.
func Open(path string) (io.ReadCloser, error) { return open(path, within) }

func open(path string, patience time.Duration) (io.ReadCloser, error) {
	type opened struct {
		f   *os.File
		err error
	}
	ended, given := make(chan opened), make(chan struct{})
	go func() {
		f, err := os.Open(path)
		select {
		case ended <- opened{f, err}:
		case <-given:
			if err == nil {
				f.Close()
			}
		}
	}()
	over := time.NewTimer(patience)
	defer over.Stop()
	select {
	case o := <-ended:
		if o.err != nil {
			return nil, o.err
		}
		r, w := io.Pipe()
		go func() {
			defer o.f.Close()
			_, err := io.Copy(w, o.f)
			w.CloseWithError(err) // io.EOF for none
		}()
		return &stream{PipeReader: r, w: w, hangs: hangs(path, patience), patience: patience}, nil
	case <-over.C:
		close(given)
		return nil, hangs(path, patience)
	}
}

// stream is a file that somebody else reads, who may hang.
type stream struct {
	*io.PipeReader
	w        *io.PipeWriter
	hangs    error
	patience time.Duration
}

// Read reads what has come, and waits for it if nothing has.
func (s *stream) Read(p []byte) (int, error) {
	over := time.AfterFunc(s.patience, func() { s.w.CloseWithError(s.hangs) })
	defer over.Stop()
	return s.PipeReader.Read(p)
}
