package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// How a site works while nobody hurts it. Telemetry speaks of what nobody does anything about, each word a record of its own, and
// a link falls sick as often as a network may be acted on in an hour.
const (
	soakSpeakers = 4                // at a pace of loadEvery each
	soakFault    = 75 * time.Second // from one sick link to the next
	soakFill     = 80_000           // anomalies before memory is measured: more than a replica remembers the identities of
	soakBatch    = 250
	soakSample   = time.Second
	soakParts    = 8
	soakGrowth   = 1.25 // of the last part over the third: until then the garbage collector finds its pace
)

// soak is what a site has shown that was left to work.
type soak struct {
	Took   events.Duration `json:"took"`
	Drains int             `json:"drains"`
	Memory [][]int         `json:"memory"` // of each replica, in MiB resident: the median of each eighth of the time
}

// String is what each replica took.
func (s *soak) String() string {
	var list []string
	for n, of := range s.Memory {
		list = append(list, fmt.Sprintf("replica %d %v", n, of))
	}
	return strings.Join(list, ", ")
}

// soaks leaves a site of its own to work, for less than it should when ctx ends: of memory that says nothing then.
func (c campaign) soaks(ctx context.Context, t *tally) error {
	dir, err := os.MkdirTemp(c.dir, "site-")
	if err != nil {
		return err
	}
	s, err := raise(ctx, dir, plan{binary: c.binary, servers: c.servers, replicas: c.replicas})
	defer s.end()
	if err != nil {
		if ctx.Err() != nil {
			return c.soaked(0) // nobody has worked
		}
		return err
	}
	if err := s.fill(ctx, c.fill); err != nil {
		return err
	}
	samples, stop := s.sampled()
	cert := newCertificate()
	cert.Soak, err = s.works(ctx, c.soak, rand.New(rand.NewPCG(t.seed, 0)), c.log)
	stop()
	if err != nil {
		return err
	}
	found, e, err := s.account(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	took := cert.Soak.Took.Std()
	whole := took >= c.soak
	for n := range s.replicas {
		medians := parts(samples[n])
		cert.Soak.Memory = append(cert.Soak.Memory, medians)
		if whole && grown(medians) {
			found.find(ruleFlat, "replica %d: %v MiB", n, medians)
		}
	}
	if cert.Soak.Drains == 0 {
		cert.Soak = nil // there was none
	}
	cert.add(e, found)
	if err := c.count(t, s, cert); err != nil || whole {
		return err
	}
	return c.soaked(took)
}

func (c campaign) soaked(took time.Duration) error {
	return interrupted(fmt.Sprintf("%s of a soak of %s", short(took), c.soak))
}

// fill has the service record so many anomalies about which nothing is to be done, or fewer if ctx ends.
func (s *site) fill(ctx context.Context, n int) error {
	links := s.net.Topology().Links
	for ; n > 0 && ctx.Err() == nil; n -= soakBatch {
		batch := make([]events.Event, min(n, soakBatch))
		for k := range batch {
			batch[k] = over(links[len(links)-1])
		}
		for s.publish(ctx, batch...) != nil && ctx.Err() == nil { // what was stored of it is not stored again
		}
	}
	return s.delivered(context.WithoutCancel(ctx))
}

// works has telemetry speak, and lets one link after another fall sick, be drained and healed, for so long or until ctx ends; what is
// sick by then is healed.
func (s *site) works(ctx context.Context, long time.Duration, rng *rand.Rand, log func(format string, args ...any)) (*soak, error) {
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), long+2*patience)
	defer cancel()
	telling, quiet := context.WithCancel(whole)
	var told sync.WaitGroup
	defer told.Wait()
	defer quiet()
	for range soakSpeakers {
		told.Go(func() { s.tellOfNothing(telling) })
	}
	links := s.net.Topology().Links
	began, drains := time.Now(), 0
	for end := began.Add(long); ctx.Err() == nil && time.Now().Before(end); {
		next := time.NewTimer(min(soakFault, time.Until(end)))
		f, err := s.sicken(links[rng.IntN(len(links)-1)]) // of the last one telemetry speaks all the time
		if err != nil {
			return nil, err
		}
		err = f.passes(whole)
		f.end()
		if err != nil {
			return nil, err
		}
		drains++
		log("soak: %s was drained and is restored, the %d. so far", f.link.Name, drains)
		select {
		case <-next.C:
		case <-ctx.Done():
		}
	}
	return &soak{Took: events.Duration(min(time.Since(began), long)), Drains: drains}, nil
}

// passes waits for a link to be drained, heals it, and waits for the end.
func (f *fault) passes(ctx context.Context) error {
	is := func(phase incident.Phase) error {
		return f.s.watch.wait(ctx, fmt.Sprintf("%s to be %s", f.link.Name, phase), func() bool {
			i, ok := f.s.latest(f.link.Name)
			return ok && i.Epoch > f.epochs && i.Phase == phase
		})
	}
	if err := is(incident.Holding); err != nil {
		return err
	}
	if err := f.heal(); err != nil {
		return err
	}
	return is(incident.Closed)
}

// sampled measures what each replica holds, in MiB, until stop; only then it may be read.
func (s *site) sampled() (samples [][]int, stop func()) {
	samples = make([][]int, len(s.replicas))
	tick, end := time.NewTicker(soakSample), make(chan struct{})
	var sampling sync.WaitGroup
	sampling.Go(func() {
		for {
			for n, r := range s.replicas {
				if mib := resident(r.now().Process.Pid); mib > 0 {
					samples[n] = append(samples[n], mib)
				}
			}
			select {
			case <-tick.C:
			case <-end:
				return
			}
		}
	})
	return samples, func() { tick.Stop(); close(end); sampling.Wait() }
}

// resident is how much memory a process holds, in MiB; 0 where the system does not tell.
func resident(pid int) int {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(raw), "VmRSS:")
	var kib int
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		return 0
	}
	return kib >> 10
}

// parts are the medians of samples in each of soakParts parts of the time, none if there are too few.
func parts(samples []int) (medians []int) {
	if len(samples) < soakParts {
		return nil
	}
	for n := range soakParts {
		part := slices.Sorted(slices.Values(samples[n*len(samples)/soakParts : (n+1)*len(samples)/soakParts]))
		medians = append(medians, part[len(part)/2])
	}
	return medians
}

// grown reports whether more was held at last than can be told from what was held once everything was warm.
func grown(medians []int) bool {
	return len(medians) == soakParts && float64(medians[soakParts-1]) > soakGrowth*float64(medians[2])
}
