package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/policy"
)

// campaign is what is to be done.
type campaign struct {
	kills    int
	seed     *uint64       // nil: the next one
	sites    int           // that are hurt at the same time
	leaders  int           // kills of the ledger's leader whose gaps are measured
	soak     time.Duration // how long a site is left to work whose memory is measured
	fill     int           // anomalies before that
	servers  int
	replicas int
	binary   string // "" to build it
	disks    bool   // servers have disks with a power switch
	skewed   string // one with a clock that can be off; "" to build it
	file     string // where the certificate is kept, with what earlier runs have added to it; "": nowhere
	mixed    bool   // those may have been of another build
	dir      string // for everything else that is written; the caller's to remove
	log      func(format string, args ...any)
}

// roundActs is how many acts one round may take: a link may be drained again when a fault has undone its drain.
const roundActs = 10

// interrupted is how far a campaign came that was told to end.
type interrupted string

func (i interrupted) Error() string { return "interrupted after " + string(i) }

// run carries a campaign out on site after site, several at the same time, and certifies what came of it. When ctx ends nobody is
// hurt any more: sites come to their end, are judged, and count, and the error is interrupted if that was too soon. Any other says that
// the campaign could not be carried out; that the service failed is in the certificate.
func (c campaign) run(ctx context.Context) (*certificate, error) {
	if c.sites < 1 {
		return nil, fmt.Errorf("hurt %d sites at the same time: want at least 1", c.sites)
	}
	var err error
	if c.binary == "" {
		c.binary = filepath.Join(c.dir, "ordinary")
		if err := build(ctx, c.binary); err != nil {
			return nil, err
		}
	}
	if c.skewed == "" {
		if c.skewed, err = skewed.build(ctx, c.dir); err != nil {
			return nil, err
		}
	}
	of, err := identify(ctx, c.binary)
	if err != nil {
		return nil, err
	}
	t, err := newTally(c.file, c.seed, of, c.mixed)
	if err != nil {
		return nil, err
	}
	if err := c.hurt(ctx, t); err != nil {
		return t.cert, err
	}
	if ctx.Err() != nil && t.wants(c.kills) {
		return t.cert, interrupted(fmt.Sprintf("%d of %d kills", t.cert.Kills, c.kills))
	}
	if c.leaders > 0 {
		if err := c.gaps(ctx, t); err != nil {
			return t.cert, fmt.Errorf("kill leaders: %w", err)
		}
	}
	if c.soak > 0 {
		if err := c.soaks(ctx, t); err != nil {
			return t.cert, fmt.Errorf("soak: %w", err)
		}
	}
	return t.cert, nil
}

// hurt raises sites and hurts them, so many at the same time, until there were kills enough or ctx ends. The chance of each comes from the
// seed and its number.
func (c campaign) hurt(ctx context.Context, t *tally) error {
	var numbers atomic.Uint64
	var beside ports
	abreast, ctx := errgroup.WithContext(ctx)
	for range c.sites {
		abreast.Go(func() error {
			for ctx.Err() == nil && t.wants(c.kills) {
				number := numbers.Add(1)
				if err := c.site(ctx, rand.New(rand.NewPCG(t.seed, number-1)), &beside, t); err != nil {
					return fmt.Errorf("site %d: %w", number, err)
				}
			}
			return nil
		})
	}
	return abreast.Wait()
}

// site hurts one site until the campaign is over, or its ledger has seen as many acts as it may in an hour, and judges it.
func (c campaign) site(ctx context.Context, rng *rand.Rand, beside *ports, t *tally) error {
	dir, err := os.MkdirTemp(c.dir, "site-")
	if err != nil {
		return err
	}
	s, err := raise(ctx, dir, plan{binary: c.binary, servers: c.servers, replicas: c.replicas, disks: c.disks, beside: beside})
	defer s.end()
	if err != nil {
		if ctx.Err() != nil {
			return nil // nobody was hurt
		}
		return err
	}
	a := newAttack(s, c.skewed, rng, t.killed, c.log)
	defer a.background.Wait()
	acts := 0
	for ctx.Err() == nil && t.wants(c.kills) && acts < policy.CeilingActsPerHour-roundActs && len(a.neglected) == 0 {
		if err := a.round(ctx); err != nil {
			return err
		}
		s.watch.look(func(b *incident.Board) bool { acts = len(b.Admissions()); return true })
		if open := a.open(); len(open) > 0 {
			break // it is judged as it is
		}
	}
	found, e, err := s.account(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	found = append(found, a.neglected...)
	a.cert.add(e, found)
	return c.count(t, s, a.cert)
}

// count adds what a site that was judged has shown to the certificate. What must not be is said at once, and can be looked at
// afterwards.
func (c campaign) count(t *tally, s *site, cert *certificate) error {
	if err := t.add(cert); err != nil {
		return err
	}
	if len(cert.Violations) == 0 {
		s.end() // what is mounted cannot be removed
		return os.RemoveAll(s.dir)
	}
	for _, v := range cert.Violations {
		c.log("VIOLATED: %s: %s", v.Rule, v.Detail)
	}
	c.log("what the replicas said is kept in %s", s.dir)
	return nil
}

// gaps measures on a site of its own.
func (c campaign) gaps(ctx context.Context, t *tally) error {
	dir, err := os.MkdirTemp(c.dir, "site-")
	if err != nil {
		return err
	}
	s, err := raise(ctx, dir, plan{binary: c.binary, servers: c.servers, replicas: c.replicas})
	defer s.end()
	if err != nil {
		if ctx.Err() != nil {
			return c.leadersKilled(0)
		}
		return err
	}
	g, err := s.measureGaps(ctx, c.leaders, c.log)
	if err != nil {
		return err
	}
	found, e, err := s.account(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	cert, kills := newCertificate(), len(g.Writes)
	if kills > 0 {
		cert.Gaps, cert.Kills, cert.Faults[killLeader] = &g, kills, kills
	}
	for range kills {
		t.killed()
	}
	cert.add(e, found)
	if err := c.count(t, s, cert); err != nil || kills == c.leaders {
		return err
	}
	return c.leadersKilled(kills)
}

func (c campaign) leadersKilled(n int) error {
	return interrupted(fmt.Sprintf("%d of %d kills of a leader", n, c.leaders))
}

// account is what must hold when everything has ended: the evidence from outside, and what the replicas say themselves.
func (s *site) account(ctx context.Context) (verdict, evidence, error) {
	if err := s.delivered(ctx); err != nil {
		return nil, evidence{}, err
	}
	e, err := s.evidence()
	if err != nil {
		return nil, e, err
	}
	v := e.judge()
	for _, r := range s.net.Routers() {
		if id, waits := r.Unconfirmed(); waits {
			v.find(ruleRestored, "commit %s still waits on %s to be confirmed", id, r.Name())
		}
	}
	s.askReplicas(ctx, &v)
	return v, e, nil
}

// delivered waits until the bus has nothing left to deliver to the replicas, nor waits for an acknowledgement, and the harness has
// read what the ledger holds by then.
func (s *site) delivered(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := s.watch.wait(ctx, "every anomaly to be delivered", func() bool {
		c, err := s.consumer(ctx)
		return err == nil && c.NumPending == 0 && c.NumAckPending == 0
	})
	if err != nil {
		return err
	}
	last, err := s.ledger.LastPosition(ctx)
	if err != nil {
		return err
	}
	return s.watch.until(ctx, "the ledger to be read to its end", func(b *incident.Board) bool { return b.Position >= last })
}

// consumer is how the one stands that replicas share.
func (s *site) consumer(ctx context.Context) (*jetstream.ConsumerInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	stream, err := s.conn.JetStream().Stream(ctx, events.StreamAnomalies)
	if err != nil {
		return nil, err
	}
	for c := range stream.ListConsumers(ctx).Info() {
		return c, nil
	}
	return nil, fmt.Errorf("there is no consumer")
}

// askReplicas has each replica verify the ledger, and compare routers with it.
func (s *site) askReplicas(ctx context.Context, v *verdict) {
	for _, r := range s.replicas {
		s.askReplica(ctx, r, v)
	}
}

func (s *site) askReplica(ctx context.Context, r *replica, v *verdict) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var err error
	if s.watch.wait(ctx, "", func() bool { err = r.ready(ctx); return err == nil }) != nil {
		v.find(ruleSettled, "replica %d is not ready: %v", r.n, err)
		return
	}
	cmd := exec.CommandContext(ctx, s.binary, "--server", r.now().url, "--token-file", s.path(tokenFile), "ledger", "verify", "-o", "json")
	cmd.SysProcAttr = apart()
	out, err := cmd.Output()
	if err == nil {
		return
	}
	var said struct {
		Findings, Unlawful, Differences json.RawMessage
	}
	_ = json.Unmarshal(out, &said) // what cannot be read says nothing
	v.find(ruleRestored, "replica %d: ledger verify: %v: %s %s %s", r.n, err, said.Findings, said.Unlawful, said.Differences)
}

// build makes the binary that is attacked, which is the same one whenever the product's source is: neither where it was built nor which
// commit that was is in it.
func build(ctx context.Context, path string, flags ...string) error {
	args := append([]string{"build", "-trimpath", "-buildvcs=false", "-o", path}, flags...)
	out, err := exec.CommandContext(ctx, "go", append(args, "github.com/detour-net/detour/cmd/detour")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build the binary: %w\n%s", err, out)
	}
	return nil
}

// identify says what build a binary is.
func identify(ctx context.Context, binary string) (product, error) {
	out, err := exec.CommandContext(ctx, binary, "version").Output()
	if err != nil {
		return product{}, fmt.Errorf("%s version: %w", binary, err)
	}
	sum, err := digest(binary)
	return product{Version: strings.TrimSpace(string(out)), Digest: sum}, err
}
