package ship

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/ledger/checkpoint"
)

// place is a target that takes what it is told to.
type place struct {
	mu    sync.Mutex
	sizes []uint64
	err   error
	hangs bool
}

func (p *place) Put(ctx context.Context, n Note) error {
	p.mu.Lock()
	err, hangs := p.err, p.hangs
	p.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sizes = append(p.sizes, n.Size)
	return nil
}

func (p *place) set(err error, hangs bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err, p.hangs = err, hangs
}

func (p *place) got() []uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]uint64(nil), p.sizes...)
}

type fixture struct {
	key, vkey string
	signer    *checkpoint.Signer
	trusted   *checkpoint.Keys
	ready     atomic.Bool
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{}
	f.ready.Store(true)
	var err error
	if f.key, f.vkey, err = checkpoint.NewKey(rand.Reader, "test"); err != nil {
		t.Fatal(err)
	}
	if f.signer, err = checkpoint.NewSigner("test", f.key, "", 0); err != nil {
		t.Fatal(err)
	}
	if f.trusted, err = checkpoint.NewKeys(f.vkey); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) shipper(t *testing.T, m *Metrics, targets map[string]Target) *Shipper {
	t.Helper()
	return New(Config{Domain: "test", Signer: f.signer, Trusted: f.trusted, Every: time.Minute, Targets: targets,
		Ready: f.ready.Load, Now: time.Now, Log: zap.NewNop(), Metrics: m})
}

func commit(position int) events.Commit {
	return events.Commit{Position: uint64(position), At: time.Date(2026, 11, 20, 12, 0, position, 0, time.UTC), Digest: events.DigestBytes(fmt.Append(nil, position))}
}

func take(s *Shipper, from, to int) {
	for p := from; p <= to; p++ {
		s.Take(commit(p))
	}
}

// TestSchedule ships to two targets, one of which is away or hangs for a while: the other goes on by the clock, and what is
// sent once it is back is the newest.
func TestSchedule(t *testing.T) {
	f := newFixture(t)
	synctest.Test(t, func(t *testing.T) {
		good, bad := &place{}, &place{err: errors.New("no route")}
		registry := prometheus.NewRegistry()
		s := f.shipper(t, NewMetrics(registry), map[string]Target{"good": good, "bad": bad})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		wait := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
		wait(10 * time.Second)
		f.ready.Store(false)
		take(s, 1, 3)
		wait(10 * time.Second)
		if got := good.got(); got != nil || s.Late() != Shipped {
			t.Errorf("shipped %v of a ledger that is still being read; %s", got, s.Late())
		}
		f.ready.Store(true)
		wait(2 * time.Second)
		take(s, 4, 9)
		take(s, 4, 9) // once more, as after an interruption
		wait(30 * time.Second)
		if diff := cmp.Diff([]uint64{3}, good.got()); diff != "" {
			t.Errorf("within the minute (-want +got):\n%s", diff)
		}
		if late := s.Late(); !strings.Contains(late, "to bad none was shipped since") || !strings.Contains(late, "no route") || strings.Contains(late, "good") {
			t.Errorf("late: %s", late)
		}
		bad.set(nil, true)
		wait(10 * time.Minute)
		if late := s.Late(); !strings.Contains(late, "deadline") {
			t.Errorf("late: %s", late)
		}
		bad.set(nil, false)
		wait(5 * time.Minute)
		if diff := cmp.Diff([]uint64{3, 9}, good.got()); diff != "" {
			t.Errorf("good (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]uint64{9}, bad.got()); diff != "" || s.Late() != Shipped {
			t.Errorf("bad, which is %s (-want +got):\n%s", s.Late(), diff)
		}
		want := "# HELP detour_checkpoint_behind_seconds For how long a target has taken no checkpoint though one was due, 0 when it took the last.\n# TYPE detour_checkpoint_behind_seconds gauge\n" +
			"detour_checkpoint_behind_seconds{target=\"bad\"} 0\ndetour_checkpoint_behind_seconds{target=\"good\"} 0\n" +
			"# HELP detour_checkpoint_position Position of the newest record that a checkpoint shipped by this replica covers, by target.\n# TYPE detour_checkpoint_position gauge\n" +
			"detour_checkpoint_position{target=\"bad\"} 9\ndetour_checkpoint_position{target=\"good\"} 9\n"
		if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "detour_checkpoint_behind_seconds", "detour_checkpoint_position"); err != nil {
			t.Error(err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestFile appends notes to a file, over one that was cut off when it was written.
func TestFile(t *testing.T) {
	f := newFixture(t)
	path := filepath.Join(t.TempDir(), "notes")
	s := f.shipper(t, nil, map[string]Target{"file": File{path}})
	put := func(to int) {
		t.Helper()
		take(s, int(s.edge.Size())+1, to)
		n, err := s.note(0)
		if err != nil {
			t.Fatal(err)
		}
		if err := (File{path}).Put(t.Context(), *n); err != nil {
			t.Fatal(err)
		}
	}
	put(2)
	put(5)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first := strings.Index(string(whole), "\n\ndetour") + 2
	for cut := first; cut < len(whole); cut += 11 {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		put(9)
		raw, err := File{path}.Notes()
		if err != nil {
			t.Fatal(err)
		}
		var sizes []uint64
		for _, o := range f.trusted.Open(checkpoint.Split(raw)) {
			if o.Fault == "" {
				sizes = append(sizes, o.Checkpoint.Size)
			} else if o.Fault != checkpoint.Malformed {
				t.Fatalf("cut at %d: %+v", cut, o)
			}
		}
		want := []uint64{2, 9}
		if len(sizes) == 3 {
			want = []uint64{2, 5, 9}
		}
		if diff := cmp.Diff(want, sizes); diff != "" {
			t.Fatalf("cut at %d of %d (-want +got):\n%s", cut, len(whole), diff)
		}
	}
	if err := (File{filepath.Join(path, "x")}).Put(t.Context(), Note{}); err == nil {
		t.Error("a file below a file")
	}
}

// TestEarlierLife: a ledger that does not contain what was shipped before is told of.
func TestEarlierLife(t *testing.T) {
	f := newFixture(t)
	path := filepath.Join(t.TempDir(), "notes")
	before := f.shipper(t, nil, map[string]Target{"file": File{path}})
	if late := before.Late(); late != Shipped {
		t.Error(late)
	}
	take(before, 1, 6)
	n, err := before.note(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := (File{path}).Put(t.Context(), *n); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		do   func(s *Shipper)
		want string
	}{
		{"the same", func(s *Shipper) { take(s, 1, 6) }, Shipped},
		{"longer", func(s *Shipper) { take(s, 1, 8) }, Shipped},
		{"shorter", func(s *Shipper) { take(s, 1, 5) }, "ends at position 5, and a checkpoint of 6"},
		{"empty", func(*Shipper) {}, "ends at position 0"},
		{"another", func(s *Shipper) {
			take(s, 1, 3)
			other := commit(4)
			other.Digest = events.DigestBytes([]byte("x"))
			s.Take(other)
			take(s, 5, 7)
		}, "up to position 6 is not the one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			metrics := NewMetrics(prometheus.NewRegistry())
			s := f.shipper(t, metrics, map[string]Target{"file": File{path}})
			f.ready.Store(false)
			c.do(s)
			if c.name == "shorter" {
				if _, err := s.note(0); err != nil || s.Late() != Shipped {
					t.Errorf("while it is read: %v, %s", err, s.Late())
				}
			}
			f.ready.Store(true)
			if _, err := s.note(0); err != nil {
				t.Fatal(err)
			}
			if late := s.Late(); !strings.Contains(late, c.want) {
				t.Errorf("late: %s, want %q", late, c.want)
			}
			if alarm := testutil.ToFloat64(metrics.alarm) == 1; alarm != (c.want != Shipped) {
				t.Errorf("the metric says %t of what is %q", alarm, c.want)
			}
		})
	}
}

// TestEarlierLifeUnread: a replica that cannot read what was shipped before says so for as long as it lives, and ships to others.
func TestEarlierLifeUnread(t *testing.T) {
	f := newFixture(t)
	synctest.Test(t, func(t *testing.T) {
		good := &place{}
		s := f.shipper(t, nil, map[string]Target{"file": File{t.TempDir()}, "other": good})
		take(s, 1, 3)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		time.Sleep(time.Hour)
		if diff := cmp.Diff([]uint64{3}, good.got()); diff != "" {
			t.Errorf("shipped elsewhere (-want +got):\n%s", diff)
		}
		for _, want := range []string{"what was shipped to file before cannot be read", "to file none was shipped since"} {
			if late := s.Late(); !strings.Contains(late, want) {
				t.Errorf("late: %s; want %q", late, want)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestLongFile: of a file of years the end is read, and what was shipped last is known.
func TestLongFile(t *testing.T) {
	f := newFixture(t)
	path := filepath.Join(t.TempDir(), "notes")
	s := f.shipper(t, nil, nil)
	take(s, 1, 7)
	n, err := s.note(0)
	if err != nil {
		t.Fatal(err)
	}
	older := bytes.Repeat([]byte(strings.Repeat("x", 99)+"\n"), 2*recent/100)
	if err := os.WriteFile(path, older, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (File{path}).Put(t.Context(), *n); err != nil {
		t.Fatal(err)
	}
	if raw, err := (File{path}).Notes(); err != nil || len(raw) != recent {
		t.Errorf("%d bytes are read, %v", len(raw), err)
	}
	if s := f.shipper(t, nil, map[string]Target{"file": File{path}}); s.before.Size != 7 {
		t.Errorf("it knows of a checkpoint of %d records, want 7", s.before.Size)
	}
}
