package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/detour-net/detour/internal/ledger/durable"
)

// write writes the commits before the end into a part, nil if there are none. It is complete, and on the disk, before it has its
// name.
func (a *archiver) write(folder string, lines io.Reader) (*part, error) {
	f, err := durable.New(folder, 0o640)
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	defer f.Drop()
	sum := sha256.New()
	next, err := a.copy(io.MultiWriter(f, sum), lines)
	if err != nil || next == nil {
		return nil, err
	}
	next.SHA256 = fmt.Sprintf("%x", sum.Sum(nil))
	if err := f.Keep(next.File); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	return next, nil
}

// copy copies the lines of commits before the end.
func (a *archiver) copy(w io.Writer, lines io.Reader) (*part, error) {
	var next *part
	in, out := bufio.NewReaderSize(lines, 64<<10), bufio.NewWriter(w)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("the export was cut off: %w", err)
		}
		e, c, err := a.take(line)
		if err != nil {
			return nil, fmt.Errorf("archive: %w", err)
		}
		if !c.At.Before(a.end) {
			break
		}
		if next == nil {
			next = &part{Domain: domainOfSubject(e.Subject), From: c.Position, First: c.At}
		}
		a.add(e, c)
		if _, err := out.Write(line); err != nil {
			return nil, fmt.Errorf("archive: %w", err)
		}
	}
	if next == nil {
		return nil, nil
	}
	next.To, next.Last, next.Digest, next.Root = a.last.Position, a.last.At, a.last.Digest, a.edge.Root().String()
	next.File = partOf(next.Domain, next.From, next.To)
	if err := out.Flush(); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	return next, nil
}

// readManifest is what is archived in a folder already.
func readManifest(folder string) (parts []part, err error) {
	raw, err := os.ReadFile(filepath.Join(folder, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &parts)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", manifestName, err)
	}
	return parts, nil
}

// writeManifest replaces it whole.
func writeManifest(folder string, parts []part) error {
	raw, err := json.MarshalIndent(parts, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", manifestName, err)
	}
	if err := durable.Replace(filepath.Join(folder, manifestName), 0o640, append(raw, '\n')); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return nil
}
