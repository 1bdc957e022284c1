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
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/policy"
)

// campaign is what is to be done.
type campaign struct {
	kills    int
	seed     uint64
	leaders  int           // kills of the ledger's leader whose gaps are measured
	soak     time.Duration // how long a site is left to work whose memory is measured
	fill     int           // anomalies before that
	servers  int
	replicas int
	binary   string // "" to build it
	disks    bool   // servers have disks with a power switch
	skewed   string // one with a clock that can be off; "" to build it
	dir      string // for everything that is written; the caller's to remove
	log      func(format string, args ...any)
}

// roundActs is how many acts one round may take: a link may be drained again when a fault has undone its drain.
const roundActs = 10

// run carries a campaign out on one site after the other, and certifies what came of it. An error says that it could not be
// carried out; that the service failed is in the certificate.
func (c campaign) run(ctx context.Context) (*certificate, error) {
	cert := newCertificate(c.seed)
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
	if cert.Version, err = version(ctx, c.binary); err != nil {
		return nil, err
	}
	for cert.Kills < c.kills && ctx.Err() == nil {
		rng := rand.New(rand.NewPCG(c.seed, uint64(cert.Sites)))
		cert.Sites++
		if err := c.site(ctx, rng, cert); err != nil {
			return cert, fmt.Errorf("site %d: %w", cert.Sites, err)
		}
	}
	if c.leaders > 0 && ctx.Err() == nil {
		if err := c.gaps(ctx, cert); err != nil {
			return cert, fmt.Errorf("kill leaders: %w", err)
		}
	}
	if c.soak > 0 && ctx.Err() == nil {
		if err := c.soaks(ctx, cert); err != nil {
			return cert, fmt.Errorf("soak: %w", err)
		}
	}
	cert.Took = events.Duration(time.Since(cert.Began))
	return cert, ctx.Err()
}

// site hurts one site until the campaign is over, or its ledger has seen as many acts as it may in an hour.
func (c campaign) site(ctx context.Context, rng *rand.Rand, cert *certificate) error {
	dir, err := os.MkdirTemp(c.dir, "site-")
	if err != nil {
		return err
	}
	s, err := raise(ctx, dir, plan{binary: c.binary, servers: c.servers, replicas: c.replicas, disks: c.disks})
	defer s.end()
	if err != nil {
		return err
	}
	a := newAttack(s, c.skewed, rng, cert, c.log)
	defer a.background.Wait()
	acts := 0
	for cert.Kills < c.kills && acts < policy.CeilingActsPerHour-roundActs && len(cert.Violations) == 0 {
		if err := a.round(ctx); err != nil {
			return err
		}
		s.watch.look(func(b *incident.Board) bool { acts = len(b.Admissions()); return true })
		if open := a.open(); len(open) > 0 {
			break // it is judged as it is
		}
	}
	found, e, err := s.account(ctx)
	if err != nil {
		return err
	}
	cert.add(e, found)
	if len(found) == 0 {
		s.end() // what is mounted cannot be removed
		return os.RemoveAll(dir)
	}
	for _, v := range found {
		c.log("VIOLATED: %s: %s", v.Rule, v.Detail)
	}
	c.log("what the replicas said is kept in %s", dir)
	return nil
}

// gaps measures on a site of its own.
func (c campaign) gaps(ctx context.Context, cert *certificate) error {
	dir, err := os.MkdirTemp(c.dir, "site-")
	if err != nil {
		return err
	}
	s, err := raise(ctx, dir, plan{binary: c.binary, servers: c.servers, replicas: c.replicas})
	defer s.end()
	if err != nil {
		return err
	}
	g, err := s.measureGaps(ctx, c.leaders)
	if err != nil {
		return err
	}
	cert.Gaps = &g
	cert.Kills += c.leaders
	cert.Faults["kill the ledger's leader"] += c.leaders
	found, e, err := s.account(ctx)
	if err == nil {
		cert.add(e, found)
	}
	return err
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
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, r := range s.replicas {
		var err error
		if s.watch.wait(ctx, "", func() bool { err = r.ready(ctx); return err == nil }) != nil {
			v.find(ruleSettled, "replica %d is not ready: %v", r.n, err)
			continue
		}
		cmd := exec.CommandContext(ctx, s.binary, "--server", r.now().url, "--token-file", s.path(tokenFile), "ledger", "verify", "-o", "json")
		out, err := cmd.Output()
		if err == nil {
			continue
		}
		var said struct {
			Findings, Unlawful, Differences json.RawMessage
		}
		_ = json.Unmarshal(out, &said) // what cannot be read says nothing
		v.find(ruleRestored, "replica %d: ledger verify: %v: %s %s %s", r.n, err, said.Findings, said.Unlawful, said.Differences)
	}
}

// build makes the binary that is attacked.
func build(ctx context.Context, path string, flags ...string) error {
	args := append([]string{"build", "-o", path}, flags...)
	out, err := exec.CommandContext(ctx, "go", append(args, "github.com/detour-net/detour/cmd/detour")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build the binary: %w\n%s", err, out)
	}
	return nil
}

// version is what the binary says of itself.
func version(ctx context.Context, binary string) (string, error) {
	out, err := exec.CommandContext(ctx, binary, "version").Output()
	if err != nil {
		return "", fmt.Errorf("%s version: %w", binary, err)
	}
	return strings.TrimSpace(string(out)), nil
}
