package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/web/api"
)

const (
	clickSamples = 200
	consoles     = 10
)

// click is one thing that people order: it brings about all that it takes, and returns what gives the order.
type click struct {
	what    string
	policy  string
	prepare func(ctx context.Context, s *service, n int) (press func() (api.Done, error), err error)
}

// aClick freezes a router, or thaws it. anApproval is the first of two that a plan takes, so that nothing is set.
func aClick() click { return click{"click", policyFile, toFreeze} }
func anApproval() click {
	return click{"approval", strings.Replace(policyFile, "autonomy: auto", "autonomy: approve", 1) + "approvals: {quorum: 2}\n", toApprove}
}

func (t *table) click(b *testing.B)    { t.clicking(b, aClick()) }
func (t *table) approval(b *testing.B) { t.clicking(b, anApproval()) }

// clicking measures from the beginning of a call that gives an order until the record is read from the ledger, and until the
// last of some open consoles has been told. Between two clicks some time passes, another one each time.
func (t *table) clicking(b *testing.B, c click) {
	samples := clickSamples
	if testing.Short() {
		samples = 5
	}
	for b.Loop() {
		recorded, seen, err := clicks(b.Context(), scratch(b), c, samples)
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range []struct {
			what string
			list []time.Duration
		}{{c.what + " to record on the ledger", recorded}, {fmt.Sprintf("%s to seen on the last of %d consoles", c.what, consoles), seen}} {
			t.put(row{
				what: fmt.Sprintf("%s, p50 and p99 of %d", r.what, samples),
				ours: milliseconds(quantile(r.list, 0.5)) + ", " + milliseconds(quantile(r.list, 0.99)),
			})
		}
		b.ReportMetric(float64(quantile(seen, 0.99).Milliseconds()), "seen-p99-ms")
	}
}

// witness notes when positions of the ledger were first seen.
type witness struct {
	mu   sync.Mutex
	upTo uint64
	at   map[uint64]time.Time
	news chan struct{} // closed and made anew with each
}

func newWitness() *witness {
	return &witness{at: map[uint64]time.Time{}, news: make(chan struct{})}
}

// saw notes that everything up to a position is seen.
func (w *witness) saw(position uint64) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for ; w.upTo < position; w.upTo++ {
		w.at[w.upTo+1] = now
	}
	close(w.news)
	w.news = make(chan struct{})
}

// when returns when a position was seen, once it is.
func (w *witness) when(ctx context.Context, position uint64) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		w.mu.Lock()
		at, news := w.at[position], w.news
		w.mu.Unlock()
		if !at.IsZero() {
			return at, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return at, fmt.Errorf("wait to see position %d: %w", position, ctx.Err())
		}
	}
}

func clicks(ctx context.Context, dir string, c click, samples int) (recorded, seen []time.Duration, err error) {
	s, err := raiseWith(ctx, dir, c.policy)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	watching, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	defer func() { stop(); watch.Wait() }()
	book, err := s.read(watching, &watch)
	if err != nil {
		return nil, nil, err
	}
	screens := make([]*witness, consoles)
	for n := range screens {
		screens[n] = newWitness()
		watch.Go(func() {
			_ = s.api.Changes(watching, 0, func(c api.Change) error { screens[n].saw(c.Position); return nil }) // what it misses is waited for in vain
		})
	}
	for n := range samples {
		press, err := c.prepare(ctx, s, n)
		if err != nil {
			return nil, nil, fmt.Errorf("click %d: %w", n, err)
		}
		pause(ctx, time.Duration(n*37%200)*time.Millisecond)
		began := time.Now()
		done, err := press()
		if err != nil {
			return nil, nil, fmt.Errorf("click %d: %w", n, err)
		}
		at, err := book.when(ctx, done.Position)
		if err != nil {
			return nil, nil, err
		}
		recorded = append(recorded, at.Sub(began))
		var last time.Time
		for _, screen := range screens {
			shown, err := screen.when(ctx, done.Position)
			if err != nil {
				return nil, nil, err
			}
			if shown.After(last) {
				last = shown
			}
		}
		seen = append(seen, last.Sub(began))
	}
	return recorded, seen, nil
}

// read follows the ledger by a connection of its own, until ctx ends.
func (s *service) read(ctx context.Context, reading *sync.WaitGroup) (*witness, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	book, err := ledger.Open(ctx, conn.JetStream(), ledger.Config{Domain: domain, SyncAlways: true})
	if err != nil {
		return nil, err
	}
	w := newWitness()
	reading.Go(func() {
		_ = book.Follow(ctx, 1, func(c events.Commit) error { w.saw(c.Position); return nil })
	})
	return w, nil
}

func toFreeze(ctx context.Context, s *service, n int) (press func() (api.Done, error), err error) {
	const scope = "device:den"
	if n%2 == 0 {
		return func() (api.Done, error) { return s.api.Freeze(ctx, scope, "measured") }, nil
	}
	return func() (api.Done, error) { return s.api.Thaw(ctx, scope) }, nil
}

// toApprove ends what was asked about before, says that a link is sick and waits until people are asked about that.
func toApprove(ctx context.Context, s *service, n int) (press func() (api.Done, error), err error) {
	if err := s.abortAll(ctx); err != nil {
		return nil, err
	}
	sick := s.net.Topology().Links[0]
	if err := s.report(ctx, n, events.Firing, []network.Link{sick}); err != nil {
		return nil, err
	}
	var id string
	err = await(ctx, "people to be asked about "+sick.Name, func() bool {
		var phase incident.Phase
		id, phase = s.newest(sick.Name)
		return phase == incident.Asking
	})
	if err != nil {
		return nil, err
	}
	var plan events.Digest
	s.app.Worker().View(func(b *incident.Board) {
		if i, ok := b.Incident(id); ok && i.Ask != nil {
			plan = i.Ask.Plan
		}
	})
	return func() (api.Done, error) { return s.api.Approve(ctx, id, string(plan)) }, nil
}

// pause lets time pass.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
