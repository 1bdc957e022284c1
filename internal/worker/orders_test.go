package worker_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/ledger/mem"
)

// alive is peers that are heard, by name.
type alive []string

func (a alive) Alive() []string { return a }
func (a alive) Sure() bool      { return true }

// Taking has every replica take in what arrives, for good.
func (a alive) Taking() (bool, <-chan struct{}) { return true, nil }

// LastHeard is now, for those that are heard.
func (a alive) LastHeard(name string) (at time.Time) {
	if slices.Contains(a, name) {
		at = time.Now()
	}
	return at
}

// order has r carry out what a person asks for.
func (s *site) order(r *replica, do incident.Order) events.Commit {
	s.Helper()
	c, err := r.Submit(s.Context(), do)
	if err != nil {
		s.Errorf("order: %v", err)
	}
	synctest.Wait()
	return c
}

// plan is the digest of the plan that a-b-1 asks about.
func (r *replica) plan() (d events.Digest) {
	r.View(func(b *incident.Board) {
		if i, ok := b.Incident("a-b-1"); ok && i.Ask != nil {
			d = i.Ask.Plan
		}
	})
	return d
}

// TestOrders has people order through two replicas; each order stands on the ledger, at the position that is told, when it
// has been carried out.
func TestOrders(t *testing.T) {
	inBubble(t, func(s *site) {
		r, peer := s.start("r1", onApproval), s.start("r2", onApproval)
		s.bus.publish(anomaly("1", events.Firing))
		s.reaches(peer, incident.Asking, time.Second)
		stands := func(c events.Commit, want events.Kind) {
			t.Helper()
			on := s.commits()[c.Position-1]
			if on.Digest != c.Digest || on.Records[0].Body.Kind() != want || c.Records[0].Body.Kind() != want {
				t.Errorf("position %d holds %s, told of %+v", c.Position, on.Records[0].Body.Kind(), c)
			}
		}
		stands(s.order(r, incident.Freeze("device:c", ann, "exercise")), events.KindFrozen)
		stands(s.order(peer, incident.Thaw("device:c", bob)), events.KindThawed)
		window := events.MaintenanceBegun{Window: "w", Scope: "device:c", Until: time.Now().Add(time.Hour), By: ann}
		stands(s.order(r, incident.BeginMaintenance(window)), events.KindMaintenanceBegun)
		stands(s.order(peer, incident.EndMaintenance("w", bob)), events.KindMaintenanceEnded)
		s.changed()
		stands(s.order(peer, incident.Approve("a-b-1", r.plan(), ann)), events.KindApproved)
		s.reaches(r, incident.Holding, 20*time.Second)
		s.changed(drainAB...)
		stands(s.order(r, incident.Undrain("a-b-1", bob, "repaired")), events.KindReleased)
		s.reaches(peer, incident.Closed, time.Minute)
		if end := recorded[events.Closed](s); len(end) != 1 || end[0].Outcome != events.Restored {
			t.Errorf("it ended as %+v", end)
		}
	})
}

// TestOrdersRefused has the worker pass on why an order is not carried out, and record nothing of it.
func TestOrdersRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(r *replica) incident.Order
		want error
	}{
		{"no such incident", func(*replica) incident.Order { return incident.Undrain("x-y-1", ann, "") }, incident.ErrNotFound},
		{"another plan", func(*replica) incident.Order { return incident.Approve("a-b-1", "sha256:0", ann) }, incident.ErrRefused},
		{"not the role", func(r *replica) incident.Order {
			return incident.Approve("a-b-1", r.plan(), events.Person{Name: "eve", Role: []string{"viewer"}})
		}, incident.ErrRefused},
		{"a freeze of what is not there", func(*replica) incident.Order { return incident.Freeze("device:cc", ann, "exercise") }, incident.ErrNotFound},
		{"maintenance of what is not there", func(*replica) incident.Order {
			return incident.BeginMaintenance(events.MaintenanceBegun{Window: "w", Scope: "site:c", Until: time.Now().Add(time.Hour), By: ann})
		}, incident.ErrNotFound},
		{"nothing is frozen", func(*replica) incident.Order { return incident.Thaw(events.Network, ann) }, incident.ErrNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				r := s.start("r1", onApproval)
				s.bus.publish(anomaly("1", events.Firing))
				s.reaches(r, incident.Asking, time.Second)
				before := len(s.commits())
				if _, err := r.Submit(s.Context(), c.do(r)); !errors.Is(err, c.want) {
					t.Errorf("err = %v, want %v", err, c.want)
				}
				if len(s.commits()) != before {
					t.Errorf("the ledger holds %v", s.kinds())
				}
			})
		})
	}
}

// TestRejected has one no be enough.
func TestRejected(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", onApproval)
		s.bus.publish(anomaly("1", events.Firing))
		s.reaches(r, incident.Asking, time.Second)
		s.order(r, incident.Reject("a-b-1", "", bob, "not tonight"))
		s.reaches(r, incident.Closed, time.Second)
		s.changed()
		if end := recorded[events.Closed](s); len(end) != 1 || end[0].Outcome != events.WasRejected {
			t.Errorf("it ended as %+v", end)
		}
	})
}

// TestOrderMeetsFaults has the append of an order go wrong: the person is told that it is done when it stands, once, and the
// replica is ready again although nothing else is to be written.
func TestOrderMeetsFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults []mem.Fault
	}{
		{"it fails", []mem.Fault{mem.Fails}},
		{"it is stored and nobody can tell", []mem.Fault{mem.FailsStored}},
		{"it is not stored and nobody can tell", []mem.Fault{mem.DoubtNot}},
		{"it hangs", []mem.Fault{mem.Blocks}},
		{"in doubt, then it fails", []mem.Fault{mem.DoubtNot, mem.Fails}},
		{"stored in doubt, then it fails", []mem.Fault{mem.FailsStored, mem.Fails}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				r := s.start("r1", autonomous)
				r.Inject(c.faults...)
				s.order(r, incident.Freeze(events.Network, ann, "exercise"))
				if got := recorded[events.Frozen](s); len(got) != 1 {
					t.Errorf("frozen %d times", len(got))
				}
				s.until(10*time.Second, "the ledger to be known to take records again", func() bool { return r.Status().Unwritable == "" })
			})
		})
	}
}

// TestOrderLeftInDoubt has a replica stop acting, for good or for a while, when nobody can tell whether an order was recorded. Nobody
// is told that it was not: it may stand already, or will once the replica acts again.
func TestOrderLeftInDoubt(t *testing.T) {
	for name, fault := range map[string]mem.Fault{"it is stored": mem.FailsStored, "it is not stored": mem.DoubtNot} {
		for how, stops := range map[string]func(r *replica){"ends": func(r *replica) { r.stop() }, "is suspended": func(r *replica) { r.Suspend("its clock is off") }} {
			t.Run(name+", and the replica "+how, func(t *testing.T) {
				inBubble(t, func(s *site) {
					r := s.start("r1", autonomous)
					hear := r.deafen()
					r.Inject(fault)
					freeze := s.give(r, time.Minute, incident.Freeze(events.Network, ann, "exercise"))
					r.cut()
					stops(r)
					s.until(time.Minute, "an answer", freeze.answered)
					if err := *freeze.came.Load(); !errors.Is(err, incident.ErrUnsure) || errors.Is(err, incident.ErrAside) {
						t.Errorf("whoever ordered it is told %v", err)
					}
					r.mend()
					hear()
					r.Suspend("")
					s.pass(10 * time.Second)
					if n := len(recorded[events.Frozen](s)); n != 1 && (fault == mem.FailsStored || how != "ends") {
						t.Errorf("it is recorded %d times", n)
					}
				})
			})
		}
	}
}

// TestOrderOvertaken decides an order anew on what came first.
func TestOrderOvertaken(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		r.overtake(func() { s.other(events.Frozen{Scope: events.Network, By: bob, Reason: "storm"}) })
		if _, err := r.Submit(s.Context(), incident.Freeze(events.Network, ann, "exercise")); !errors.Is(err, incident.ErrRefused) || !strings.Contains(err.Error(), "bob: storm") {
			t.Errorf("err = %v", err)
		}
	})
}

// TestOrderOvertakenWhileUnwritable has an append fail, and another replica's come first meanwhile, so that nothing is left to
// write: the replica is ready again once the ledger answers, and not before.
func TestOrderOvertakenWhileUnwritable(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		r.overtake(func() {
			r.cut()
			s.other(events.Frozen{Scope: events.Network, By: bob, Reason: "storm"})
		})
		var refused error
		go func() { _, refused = r.Submit(s.Context(), incident.Freeze(events.Network, ann, "exercise")) }()
		s.pass(time.Minute)
		if r.Status().Unwritable == "" || refused != nil {
			t.Errorf("while the ledger is away: unwritable %q, the order was answered with %v", r.Status().Unwritable, refused)
		}
		r.mend()
		s.until(10*time.Second, "the ledger to be known to take records again", func() bool { return r.Status().Unwritable == "" })
		if !errors.Is(refused, incident.ErrRefused) {
			t.Errorf("the order was answered with %v", refused)
		}
	})
}

// TestSubmitEnds has a person not wait for ever: not for a ledger that is away, nor for a replica that has ended.
func TestSubmitEnds(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		r.cut()
		patience, cancel := context.WithTimeout(s.Context(), 5*time.Second)
		defer cancel()
		if _, err := r.Submit(patience, incident.Freeze(events.Network, ann, "")); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "may yet be written") {
			t.Errorf("while the ledger is away: %v", err)
		}
		r.stop()
		if _, err := r.Submit(s.Context(), incident.Freeze(events.Network, ann, "")); !errors.Is(err, incident.ErrAside) || !strings.Contains(err.Error(), "ending") {
			t.Errorf("once it has ended: %v", err)
		}
	})
}

// TestProve records what a canary showed, and tells every replica's routers of it.
func TestProve(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		other := newNetwork()
		s.start("r2", autonomous, withRouters(other))
		s.routers.errors["b"] = errSevered
		proved, err := r.Prove(s.Context(), "a", ann)
		if err != nil {
			t.Fatal(err)
		}
		s.until(time.Second, "both know", func() bool { return len(s.routers.known()) == 1 && len(other.known()) == 1 })
		if diff := cmp.Diff([]events.Proved{proved}, recorded[events.Proved](s), cmpopts.EquateComparable(events.Value{})); diff != "" {
			t.Errorf("proofs on record (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(other.known(), []events.Proved{proved}, cmpopts.EquateComparable(events.Value{})); diff != "" {
			t.Errorf("the other replica's routers (-got +want):\n%s", diff)
		}
		if _, err := r.Prove(s.Context(), "b", ann); !errors.Is(err, errSevered) || len(recorded[events.Proved](s)) != 1 {
			t.Errorf("a canary that failed: %v", err)
		}
	})
}
