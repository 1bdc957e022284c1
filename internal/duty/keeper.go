package duty

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// Source is where a roster stands.
type Source struct {
	Name  string        // for the log, metrics and people; it shows no secret
	Every time.Duration // how often it is read
	Read  func(ctx context.Context) ([]byte, error)
	Parse func(raw []byte, now time.Time) (Roster, error)
}

// Bounds of reading.
const (
	readWithin = 15 * time.Second
	parseAfter = time.Hour // a roster that was read so long ago is parsed anew, though its source says the same: it may look ahead only so far
)

// Keeper keeps what sources say.
type Keeper struct {
	log     *zap.Logger
	now     func() time.Time
	sources []*kept
}

// kept is what a source said last that was good.
type kept struct {
	Source

	mu     sync.Mutex
	roster Roster // nil: none was good so far
	read   time.Time
	err    error // why what is there now is not

	// Of the reader alone:
	raw    []byte
	parsed time.Time
}

// NewKeeper returns a keeper of sources, in the order in which those on call there are called. It has read nothing yet.
func NewKeeper(sources []Source, now func() time.Time, log *zap.Logger, metrics prometheus.Registerer) *Keeper {
	k := &Keeper{log: log, now: now}
	for _, s := range sources {
		one := &kept{Source: s}
		k.sources = append(k.sources, one)
		metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "detour_on_call_age_seconds", Help: "How long ago a source of who is on call was last read and found good; +Inf for never.", ConstLabels: prometheus.Labels{"source": s.Name},
		}, func() float64 { return one.age(now()) }))
	}
	return k
}

// Run reads every source until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	var readers sync.WaitGroup
	defer readers.Wait()
	for _, s := range k.sources {
		readers.Go(func() {
			k.refresh(ctx, s)
			tick := time.NewTicker(s.Every)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					k.refresh(ctx, s)
				}
			}
		})
	}
	return nil
}

// refresh reads a source. What is new is said once.
func (k *Keeper) refresh(ctx context.Context, s *kept) {
	within, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	roster, err := s.look(within, k.now())
	if ctx.Err() != nil {
		return // it says nothing about the source
	}
	s.mu.Lock()
	was, first := s.err, s.roster == nil
	s.err = err
	if err == nil {
		s.roster, s.read = roster, k.now()
	}
	s.mu.Unlock()
	switch {
	case err == nil && (was != nil || first):
		k.log.Info("who is on call was read", zap.String("source", s.Name), zap.Strings("now", roster.OnCall(k.now())))
	case err != nil && (was == nil || was.Error() != err.Error()):
		k.log.Error("who is on call cannot be read; what was read last stays in force", zap.String("source", s.Name), zap.Bool("ever_read", !first), zap.Error(err))
	}
}

// look reads and parses.
func (s *kept) look(ctx context.Context, now time.Time) (Roster, error) {
	raw, err := s.Read(ctx)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	s.mu.Lock()
	good := s.roster
	settled := s.err == nil && good != nil && bytes.Equal(raw, s.raw) && now.Sub(s.parsed) < parseAfter
	s.mu.Unlock()
	if settled {
		return good, nil
	}
	roster, err := s.Parse(raw, now)
	if err != nil {
		return nil, err
	}
	s.raw, s.parsed = bytes.Clone(raw), now
	return roster, nil
}

func (s *kept) age(now time.Time) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.roster == nil {
		return math.Inf(1)
	}
	return now.Sub(s.read).Seconds()
}

// OnCall is who is on call at a moment, by all sources one after the other, each person once.
func (k *Keeper) OnCall(at time.Time) (names []string) {
	if k == nil {
		return nil
	}
	for _, s := range k.sources {
		s.mu.Lock()
		if s.roster != nil {
			names = slices.Concat(names, s.roster.OnCall(at))
		}
		s.mu.Unlock()
	}
	return once(names)
}

// Trouble says which sources cannot be read now, and since when; "" for none.
func (k *Keeper) Trouble() string {
	if k == nil {
		return ""
	}
	var list []string
	for _, s := range k.sources {
		s.mu.Lock()
		switch {
		case s.err == nil:
		case s.roster == nil:
			list = append(list, s.Name+" could not be read so far")
		default:
			list = append(list, fmt.Sprintf("%s was last read at %s", s.Name, s.read.UTC().Format("15:04:05 UTC on 2 Jan")))
		}
		s.mu.Unlock()
	}
	return strings.Join(list, "; ")
}
