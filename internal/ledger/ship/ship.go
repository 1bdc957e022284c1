// Package ship sends checkpoints of the ledger out of the cluster, to where whoever can write to all of its copies cannot: a
// file on another machine's disk, an object store, a stream of another NATS account.
//
// Every replica does so by itself, on its own schedule: the tree follows from the records, and so does the signed note, so
// what two replicas send is the same, and each target takes the same note twice as once. The tree grows as the replica folds
// the ledger and costs a hash a commit; nothing is read a second time, and no record is written.
//
// Each target has a loop of its own, and none can hold up the others, the fold, or any act. What could not be sent is not
// queued: a later checkpoint covers all that an earlier one did, so the newest is what is tried next, ever more seldom, until
// it is taken. How long a target has been behind is a metric, and part of what a replica says of its readiness; a replica that
// can ship nothing acts as before.
//
// A disk that hangs heeds no context. So what is put has so much time and is then left to itself, which is a failure like any other;
// nothing else is put to that target before it has ended, and nothing waits for it, the end of the process included.
//
// A target that can be read is asked at the start for the newest checkpoint that it holds. A ledger that does not contain it
// has been rolled back or written anew, and that is said, as it is that the target cannot be read.
package ship

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/ledger/checkpoint"
)

// Note is one signed checkpoint.
type Note struct {
	checkpoint.Checkpoint
	Text []byte
}

// ID is the same for the same note.
func (n Note) ID() string {
	return fmt.Sprintf("%020d-%x", n.Size, n.Root[:8])
}

// Target takes notes. What it has taken it keeps; the same note may be put again.
type Target interface {
	Put(ctx context.Context, n Note) error
}

// Reader is a target that can be asked for the notes that it holds, the newest at least, in any order.
type Reader interface {
	Notes() ([]byte, error)
}

// Config is what a Shipper is made of.
type Config struct {
	Domain  string
	Signer  *checkpoint.Signer
	Trusted *checkpoint.Keys // that verify what was shipped before
	Every   time.Duration    // between two notes to one target
	Targets map[string]Target
	Ready   func() bool // whether what was taken reaches the ledger's end
	Now     func() time.Time
	Log     *zap.Logger
	Metrics *Metrics // nil: none
}

// Bounds of shipping.
const (
	putWithin  = 30 * time.Second
	readWithin = 10 * time.Second // of what was shipped before: a replica starts without it then
	grace      = time.Second      // for whoever heeds that its time is over to say why
	lookEvery  = time.Second
	retryFirst = time.Second
	retryMost  = 2 * time.Minute
)

// Shipper makes checkpoints of what is taken, and ships them. Its methods may be called concurrently.
type Shipper struct {
	Config

	mu     sync.Mutex
	edge   checkpoint.Edge
	last   events.Commit
	behind map[string]failure    // by target: what is wrong with it
	before checkpoint.Checkpoint // the newest that was shipped in an earlier life, which the ledger must come to; Size 0: none
	alarm  string                // why the ledger is not what was shipped
	unread error                 // why nobody knows whether it is
}

// failure is what keeps a target from what is due.
type failure struct {
	since time.Time
	why   error
}

// New returns a shipper of an empty ledger. What was shipped before and cannot be read is said as long as it lives (Late), and keeps
// nobody from acting.
func New(c Config) *Shipper {
	s := &Shipper{Config: c, behind: map[string]failure{}}
	for name, target := range c.Targets {
		reader, ok := target.(Reader)
		if !ok {
			continue
		}
		file, err := notes(reader)
		if err != nil {
			s.unread = fmt.Errorf("what was shipped to %s before cannot be read, so a ledger that was rolled back would not be noticed; put that right and restart: %w", name, err)
			s.Log.Error("read the checkpoints that were shipped before", zap.String("target", name), zap.Error(err))
		}
		for _, o := range c.Trusted.Open(checkpoint.Split(file)) {
			if o.Fault == "" && o.Checkpoint.Size > s.before.Size {
				s.before = o.Checkpoint
			}
		}
	}
	return s
}

// Take adds the next commit of the ledger. Those that were taken before are left out.
func (s *Shipper) Take(c events.Commit) {
	leaf := checkpoint.Leaf(events.LedgerSubject(s.Domain, c.Incident()), c.Digest)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Position != s.edge.Size()+1 {
		return
	}
	s.edge.Append(leaf)
	s.last = events.Commit{Position: c.Position, At: c.At, Digest: c.Digest}
	if s.before.Size == c.Position && s.before.Root != s.edge.Root() {
		s.raise(fmt.Sprintf("the ledger up to position %d is not the one of which a checkpoint was shipped: it was rolled back or rewritten; run detour ledger verify with the checkpoints", c.Position))
	}
}

// raise says, once, that the ledger is not what was shipped. The caller holds mu.
func (s *Shipper) raise(why string) {
	if s.alarm == "" {
		s.Log.Error("the ledger contradicts a checkpoint", zap.String("why", why))
	}
	s.alarm = why
	s.Metrics.contradicted()
}

// Run ships until ctx ends.
func (s *Shipper) Run(ctx context.Context) error {
	var loops sync.WaitGroup
	for name, target := range s.Targets {
		loops.Go(func() { s.serve(ctx, name, target) })
	}
	loops.Wait()
	return nil
}

// serve keeps one target up to date.
func (s *Shipper) serve(ctx context.Context, name string, target Target) {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = retryFirst, retryMost
	var shipped uint64
	var due time.Time // nothing is sent before
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	puts := puts{target: target}
	for {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
		now := s.Now()
		s.tell(name, now)
		if now.Before(due) {
			continue
		}
		n, err := s.note(shipped)
		if n == nil && err == nil {
			continue
		}
		if err == nil {
			err = puts.put(ctx, *n)
		}
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			wait := pause.NextBackOff()
			due = now.Add(wait)
			s.failed(name, now, err, wait)
			continue
		}
		shipped, due = n.Size, now.Add(s.Every)
		pause.Reset()
		s.done(name, *n)
	}
}

// note is the checkpoint of the ledger as it stands, nil if it has not grown beyond size or is still being read.
func (s *Shipper) note(size uint64) (*Note, error) {
	if !s.Ready() {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.edge.Size() < s.before.Size {
		s.raise(fmt.Sprintf("the ledger ends at position %d, and a checkpoint of %d records was shipped: it was rolled back, or restored from an older backup", s.edge.Size(), s.before.Size))
	}
	if s.edge.Size() <= size {
		return nil, nil
	}
	c := checkpoint.At(s.Domain, &s.edge, s.last)
	text, err := s.Signer.Sign(c)
	return &Note{Checkpoint: c, Text: text}, err
}

func (s *Shipper) failed(name string, now time.Time, err error, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, known := s.behind[name]
	if !known {
		f.since = now
	}
	f.why = err
	s.behind[name] = f
	s.Metrics.failed(name)
	s.Metrics.late(name, s.Now().Sub(f.since))
	s.Log.Warn("ship a checkpoint; it is tried again", zap.String("target", name), zap.Duration("after", wait), zap.Error(err))
}

// tell keeps the metric of a target that is behind growing between two tries.
func (s *Shipper) tell(name string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, is := s.behind[name]; is {
		s.Metrics.late(name, now.Sub(f.since))
	}
}

func (s *Shipper) done(name string, n Note) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.behind, name)
	s.Metrics.shipped(name, n.Size)
	s.Log.Info("a checkpoint was shipped", zap.String("target", name), zap.Uint64("position", n.Size), zap.Stringer("root", n.Root))
}

// Shipped is the Late of a shipper that is behind with nothing.
const Shipped = "shipped"

// Late says what is wrong with shipping, Shipped if nothing is.
func (s *Shipper) Late() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	if s.alarm != "" {
		errs = append(errs, errors.New(s.alarm))
	}
	if s.unread != nil {
		errs = append(errs, s.unread)
	}
	for name, f := range s.behind {
		errs = append(errs, fmt.Errorf("to %s none was shipped since %s: %w", name, f.since.UTC().Format(time.RFC3339), f.why))
	}
	if len(errs) == 0 {
		return Shipped
	}
	return strings.ReplaceAll(errors.Join(errs...).Error(), "\n", "; ")
}
