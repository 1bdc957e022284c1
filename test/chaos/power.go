package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/test/disk"
)

// addDisk gives the next server a disk of its own at dir, which is not there yet.
func (s *site) addDisk(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	d, err := disk.New(dir)
	if err != nil {
		return err
	}
	s.disks = append(s.disks, d)
	s.onEnd(func() { _ = d.Close() }) // what matters of it has been judged
	return nil
}

// cutPower takes the power from the whole site at a moment: disks first, so that nobody acknowledges what they do not have, then
// all processes. It comes back to the disks alone, which then hold what they would after a power cut.
func (s *site) cutPower(rng *rand.Rand) error {
	for _, d := range s.disks {
		d.Cut(rng)
	}
	for n := range s.servers.Len() {
		if err := s.servers.Signal(n, syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
	}
	for _, r := range s.replicas {
		r.shoot()
	}
	for _, d := range s.disks {
		if err := d.Repower(); err != nil {
			return err
		}
	}
	return nil
}

// missing is how many messages the bus no longer has of those that it had: of the ledger's, commits that somebody has read; of the
// anomalies', events that it has acknowledged. Servers of a cluster that have just started may yet find them with each other.
func (s *site) missing(ctx context.Context) (commits, anomalies int, err error) {
	ctx, cancel := context.WithTimeout(ctx, loadAck)
	defer cancel()
	s.watch.look(func(b *incident.Board) bool { commits = int(b.Position); return true })
	s.mu.Lock()
	anomalies = len(s.published)
	s.mu.Unlock()
	for name, of := range map[string]*int{events.StreamLedger: &commits, events.StreamAnomalies: &anomalies} {
		stream, err := s.conn.JetStream().Stream(ctx, name)
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
		case err != nil:
			return 0, 0, fmt.Errorf("look for what stream %s holds: %w", name, err)
		default:
			*of = max(0, *of-int(stream.CachedInfo().State.LastSeq))
		}
	}
	return commits, anomalies, nil
}
