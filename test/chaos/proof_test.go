package main

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/client"
)

// The harness is proven: of two scenarios that are each made for one defect, the service as it is violates no rule, and the
// service with that defect is found out.

// violates wants exactly these rules to be violated when all has ended.
func (s *site) violates(t *testing.T, want ...string) {
	t.Helper()
	found, _, err := s.account(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, v := range found {
		t.Logf("%s: %s", v.Rule, v.Detail)
		rules = append(rules, v.Rule)
	}
	slices.Sort(rules)
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Compact(rules)); diff != "" {
		t.Errorf("rules that are violated (-want +got):\n%s", diff)
	}
}

// TestAckFirst lets anomalies arrive that no replica can record, since the ledger takes nothing, and kills all replicas. What
// was not recorded is delivered again to those that come after them; unless somebody has acknowledged it.
func TestAckFirst(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		binary  func(t *testing.T) string
		unacked int // anomalies, when they are with replicas and not recorded
		want    []string
	}{
		{"as it is", func(*testing.T) string { return "" }, 5, nil},
		{"acknowledged before it is recorded", ackFirst.must, 0, []string{ruleRecorded}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := raised(t, plan{servers: 1, replicas: 2, binary: c.binary(t)})
			s.limitLedger(t, 1)
			for _, l := range s.net.Topology().Links[:5] {
				e := firing(l)
				e.Data.State = events.Resolved
				if err := s.publish(patient(t), e); err != nil {
					t.Fatal(err)
				}
			}
			s.handedOut(t, 5, c.unacked)
			for _, r := range s.replicas {
				r.kill()
			}
			s.limitLedger(t, -1)
			for _, r := range s.replicas {
				if err := r.start(); err != nil {
					t.Fatal(err)
				}
			}
			s.violates(t, c.want...)
		})
	}
}

// limitLedger lets the ledger's stream hold so many messages, or any number: one that is full refuses what is new.
func (s *site) limitLedger(t *testing.T, most int64) {
	t.Helper()
	js := s.conn.JetStream()
	stream, err := js.Stream(patient(t), events.StreamLedger)
	if err != nil {
		t.Fatal(err)
	}
	c := stream.CachedInfo().Config
	c.MaxMsgs = most
	if _, err := js.UpdateStream(patient(t), c); err != nil {
		t.Fatal(err)
	}
}

// handedOut waits until n anomalies are with replicas, so many of them not acknowledged.
func (s *site) handedOut(t *testing.T, n uint64, unacked int) {
	t.Helper()
	err := s.watch.wait(patient(t), "the anomalies to be delivered", func() bool {
		c, err := s.consumer(t.Context())
		return err == nil && c.NumPending == 0 && c.Delivered.Consumer >= n && c.NumAckPending == unacked
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestUnfenced has a Set arrive, be given up, looked up as not done, and be committed by its router long after its deadline.
// A router that has been raised to a newer election id refuses it then.
func TestUnfenced(t *testing.T) {
	t.Parallel()
	options := func(string) backbone.Options {
		o := backbone.DefaultOptions()
		o.CommitConfirmed = false
		return o
	}
	for _, c := range []struct {
		name   string
		binary func(t *testing.T) string
		want   []string
	}{
		{"as it is", func(*testing.T) string { return "" }, nil},
		{"looked at without raising the fence", unfenced.must, []string{ruleIntent, ruleRestored}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := raised(t, plan{servers: 1, replicas: 2, binary: c.binary(t), options: options})
			l := s.net.Topology().Links[0]
			late := s.net.Router(l.A.Device).OnSet(backbone.First(1, backbone.Do), backbone.CommitLate(0))
			if err := s.net.SetLoss(l.Name, sickness); err != nil {
				t.Fatal(err)
			}
			if err := s.publish(patient(t), firing(l)); err != nil {
				t.Fatal(err)
			}
			if err := s.watch.wait(patient(t), "a Set to be held up", func() bool { return late.Hits() == 1 }); err != nil {
				t.Fatal(err)
			}
			i, _ := s.latest(l.Name)
			err := s.replicas[0].call(patient(t), func(ctx context.Context, cl *client.Client) error {
				_, err := cl.Abort(ctx, i.ID, "so that nothing is tried again", false)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			err = s.watch.wait(patient(t), "the incident to end", func() bool {
				i, ok := s.latest(l.Name)
				return ok && i.Phase == incident.Closed
			})
			if err != nil {
				t.Fatal(err, s.open())
			}
			i, _ = s.latest(l.Name)
			tooLate := i.Intent.Deadline.Add(i.Intent.Margin.Std())
			if err := s.watch.wait(patient(t), "its deadline and margin to be over", func() bool { return time.Now().After(tooLate) }); err != nil {
				t.Fatal(err)
			}
			before := s.asked()
			late.Release()
			if err := s.watch.wait(patient(t), "the late Set to be decided", func() bool { return s.asked() > before }); err != nil {
				t.Fatal(err)
			}
			s.violates(t, c.want...)
		})
	}
}
