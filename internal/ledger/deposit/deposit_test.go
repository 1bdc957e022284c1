package deposit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/internal/ledger/deposit"
	"github.com/detour-net/detour/internal/ledger/deposit/deposittest"
)

// from is a source that has all of an export.
func from(whole []byte) deposit.Source {
	return func(_ context.Context, from uint64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(deposittest.Behind(whole, from))), nil
	}
}

func into(t *testing.T, path string, source deposit.Source) (int, error) {
	t.Helper()
	f, err := deposit.OpenFile(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return deposit.Copy(t.Context(), source, f)
}

// TestFileCutAnywhere goes on with a file that was cut off at any byte: it is whole again, and nothing is twice.
func TestFileCutAnywhere(t *testing.T) {
	whole := deposittest.Export(t, "test", 6)
	path := filepath.Join(t.TempDir(), "ledger.ndjson")
	for cut := 0; cut <= len(whole); cut += 3 {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		added, err := into(t, path, from(whole))
		got, _ := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, whole) || added != 6-bytes.Count(whole[:cut], []byte("\n")) {
			t.Fatalf("cut at %d: %d were added, %v:\n%s", cut, added, err, got)
		}
	}
	report, err := ledger.ReadExport(bytes.NewReader(whole), nil)
	if err != nil || !report.Intact() {
		t.Errorf("%v: %v", err, report.Findings)
	}
}

// TestLongLines: the last line is found however long those at the end are.
func TestLongLines(t *testing.T) {
	whole := deposittest.Long(t, "test", 4, 200_000)
	path := filepath.Join(t.TempDir(), "ledger.ndjson")
	for _, cut := range []int{len(whole), len(whole) - 1, len(whole) - 150_000, len(whole)/2 + 9} {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := into(t, path, from(whole))
		if got, _ := os.ReadFile(path); err != nil || !bytes.Equal(got, whole) {
			t.Fatalf("cut at %d of %d: %v, %d bytes", cut, len(whole), err, len(got))
		}
	}
}

// TestRefused: what does not continue the file is not taken.
func TestRefused(t *testing.T) {
	whole, other := deposittest.Export(t, "test", 6), deposittest.Export(t, "west", 6)
	lines := bytes.SplitAfter(whole, []byte("\n"))
	for _, c := range []struct {
		name  string
		file  []byte
		whole []byte
		want  string
	}{
		{"another ledger", lines[0], other, "the ledger does not go on from there"},
		{"a ledger that is altered", lines[0], bytes.Replace(whole, []byte("because of 3"), []byte("because of X"), 1), "ledger broken at position 3"},
		{"a ledger with a gap", nil, bytes.Join([][]byte{lines[0], lines[1], lines[3]}, nil), "ledger broken at position 3: missing"},
		{"no line of a ledger", nil, []byte("x\n"), "behind position 0: not a line of an export"},
		{"a file whose end was altered", bytes.Replace(lines[0], []byte("because"), []byte("despite"), 1), whole, "its last line, of position 1, was altered"},
		{"no file of a ledger", []byte("x\n"), whole, "not a line of an export"},
		{"no file of a ledger, and no line", []byte("x"), whole, "it is no export"},
		{"almost one", []byte(`{"positions":[]}`), whole, "it is no export"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ledger.ndjson")
			if err := os.WriteFile(path, c.file, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := into(t, path, from(c.whole)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("err = %v, want %q", err, c.want)
			}
			if got, _ := os.ReadFile(path); !bytes.HasPrefix(whole, got) && !bytes.Equal(got, c.file) {
				t.Errorf("the file holds %s", got)
			}
		})
	}
}

// TestTwoWriters: who finds that another writes to the file stops.
func TestTwoWriters(t *testing.T) {
	whole := deposittest.Export(t, "test", 3)
	path := filepath.Join(t.TempDir(), "ledger.ndjson")
	slow, err := deposit.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	if _, err := into(t, path, from(whole)); err != nil {
		t.Fatal(err)
	}
	if _, err := deposit.Copy(t.Context(), from(whole), slow); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("err = %v", err)
	}
	if got, _ := os.ReadFile(path); !bytes.Equal(got, whole) {
		t.Errorf("the file holds %s", got)
	}
}

// memory is a deposit that fails now and then, with or without having kept what it was given.
type memory struct {
	kept  []deposit.Kept
	fails []error // of the next calls of Add
	after bool    // it has kept it
}

func (m *memory) End(context.Context) (uint64, events.Digest, error) {
	if len(m.kept) == 0 {
		return 0, "", nil
	}
	last := m.kept[len(m.kept)-1]
	return last.Position, last.Stated, nil
}

func (m *memory) Add(_ context.Context, batch []deposit.Kept) error {
	var err error
	if len(m.fails) > 0 {
		err, m.fails = m.fails[0], m.fails[1:]
	}
	if err == nil || m.after {
		m.kept = append(m.kept, batch...)
	}
	return err
}

// TestInterrupted cuts the source off, and has the deposit fail, with and without having kept what it was given.
func TestInterrupted(t *testing.T) {
	const n = 2000
	whole := deposittest.Export(t, "test", n)
	away := &deposit.Passing{Err: errors.New("away")}
	for _, after := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{fails: []error{nil, away, away}, after: after}
			cuts := []int{len(whole) / 3, len(whole) / 5, 10}
			source := func(ctx context.Context, at uint64) (io.ReadCloser, error) {
				rest := deposittest.Behind(whole, at)
				if len(cuts) == 0 {
					return io.NopCloser(bytes.NewReader(rest)), nil
				}
				cut := min(cuts[0], len(rest))
				cuts = cuts[1:]
				return io.NopCloser(io.MultiReader(bytes.NewReader(rest[:cut]), iotest.ErrReader(io.ErrUnexpectedEOF))), nil
			}
			if _, err := deposit.Copy(t.Context(), source, m); err != nil {
				t.Fatal(err)
			}
			var got []byte
			for _, k := range m.kept {
				got = append(got, k.Line...)
			}
			if !bytes.Equal(got, whole) {
				t.Errorf("after %t: %d commits are kept", after, len(m.kept))
			}
		})
	}
}

// TestGivesUp: what never passes is not waited for without end, and neither is longer than the caller wants.
func TestGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := func(context.Context, uint64) (io.ReadCloser, error) {
			return nil, &deposit.Passing{Err: errors.New("away")}
		}
		began := time.Now()
		if _, err := deposit.Copy(t.Context(), away, &memory{}); err == nil || err.Error() != "away" {
			t.Errorf("err = %v", err)
		}
		if took := time.Since(began); took < 30*time.Second || took > 3*time.Minute {
			t.Errorf("given up after %s", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := deposit.Copy(ctx, away, &memory{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("err = %v", err)
		}
		final := func(context.Context, uint64) (io.ReadCloser, error) { return nil, fmt.Errorf("forbidden") }
		if _, err := deposit.Copy(t.Context(), final, &memory{}); err == nil || err.Error() != "forbidden" {
			t.Errorf("err = %v", err)
		}
	})
}
