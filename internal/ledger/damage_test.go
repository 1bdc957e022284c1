package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/bus"
)

// TestRemoved deletes a record from a stream that allows it: whoever follows is told which one is missing, and Open
// refuses the stream.
func TestRemoved(t *testing.T) {
	js, _ := serve(t, t.TempDir(), bus.Options{})
	config := testConfig.withDefaults().streamConfig()
	config.DenyDelete = false
	stream, err := js.CreateStream(within(t, patience), config)
	if err != nil {
		t.Fatal(err)
	}
	l := newLedger(js, stream, testConfig.withDefaults())
	fill(t, l, 9)
	if err := stream.DeleteMsg(within(t, patience), 4); err != nil {
		t.Fatal(err)
	}
	var broken *BrokenError
	n := 0
	err = l.Follow(within(t, patience), 1, func(events.Commit) error { n++; return nil })
	if !errors.As(err, &broken) || broken.Position != 4 || broken.Problem != Missing || n != 3 {
		t.Errorf("after %d commits: %v", n, err)
	}
	if err := l.Follow(within(t, patience), 5, nil); !errors.As(err, &broken) || broken.Position != 4 {
		t.Errorf("from behind the gap: %v", err)
	}
	report, err := l.Verify(within(t, patience), nil)
	if err != nil || len(report.Findings) != 1 || report.Findings[0].Position != 4 || report.Findings[0].Problem != Missing || report.Last != 9 {
		t.Errorf("report %+v, %v", report, err)
	}
	if _, err := Open(within(t, patience), js, testConfig); err == nil || !strings.Contains(err.Error(), "1 of its records were removed") {
		t.Errorf("open: %v", err)
	}
}

// TestShortened makes the stream anew behind a follower's back: that is no fresh start for it.
func TestShortened(t *testing.T) {
	js, _ := serve(t, t.TempDir(), bus.Options{})
	l := mustOpen(t, js)
	fill(t, l, 5)
	if err := js.DeleteStream(within(t, patience), events.StreamLedger); err != nil {
		t.Fatal(err)
	}
	fill(t, mustOpen(t, js), 2)
	r := &reader{l: l, next: 6, out: func([]Entry) error { return nil }}
	var final error
	for range patienceRounds {
		if final, _ = r.ensureWhole(within(t, patience)); final != nil {
			break
		}
	}
	var broken *BrokenError
	if !errors.As(final, &broken) || broken.Position != 3 || broken.Problem != Missing {
		t.Errorf("it says %v", final)
	}
}

// TestDamagedDisk changes bytes of a record in the server's own files. The server does not deliver such a message; what
// follows must name it, and go on.
func TestDamagedDisk(t *testing.T) {
	for _, which := range []uint64{7, 20} {
		t.Run(fmt.Sprint("position ", which), func(t *testing.T) {
			dir := t.TempDir()
			js, stop := serve(t, dir, bus.Options{})
			fill(t, mustOpen(t, js), 20)
			stop()
			damage(t, dir, fmt.Appendf(nil, "because of c%d", which), fmt.Appendf(nil, "despite all c%d", which))

			js, _ = serve(t, dir, bus.Options{})
			l := mustOpen(t, js)
			report, err := l.Verify(within(t, patience), nil)
			if err != nil || len(report.Findings) != 1 || report.Findings[0].Position != which || report.Findings[0].Problem != Missing {
				t.Errorf("report %+v, %v", report, err)
			}
			var broken *BrokenError
			if err := l.Follow(within(t, patience), 1, func(events.Commit) error { return nil }); !errors.As(err, &broken) || broken.Position != which {
				t.Errorf("follow: %v", err)
			}
		})
	}
}

// damage replaces old by as many bytes of replacement in the message blocks below dir.
func damage(t *testing.T, dir string, old, replacement []byte) {
	t.Helper()
	done := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".blk" {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if i := bytes.Index(raw, old); i >= 0 {
			copy(raw[i:i+len(old)], replacement)
			done++
		}
		return os.WriteFile(path, raw, 0o600)
	})
	if err != nil || done != 1 {
		t.Fatalf("damaged %d files: %v", done, err)
	}
}
