package bench

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/bus/bustest"
)

// The cluster, and the blocks of a storm over it.
const (
	clusterServers = 3
	clusterBlocks  = 6
	clusterSize    = 10_000
)

// cluster measures over three servers, each of which syncs every write of every stream, how many anomalies are taken in per second,
// each recorded, against two floors: one pulls and acknowledges the same messages from the same stream, the other publishes
// messages of their size to one that is kept the same. First there is one replica, then there are three.
func (t *table) cluster(b *testing.B) {
	blocks, size := clusterBlocks, clusterSize
	if testing.Short() {
		blocks, size = 1, 200
	}
	for b.Loop() {
		if err := t.clusterStorms(b, blocks, size); err != nil {
			b.Fatal(err)
		}
	}
}

func (t *table) clusterStorms(b *testing.B, blocks, size int) (err error) {
	ctx := b.Context()
	s := &service{dir: scratch(b), policy: policyFile}
	if err := s.perform(ctx, s.raiseBackbone, s.raiseCluster, s.writeFiles, s.raiseApp, s.ready); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	r, err := newRace(ctx, s)
	if err != nil {
		return err
	}
	if _, err := r.js.CreateStream(ctx, jetstream.StreamConfig{Name: "RAW", Subjects: []string{"raw"}, Replicas: clusterServers}); err != nil {
		return err
	}
	ratio, err := t.clusterStorm(ctx, r, "one replica", 0, blocks, size)
	if err != nil {
		return err
	}
	b.ReportMetric(ratio, "cluster-ratio")
	for rank := 1; rank < replicas; rank++ {
		if _, err := s.join(ctx, rank); err != nil {
			return err
		}
	}
	ratio, err = t.clusterStorm(ctx, r, fmt.Sprintf("%d replicas", replicas), blocks*size, blocks, size)
	if err != nil {
		return err
	}
	b.ReportMetric(ratio, "replicas-ratio")
	return nil
}

// clusterStorm measures one storm, of anomalies counted from first, and returns the ratio to what is pulled and acknowledged.
func (t *table) clusterStorm(ctx context.Context, r *race, who string, first, blocks, size int) (ratio float64, err error) {
	r.ours, r.floor = 0, 0
	var raw time.Duration
	for n := range blocks {
		list := r.flood(first+n*size, size)
		if err := r.block(ctx, list); err != nil {
			return 0, err
		}
		for _, m := range list {
			m.Subject, m.Header = "raw", nats.Header{}
		}
		began := time.Now()
		if _, err := r.publish(ctx, list); err != nil {
			return 0, err
		}
		raw += time.Since(began)
	}
	ours, floor, published := perSecond(blocks*size, r.ours), perSecond(blocks*size, r.floor), perSecond(blocks*size, raw)
	what := fmt.Sprintf("storm of %d anomalies taken in by %s, every stream on %d servers", blocks*size, who, clusterServers)
	t.put(row{what: what, ours: rate(ours, "anomalies"), floor: rate(floor, "messages"), ratio: over(ours, floor), goal: "at least 0.5"})
	t.put(row{what: what + ", against publishing", ours: rate(ours, "anomalies"), floor: rate(published, "messages"), ratio: over(ours, published), goal: "at least 0.5"})
	return over(ours, floor), nil
}

// raiseCluster starts the bus as three servers in processes of their own.
func (s *service) raiseCluster(ctx context.Context) error {
	servers, err := bustest.Start(s.dir+"/nats", clusterServers)
	if err != nil {
		return err
	}
	s.onClose(func() error { servers.KillAll(); return nil })
	s.urls = servers.URLs()
	if s.conn, err = s.connect(ctx); err != nil {
		return err
	}
	return led(ctx, s.conn)
}

// led waits until the servers of a cluster have found each other.
func led(ctx context.Context, conn *bus.Conn) error {
	return await(ctx, "the cluster to have a leader", func() bool {
		bounded, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err := conn.JetStream().AccountInfo(bounded)
		return err == nil
	})
}

// clusterStart measures as start does, on three servers. They do not sync what they write: it is only read from.
func (t *table) clusterStart(b *testing.B) {
	records, rounds := startRecords, startRounds
	if testing.Short() {
		records, rounds = 2_000, 1
	}
	for b.Loop() {
		for _, kind := range []struct {
			name  string
			storm int
		}{{"storms of 50 in a commit", 50}, {"one alarm in a commit", 1}} {
			a, err := newClusterArchive(b.Context(), b)
			if err != nil {
				b.Fatal(err)
			}
			if err := t.startFrom(b.Context(), b, a, kind.name+", on a cluster", records, kind.storm, rounds); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func newClusterArchive(ctx context.Context, b *testing.B) (*archive, error) {
	places, err := bustest.Places(scratch(b), clusterServers)
	if err != nil {
		return nil, err
	}
	for n := range places {
		places[n].Unsynced = true
	}
	servers, err := bustest.StartAt(places)
	if err != nil {
		return nil, err
	}
	return archiveOn(ctx, servers.KillAll, servers.URLs()...)
}
