package ship

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/detour-net/detour/internal/ledger/durable"
)

// File is a file to which notes are appended, one behind the other with an empty line between them. It is opened anew for each,
// so it may be moved away; it should lie on a disk of another machine.
type File struct{ Path string }

// Put appends the note and has it written to the disk. What a note that was cut off has left behind is closed off first.
func (f File) Put(_ context.Context, n Note) (err error) {
	fail := func(err error) error { return fmt.Errorf("append to %s: %w", f.Path, err) }
	file, err := os.OpenFile(f.Path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return fail(err)
	}
	defer func() {
		if closed := file.Close(); err == nil && closed != nil {
			err = fail(closed)
		}
	}()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return fail(err)
	}
	text := append(bytes.Clone(n.Text), '\n')
	if end := make([]byte, min(size, 2)); size > 0 {
		if _, err := file.ReadAt(end, size-int64(len(end))); err != nil {
			return fail(err)
		}
		if string(end) != "\n\n" {
			text = append([]byte("\n\n"), text...)
		}
	}
	if _, err := file.Write(text); err != nil {
		return fail(err)
	}
	if err := file.Sync(); err != nil {
		return fail(err)
	}
	if err := durable.Name(f.Path); err != nil {
		return fail(err)
	}
	return nil
}

// Notes is what the file holds, nothing if it is not there yet.
func (f File) Notes() ([]byte, error) {
	raw, err := os.ReadFile(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return raw, err
}
