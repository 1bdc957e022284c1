package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/internal/ledger/durable"
)

// write writes the commits before the end into a part, nil if there are none. It is complete, and on the disk, before it has its
// name.
func (a *archiver) write(folder string, lines io.Reader, end time.Time) (*part, error) {
	f, err := durable.New(folder, 0o640)
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	defer f.Drop()
	sum := sha256.New()
	next, err := a.copy(io.MultiWriter(f, sum), lines, end)
	if err != nil || next == nil {
		return nil, err
	}
	next.SHA256 = fmt.Sprintf("%x", sum.Sum(nil))
	if err := f.Keep(next.File); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	return next, nil
}

// copy copies the lines of commits up to the first that was not written before the end, and returns the part that they are, nil if
// there are none. A zero end is none.
func (a *archiver) copy(w io.Writer, lines io.Reader, end time.Time) (*part, error) {
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
		if !end.IsZero() && !c.At.Before(end) {
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

// again reads a part that is there, and checks that it is what the manifest says.
func (a *archiver) again(folder string, p part) error {
	f, err := os.Open(filepath.Join(folder, filepath.Base(p.File)))
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	all := io.TeeReader(f, sum)
	is, err := a.copy(io.Discard, all, time.Time{})
	if _, rest := io.Copy(io.Discard, all); rest != nil {
		return rest
	}
	if sum := fmt.Sprintf("%x", sum.Sum(nil)); sum != p.SHA256 {
		return fmt.Errorf("its SHA-256 is %s, %s says %s", sum, manifestName, p.SHA256)
	}
	if err != nil {
		return err
	}
	if is == nil {
		is = &part{}
	}
	is.SHA256 = p.SHA256
	made, err := json.Marshal(is)
	if err != nil {
		return err
	}
	if said, err := json.Marshal(p); err != nil || !bytes.Equal(made, said) {
		return fmt.Errorf("it is %s, %s says %s", made, manifestName, said)
	}
	return nil
}

// checkArchive checks that the parts of an archive are what the manifest says, and that this is written as an archive writes it: what
// the parts themselves show is found without it.
func checkArchive(folder string, parts []part) (list []ledger.Finding) {
	found := func(from, to uint64, format string, args ...any) []ledger.Finding {
		return []ledger.Finding{{Position: from, To: to, Problem: ledger.Altered, Sure: ledger.Certain, Detail: fmt.Sprintf(format, args...)}}
	}
	raw, err := os.ReadFile(filepath.Join(folder, manifestName))
	want, _ := encodeManifest(parts) // it was read from JSON
	if err != nil || !bytes.Equal(raw, want) {
		return found(1, parts[len(parts)-1].To, "%s was edited: no archive is listed so", manifestName)
	}
	var a archiver
	for _, p := range parts {
		if err := a.again(folder, p); err != nil {
			return found(p.From, p.To, "%s: %v", p.File, err)
		}
	}
	return nil
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
	raw, err := encodeManifest(parts)
	if err == nil {
		err = durable.Replace(filepath.Join(folder, manifestName), 0o640, raw)
	}
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return nil
}

func encodeManifest(parts []part) ([]byte, error) {
	raw, err := json.MarshalIndent(parts, "", "  ")
	return append(raw, '\n'), err
}
