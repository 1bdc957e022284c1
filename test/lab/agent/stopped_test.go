package agent

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/internal/backbone/target"
)

// commonPatience is how long clients commonly wait for an answer.
const commonPatience = 10 * time.Second

// TestStopped asks an agent whose isisd has been stopped and takes what it is sent without a word. Each of many is told so
// before it loses its patience, and nothing is set.
func TestStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRouter()
		l := start(t, r, t.TempDir())
		r.spoil(func(r *router) { r.stopped = true })
		time.Sleep(pollEvery + 2*young) // the agent itself is looking by now, and nobody hears of what it sees before they asked
		const clients = 20
		answers := make(chan error, 2*clients)
		began := time.Now()
		for range clients {
			go func() {
				_, err := l.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{parse(t, metricPath("eth1", "IPV4"))}})
				answers <- err
			}()
			go func() {
				_, err := l.Set(t.Context(), request(t, metricPath("eth1", "IPV4"), "5"))
				answers <- err
			}()
		}
		count := map[codes.Code]int{}
		for range cap(answers) {
			count[status.Code(<-answers)]++
		}
		if took := time.Since(began); took >= commonPatience {
			t.Errorf("the last is told after %s", took)
		}
		if count[codes.Unavailable] != clients+1 || count[codes.Aborted] != clients-1 {
			t.Errorf("%v, want Unavailable but for those who found a Set under way", count)
		}
		r.spoil(func(r *router) { r.stopped = false })
		eventually(t, "it to be shown again", func() bool {
			_, err := l.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{parse(t, metricPath("eth1", "IPV4"))}})
			return err == nil
		})
		if m1, _, _, _, _ := r.state(); m1 != 100 || r.commits != 0 {
			t.Errorf("metric %d after %d commits", m1, r.commits)
		}
	})
}

// TestImpatientClient gives up while the router is slow to answer. It takes nothing from those who have time.
func TestImpatientClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRouter()
		l := start(t, r, t.TempDir())
		read := func(patience time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			return l.View(ctx, func(target.View) error { return nil })
		}
		if err := read(commonPatience); err != nil {
			t.Fatal(err)
		}
		l.mu.Lock()
		changed := l.changed
		l.mu.Unlock()
		r.spoil(func(r *router) { r.slow = time.Second })
		time.Sleep(2 * young) // what was seen before is too old by now
		hurried := make(chan error, 10)
		for range cap(hurried) {
			go func() { hurried <- read(10 * time.Millisecond) }()
		}
		synctest.Wait() // one of them looks, for all
		if err := read(commonPatience); err != nil {
			t.Errorf("who has time is told %v", err)
		}
		for range cap(hurried) {
			if err := <-hurried; err != nil && status.Code(err) != codes.DeadlineExceeded {
				t.Errorf("who has none is told %v", err)
			}
		}
		select {
		case <-changed:
			t.Error("streams are told that something changed")
		default:
		}
	})
}
