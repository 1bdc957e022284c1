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
// so it may be moved away; it should lie on a disk of another machine. What is no regular file, a pipe say, is refused.
type File struct{ Path string }

// Put appends the note and has it written to the disk. What a note that was cut off has left behind is closed off first.
func (f File) Put(_ context.Context, n Note) (err error) {
	fail := func(err error) error {
		if errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w; let user %d write to it and to its folder, or name another in checkpoints.file", err, os.Getuid())
		}
		return fmt.Errorf("append to %s: %w", f.Path, err)
	}
	if err := f.regular(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail(err)
	}
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

// regular says what is wrong with what stands at the path: of anything but a regular file it is not known when it answers.
func (f File) regular() error {
	info, err := os.Stat(f.Path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("it is no regular file but %s: name another in checkpoints.file", info.Mode())
	}
	return err
}

// recent is how much of the file's end is read, in bytes: a note takes up to 50 kB, and those of some years are more than a start
// should wait for.
const recent = 4 << 20

// Notes is what the end of the file holds, nothing if it is not there yet.
func (f File) Notes() ([]byte, error) {
	err := f.regular()
	var file *os.File
	if err == nil {
		file, err = os.Open(f.Path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(file, max(0, info.Size()-recent), recent))
}
