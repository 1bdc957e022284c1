package ship

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// disk is a target that hangs until it is freed, and heeds no context; then it takes everything, what has hung included.
type disk struct {
	place
	freed chan struct{}

	mu    sync.Mutex
	begun int
}

func (d *disk) Put(ctx context.Context, n Note) error {
	d.mu.Lock()
	d.begun++
	d.mu.Unlock()
	<-d.freed
	return d.place.Put(ctx, n)
}

func (d *disk) Notes() ([]byte, error) {
	<-d.freed
	return nil, nil
}

func (d *disk) puts() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.begun
}

// TestHangs has a disk hang from before the start on: the start waits for it for a while, another target is shipped to by the clock,
// one Put hangs and no second is begun, and the metric grows. Once it is freed it gets the newest; and while it hangs the shipper
// ends all the same.
func TestHangs(t *testing.T) {
	f := newFixture(t)
	for _, freed := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			good, bad := &place{}, &disk{freed: make(chan struct{})}
			registry := prometheus.NewRegistry()
			metrics := NewMetrics(registry)
			began := time.Now()
			s := f.shipper(t, metrics, map[string]Target{"good": good, "bad": bad})
			if took := time.Since(began); took != readWithin || !strings.Contains(s.Late(), "has not answered within 10s") {
				t.Errorf("after %s it says %s", took, s.Late())
			}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- s.Run(ctx) }()
			behind := func() float64 { return testutil.ToFloat64(metrics.behind.WithLabelValues("bad")) }
			pass := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
			take(s, 1, 3)
			pass(40 * time.Second)
			first := behind()
			if late := s.Late(); first < 30 || !strings.Contains(late, "to bad none was shipped since") || !strings.Contains(late, "hangs") {
				t.Errorf("behind by %g s, late: %s", first, late)
			}
			pass(5 * time.Second)
			if grown := behind() - first; grown < 4 || grown > 6 {
				t.Errorf("in five seconds it has come to be behind by %g s more", grown)
			}
			take(s, 4, 9)
			pass(2 * time.Hour)
			if hours := behind() / 3600; hours < 2 || bad.puts() != 1 {
				t.Errorf("behind by %g h, %d were begun", hours, bad.puts())
			}
			if diff := cmp.Diff([]uint64{3, 9}, good.got()); diff != "" {
				t.Errorf("the other target (-want +got):\n%s", diff)
			}
			if freed {
				close(bad.freed)
				pass(5 * time.Minute)
				if diff := cmp.Diff([]uint64{3, 9}, bad.got()); diff != "" || behind() != 0 {
					t.Errorf("freed, it is behind by %g s (-want +got):\n%s", behind(), diff)
				}
			}
			stop()
			synctest.Wait()
			select {
			case err := <-ended:
				if err != nil {
					t.Error(err)
				}
			default:
				t.Error("it does not end")
			}
			if !freed {
				close(bad.freed)
			}
		})
	}
}

// TestEndsWhileItHangs ends a shipper in the middle of a Put that heeds nobody.
func TestEndsWhileItHangs(t *testing.T) {
	f := newFixture(t)
	synctest.Test(t, func(t *testing.T) {
		bad := &disk{freed: make(chan struct{})}
		s := f.shipper(t, nil, map[string]Target{"bad": bad})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		take(s, 1, 3)
		time.Sleep(3 * time.Second)
		if bad.puts() != 1 {
			t.Fatal("nothing was put")
		}
		stop()
		time.Sleep(2 * grace)
		select {
		case <-ended:
		default:
			t.Error("it does not end")
		}
		close(bad.freed)
		synctest.Wait()
	})
}

// TestPipe: a pipe that nobody reads, or writes to, is not waited for.
func TestPipe(t *testing.T) {
	f := newFixture(t)
	path := filepath.Join(t.TempDir(), "notes")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	s := f.shipper(t, nil, map[string]Target{"file": File{path}})
	if late := s.Late(); !strings.Contains(late, "no regular file") {
		t.Errorf("late: %s", late)
	}
	if err := (File{path}).Put(t.Context(), aNote()); err == nil || !strings.Contains(err.Error(), "no regular file but prw") {
		t.Errorf("put: %v", err)
	}
}
