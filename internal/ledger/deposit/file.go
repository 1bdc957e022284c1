package deposit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/internal/ledger/durable"
)

// File is an export of the ledger that grows: NDJSON, one commit a line. One process at a time writes to it.
type File struct {
	file *os.File
	size int64 // up to the end of the last whole line
	last uint64
	tip  events.Digest
}

// head is how an export begins.
const head = `{"position":1,`

// OpenFile opens or makes the file at path. A last line that was cut off is taken away: it is written anew. A file that is no export
// is left as it is.
func OpenFile(path string) (*File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open export: %w", err)
	}
	f := &File{file: file}
	if err := errors.Join(f.find(), durable.Name(path)); err != nil {
		return nil, errors.Join(fmt.Errorf("open export %s: %w", path, err), file.Close())
	}
	return f, nil
}

// find reads backwards to the last whole line.
func (f *File) find() error {
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	const step = 64 << 10
	var tail []byte // of the file, from start on
	start := info.Size()
	ends := func() int { return bytes.Count(tail, []byte("\n")) }
	for ; start > 0 && ends() < 2; start = max(0, start-step) {
		part := make([]byte, start-max(0, start-step))
		if _, err := f.file.ReadAt(part, start-int64(len(part))); err != nil {
			return err
		}
		tail = append(part, tail...)
	}
	end := bytes.LastIndexByte(tail, '\n') + 1
	f.size = info.Size() - int64(len(tail)-end)
	if end == 0 {
		if n := min(len(tail), len(head)); string(tail[:n]) != head[:n] {
			return errors.New("it is no export: name another file, or remove this one")
		}
		return f.cut()
	}
	line := tail[bytes.LastIndexByte(tail[:end-1], '\n')+1 : end]
	e, err := ledger.ParseLine(line)
	if err != nil {
		return err
	}
	if !e.Stated.Of(e.Raw) {
		return fmt.Errorf("its last line, of position %d, was altered: check it with detour ledger verify --file", e.Position)
	}
	f.last, f.tip = e.Position, e.Stated
	return f.cut()
}

// cut takes away what stands behind the last whole line.
func (f *File) cut() error {
	if err := f.file.Truncate(f.size); err != nil {
		return err
	}
	_, err := f.file.Seek(f.size, io.SeekStart)
	return err
}

// End is Deposit's.
func (f *File) End(context.Context) (uint64, events.Digest, error) { return f.last, f.tip, nil }

// Add is Deposit's. What is added is on the disk when it returns.
func (f *File) Add(_ context.Context, batch []Kept) error {
	info, err := f.file.Stat()
	if err != nil {
		return fmt.Errorf("write export: %w", err)
	}
	if info.Size() != f.size {
		return fmt.Errorf("write export: it has %d bytes where %d were written: another process writes to it", info.Size(), f.size)
	}
	var all []byte
	for _, k := range batch {
		all = append(all, k.Line...)
	}
	if _, err = f.file.Write(all); err == nil {
		err = f.file.Sync()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write export: %w", err), f.cut())
	}
	newest := batch[len(batch)-1]
	f.size, f.last, f.tip = f.size+int64(len(all)), newest.Position, newest.Stated
	return nil
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }
