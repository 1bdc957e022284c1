package worker_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/ledger/mem"
	"github.com/detour-net/detour/internal/worker"
	"github.com/detour-net/detour/policy"
)

// another is a policy that differs from autonomous in nothing that a test sees.
const another = autonomous + "clocks: {cool_down: 9m}\n"

func (s *site) parse(rules string) *policy.Policy {
	s.Helper()
	p, err := policy.Parse("policy.yaml", []byte(rules))
	if err != nil {
		s.Fatal(err)
	}
	return p
}

// saved has r find a policy in its file.
func (s *site) saved(r *replica, rules string) *policy.Policy {
	s.Helper()
	p := s.parse(rules)
	s.offer(r, worker.Offer{Policy: p, Source: "policy.yaml"})
	return p
}

// spoilt has r find something else there.
func (s *site) spoilt(r *replica, content, why string) {
	s.Helper()
	s.offer(r, worker.Offer{Source: "policy.yaml", Bytes: events.DigestBytes([]byte(content)), Err: errors.New(why)})
}

func (s *site) offer(r *replica, o worker.Offer) {
	s.Helper()
	if err := r.Offer(s.Context(), o); err != nil {
		s.Error(err)
	}
	synctest.Wait()
}

// ruledBy wants every ruling to be by the policy that the ledger said before it.
func (s *site) ruledBy(names map[string]*policy.Policy) {
	s.Helper()
	said := map[string]events.Digest{}
	for _, c := range s.commits() {
		for _, r := range c.Records {
			switch b := r.Body.(type) {
			case events.PolicyLoaded:
				said[c.By] = b.Digest
			case events.Ruled:
				if said[c.By] != b.Policy {
					s.Errorf("position %d: %s ruled by %s, and the ledger says that it decides by %s", c.Position, c.By, b.Policy.Short(), said[c.By].Short())
				}
			}
		}
	}
	for name, p := range names {
		if !slices.ContainsFunc(recorded[events.Ruled](s), func(r events.Ruled) bool { return r.Policy == p.Digest() }) {
			s.Errorf("nothing was ruled by the %s policy", name)
		}
	}
}

// TestNewPolicy has people be asked, and then a policy that asks nobody: it stands on the ledger before it decides.
func TestNewPolicy(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", onApproval)
		s.bus.publish(anomaly("1", events.Firing))
		s.reaches(r, incident.Asking, 10*time.Second)
		if got := r.Status(); got.Policy != s.parse(onApproval).Digest() || got.PolicyFrom != "policy.yaml" {
			t.Errorf("it says that it decides by %s from %s", got.Policy, got.PolicyFrom)
		}
		p := s.saved(r, autonomous)
		if r.Status().Policy != p.Digest() || r.PolicyInForce() != p {
			t.Error("the new policy is not in force")
		}
		s.reaches(r, incident.Holding, 20*time.Second)
		s.ruledBy(map[string]*policy.Policy{"old": s.parse(onApproval), "new": p})
		s.changed(drainAB...)
		s.saved(r, autonomous+"# said otherwise\n")
		loaded := recorded[events.PolicyLoaded](s)
		want := []events.PolicyLoaded{
			{Digest: s.parse(onApproval).Digest(), Mode: events.Live, Source: "policy.yaml"}, {Digest: p.Digest(), Mode: events.Live, Source: "policy.yaml"},
		}
		if diff := cmp.Diff(want, loaded); diff != "" {
			t.Errorf("policies on the ledger (-want +got):\n%s", diff)
		}
	})
}

// TestNewPolicyMeetsFaults has the append of the record go wrong: the policy is in force when it stands, and it stands once.
func TestNewPolicyMeetsFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults []mem.Fault
	}{
		{"it fails", []mem.Fault{mem.Fails, mem.Fails}},
		{"it is stored and nobody can tell", []mem.Fault{mem.FailsStored}},
		{"it is not stored and nobody can tell", []mem.Fault{mem.DoubtNot}},
		{"it hangs", []mem.Fault{mem.Blocks}},
		{"stored in doubt, then it fails", []mem.Fault{mem.FailsStored, mem.Fails}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				r := s.start("r1", onApproval)
				r.overtake(func() { s.other(events.Thawed{Scope: "device:x", By: ann}) })
				r.Inject(c.faults...)
				p := s.saved(r, autonomous)
				s.until(20*time.Second, "it is in force", func() bool { return r.PolicyInForce() == p })
				s.bus.publish(anomaly("1", events.Firing))
				s.reaches(r, incident.Holding, 20*time.Second)
				s.ruledBy(map[string]*policy.Policy{"new": p})
				if got := recorded[events.PolicyLoaded](s); len(got) != 2 {
					t.Errorf("it was recorded %d times", len(got)-1)
				}
			})
		})
	}
}

// TestNoRecordNoPolicy saves two policies while the ledger takes nothing: neither is in force, and when it takes records
// again the one that was saved last is, and the other never was.
func TestNoRecordNoPolicy(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", onApproval)
		first := r.PolicyInForce()
		r.refuse(true)
		s.saved(r, another)
		s.pass(5 * time.Second)
		last := s.saved(r, autonomous)
		s.pass(5 * time.Second)
		if r.PolicyInForce() != first || r.Status().Policy != first.Digest() {
			t.Error("a policy is in force without a record")
		}
		r.refuse(false)
		s.until(5*time.Second, "the last is in force", func() bool { return r.PolicyInForce() == last })
		if got := recorded[events.PolicyLoaded](s); len(got) != 2 || got[1].Digest != last.Digest() {
			t.Errorf("on the ledger: %+v", got)
		}
	})
}

// TestBadPolicy keeps a bad policy out, says so once, and says when the file is in order again.
func TestBadPolicy(t *testing.T) {
	inBubble(t, func(s *site) {
		registry := prometheus.NewRegistry()
		r := s.start("r1", autonomous, func(c *worker.Config) { c.Metrics = worker.NewMetrics(registry) })
		inForce := r.PolicyInForce()
		course := func() (c incident.Course) {
			r.View(func(b *incident.Board) { c = b.Policies()["r1"] })
			return c
		}
		refused := func() float64 { return sums(t, registry)["detour_policy_refused"] }
		for range 3 {
			s.spoilt(r, "rulse: []", "policy.yaml:1:1: unknown key \"rulse\"\n    1 | rulse: []\n        ^")
		}
		want := events.PolicyRefused{
			Source: "policy.yaml", Bytes: events.DigestBytes([]byte("rulse: []")), InForce: inForce.Digest(),
			Why: "policy.yaml:1:1: unknown key \"rulse\"\n    1 | rulse: []\n        ^",
		}
		if diff := cmp.Diff([]events.PolicyRefused{want}, recorded[events.PolicyRefused](s)); diff != "" {
			t.Errorf("refusals on the ledger (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(&want, course().Refused); diff != "" || refused() != 1 || r.Status().BadPolicy != want.Why {
			t.Errorf("the Board's (-want +got):\n%s; metric %v, status %q", diff, refused(), r.Status().BadPolicy)
		}
		s.bus.publish(anomaly("1", events.Firing))
		s.reaches(r, incident.Holding, 20*time.Second)
		s.ruledBy(map[string]*policy.Policy{"old": inForce})

		s.spoilt(r, "", strings.Repeat(strings.Repeat("ä", 50)+"\n", 100))
		if got := recorded[events.PolicyRefused](s)[1].Why; len(got) > events.MaxRefusal || !strings.HasSuffix(got, "ä\n...") {
			t.Errorf("a long complaint stands as %d bytes, ending in %q", len(got), got[len(got)-10:])
		}
		s.spoilt(r, "", strings.Repeat("ä", 5000))
		if got := recorded[events.PolicyRefused](s)[2].Why; len(got) > events.MaxRefusal || !strings.HasSuffix(got, "ä\n...") {
			t.Errorf("a long line stands as %d bytes, ending in %q", len(got), got[len(got)-10:])
		}
		s.saved(r, autonomous)
		if course().Refused != nil || refused() != 0 || r.Status().BadPolicy != "" || len(recorded[events.PolicyLoaded](s)) != 2 {
			t.Errorf("the file is in order again: %+v, metric %v, status %q, the ledger holds %+v", course(), refused(), r.Status().BadPolicy, recorded[events.PolicyLoaded](s))
		}
	})
}

// TestRefusalEndsWithRestart starts a replica whose last life ended with a bad file: that it has begun says that the file is
// in order.
func TestRefusalEndsWithRestart(t *testing.T) {
	inBubble(t, func(s *site) {
		r := s.start("r1", autonomous)
		s.spoilt(r, "x", "bad")
		r.stop()
		r = s.start("r1", autonomous)
		r.View(func(b *incident.Board) {
			if b.Policies()["r1"].Refused != nil {
				t.Error("it is still said to refuse its file")
			}
		})
		if got := recorded[events.PolicyLoaded](s); len(got) != 2 {
			t.Errorf("on the ledger: %+v", got)
		}
	})
}

// TestNewPolicySeesAnew changes the policy when a target has just been read, or is being read: what is seen for the old
// policy, whose limits a forecast rests on, is no ground for a plan under the new one.
func TestNewPolicySeesAnew(t *testing.T) {
	for _, c := range []struct {
		name, rules string
		reading     time.Duration
		phase       incident.Phase
		after       time.Duration // the change comes so long after phase
	}{
		{"being read", another, 2 * time.Second, incident.Open, time.Second},
		{"has been read", strings.Replace(autonomous, "missing: allow", "missing: refuse", 1), 0, incident.Waiting, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				r := s.start("r1", c.rules)
				s.routers.alter(func() { s.routers.reading = c.reading })
				s.bus.publish(anomaly("1", events.Firing))
				s.reaches(r, c.phase, 10*time.Second)
				s.pass(c.after)
				s.saved(r, autonomous)
				s.reaches(r, incident.Holding, time.Minute)
				var changed time.Time
				for _, k := range s.commits() {
					for _, b := range k.Records {
						switch b := b.Body.(type) {
						case events.PolicyLoaded:
							changed = k.At
						case events.Planned:
							if b.Facts.At.Before(changed) {
								t.Errorf("a plan rests on what was seen at %s, the policy is of %s", b.Facts.At, changed)
							}
						}
					}
				}
			})
		})
	}
}

// TestReplicasDiffer has two replicas that are heard decide by different policies: nothing is begun until they agree.
func TestReplicasDiffer(t *testing.T) {
	for _, c := range []struct {
		name  string
		rules string // of the other
		mode  events.Mode
		alone bool // the other is not heard, and nobody is sure that it is gone
		agree func(s *site, r, other *replica, h *hearing)
	}{
		{"the other takes it too", onApproval, events.Live, false, func(s *site, _, other *replica, _ *hearing) { s.saved(other, autonomous) }},
		{"this one takes the other's", another, events.Live, false, func(s *site, r, _ *replica, _ *hearing) { s.saved(r, another) }},
		{"the other is not heard any more", autonomous, events.DryRun, false, func(_ *site, r, _ *replica, h *hearing) { h.told <- []string{r.Me()} }},
		{"the other is not heard, and then surely gone", another, events.Live, true, func(_ *site, _, _ *replica, h *hearing) { h.unsure.Store(false) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				quiet := newBus()
				other := s.start("r2", c.rules, func(k *worker.Config) {
					k.Intake, k.Mode = quiet, c.mode
					k.Peers = func(string) worker.Peers { return alive{"r1/0"} }
				})
				h := &hearing{told: make(chan []string, 1)}
				h.unsure.Store(c.alone)
				r := s.start("r1", autonomous, func(k *worker.Config) {
					k.Peers = func(me string) worker.Peers { h.now = []string{me}; return h }
				})
				if !c.alone {
					h.told <- []string{r.Me(), other.Me()}
				}
				s.bus.publish(anomaly("1", events.Firing))
				s.reaches(r, incident.Waiting, 10*time.Second)
				s.pass(20 * time.Second)
				s.changed()
				held := recorded[events.Ruled](s)
				if first := held[0].Checks[0]; len(held) != 1 || held[0].Verdict != events.Defer || first.Name != incident.CheckOnePolicy || first.OK ||
					!strings.Contains(first.Detail, "r2 by "+s.parse(c.rules).Digest().Short()+" ("+string(c.mode)+")") {
					t.Errorf("it was ruled %d times, at first %s: %+v", len(held), held[0].Verdict, first)
				}
				c.agree(s, r, other, h)
				s.reaches(r, incident.Holding, time.Minute)
				s.changed(drainAB...)
			})
		})
	}
}
