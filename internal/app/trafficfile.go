package app

import (
	"bytes"
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/detour-net/detour/internal/config/bounded"
	"github.com/detour-net/detour/internal/network"
)

// trafficFile is the traffic matrix on disk, which is written anew whenever somebody has measured one. What cannot be read leaves
// the matrix of before in use, which grows old: the policy says how old it may be. Nobody who decides waits for the file.
type trafficFile struct {
	path    string // "" for none
	network *network.Topology
	reader  *bounded.Reader
	use     func(network.Matrix)
	log     *zap.Logger

	mu    sync.Mutex
	inUse network.Matrix // no demands: none

	// Of whoever refreshes alone:
	written time.Time // modification time of the file that was read last, good or bad
	bad     error     // why that is not in use
	trouble bounded.Trouble
}

// lookEvery is the time between two looks at a file.
const lookEvery = time.Second

// run looks at the file until ctx ends.
func (t *trafficFile) run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.refresh()
		case <-ctx.Done():
			return nil
		}
	}
}

// matrix is what is in use.
func (t *trafficFile) matrix() network.Matrix {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.inUse
}

// refresh reads the file if it has changed.
func (t *trafficFile) refresh() {
	if t.path == "" {
		return
	}
	t.trouble.Tell(t.log, t.look(), "the traffic matrix is not taken, the last good one stays in use", "the traffic matrix can be read again")
}

func (t *trafficFile) look() error {
	info, err := t.reader.Stat(t.path)
	if err != nil {
		return err
	}
	if info.ModTime().Equal(t.written) {
		return t.bad
	}
	raw, info, err := t.reader.Read(t.path, network.MaxMatrix)
	if err != nil {
		return err
	}
	m, err := network.ReadMatrix(t.path, bytes.NewReader(raw), t.network)
	if t.written, t.bad = info.ModTime(), err; err != nil {
		return err
	}
	m.At = info.ModTime() // a file says in no other way when it was measured
	t.mu.Lock()
	t.inUse = m
	t.mu.Unlock()
	t.use(m)
	t.log.Info("traffic matrix", zap.String("file", t.path), zap.Int("demands", len(m.Demands)), zap.Int64("bps", m.Total()))
	return nil
}
