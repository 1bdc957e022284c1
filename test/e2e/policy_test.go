package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
)

// savePolicy writes the policy's file anew while replicas look at it, with an edit of the usual text.
func (s *stage) savePolicy(file string, edit ...string) {
	s.t.Helper()
	s.write(file, strings.NewReplacer(edit...).Replace(fill(s.t, policyFile, s.rules)))
}

// courses waits until every replica has said of its policy what is wanted.
func (s *stage) courses(what string, want func(c incident.Course) bool) {
	s.t.Helper()
	s.until("every replica to say: "+what, func(b *incident.Board) bool {
		said := b.Policies()
		for _, r := range s.replicas {
			name, _, _ := strings.Cut(r.name, "/")
			if c, ok := said[name]; !ok || !want(c) {
				return false
			}
		}
		return true
	})
}

// ruledAsSaid wants every ruling to be by the policy that its replica had put on the ledger before.
func (s *stage) ruledAsSaid() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	said := map[string]events.Digest{}
	for _, c := range s.commits {
		for _, r := range c.Records {
			switch b := r.Body.(type) {
			case events.PolicyLoaded:
				said[c.By] = b.Digest
			case events.Ruled:
				if said[c.By] != b.Policy {
					s.t.Errorf("position %d: %s ruled by %s and had said %s", c.Position, c.By, b.Policy.Short(), said[c.By].Short())
				}
			}
		}
	}
}

// refusals are the records of policies that were not taken.
func (s *stage) refusals() (list []events.PolicyRefused) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.commits {
		for _, r := range c.Records {
			if b, ok := r.Body.(events.PolicyRefused); ok {
				list = append(list, b)
			}
		}
	}
	return list
}

// TestPolicySaved changes the policy of two replicas that run: to a freer one, which decides at once what waits for people;
// to one that is not in order, which is kept out; to nothing; and back.
func TestPolicySaved(t *testing.T) {
	t.Parallel()
	s := raise(t, setup{replicas: 2, proven: true, rules: rules{Autonomy: "approve"}})
	var first events.Digest
	s.courses("the first policy", func(c incident.Course) bool { first = c.Loaded.Digest; return true })
	i := s.asked(linkPlain)

	s.rules.Autonomy = "auto"
	s.savePolicy("policy.yaml")
	s.courses("a freer policy", func(c incident.Course) bool { return c.Loaded.Digest != first })
	s.reaches(linkPlain, incident.Holding)
	if n := s.kinds(i.ID); n[events.KindApproved] != 0 || n[events.KindAsked] != 1 {
		t.Errorf("the ledger has %v\n%s", n, s.history(i.ID))
	}
	s.heal(linkPlain)
	s.ends(linkPlain, events.Restored)

	s.savePolicy("policy.yaml", "rules:", "rulse:")
	s.courses("a misspelt policy is refused", func(c incident.Course) bool {
		return c.Refused != nil && strings.Contains(c.Refused.Why, "policy.yaml:1:1: unknown key \"rulse\"") && c.Refused.InForce == c.Loaded.Digest && c.Loaded.Digest != first
	})
	for _, r := range s.replicas {
		if c := r.condition("policy"); !c.OK || !strings.Contains(c.Detail, "refused: ") || !strings.Contains(c.Detail, "rulse") {
			t.Errorf("%s says of its policy %+v", r.name, c)
		}
		if !strings.Contains(r.metrics(t), "\ndetour_policy_refused 1\n") {
			t.Errorf("%s does not count that it refuses its policy", r.name)
		}
		if a := r.detour("carol", "policy", "show"); a.code != 0 || strings.Count(a.out, "unknown key \"rulse\"") != 2 {
			t.Errorf("exit %d: %s%s", a.code, a.out, a.err)
		}
	}
	s.sicken(linkSingle)
	s.reaches(linkSingle, incident.Holding)
	s.heal(linkSingle)
	s.ends(linkSingle, events.Restored)
	if n := len(s.refusals()); n != 2 {
		t.Errorf("two replicas have said %d times that they refuse one file", n)
	}

	if err := os.Remove(filepath.Join(s.dir, "policy.yaml")); err != nil {
		t.Fatal(err)
	}
	s.courses("the file is gone", func(c incident.Course) bool {
		return c.Refused != nil && strings.Contains(c.Refused.Why, "no such file")
	})
	s.rules.Autonomy = "approve"
	s.savePolicy("policy.yaml")
	for _, r := range s.replicas {
		r.life.Signal(syscall.SIGHUP)
	}
	s.courses("the first policy again", func(c incident.Course) bool { return c.Refused == nil && c.Loaded.Digest == first })
	for _, r := range s.replicas {
		s.wait(r.name+" to have been told", func() bool { return strings.Contains(r.tail(), "told to take the policy as it is") })
		if c := r.condition("policy"); !c.OK || strings.Contains(c.Detail, "refused") || !strings.Contains(r.metrics(t), "\ndetour_policy_refused 0\n") {
			t.Errorf("%s says of its policy %+v", r.name, c)
		}
	}
	i = s.asked(linkLevels)
	if _, err := s.replicas[0].as("alice").Reject(s.within(), i.ID, string(i.Ask.Plan), "enough"); err != nil {
		t.Error(err)
	}
	s.heal(linkLevels)
	s.ruledAsSaid()
	s.account()
}

// TestPoliciesDiffer runs two replicas with policies of their own: while they differ nothing is begun, and everybody who asks
// is told.
func TestPoliciesDiffer(t *testing.T) {
	t.Parallel()
	long(t)
	s := raise(t, setup{replicas: 1, proven: true})
	s.savePolicy("policy-1.yaml", "cool_down: 100ms", "cool_down: 101ms")
	r := s.addReplica(1)
	raw, err := os.ReadFile(r.config)
	if err != nil {
		t.Fatal(err)
	}
	s.write(filepath.Base(r.config), strings.Replace(string(raw), "policy: policy.yaml", "policy: policy-1.yaml", 1))
	r.start()
	s.seesAll(r)
	s.courses("its policy", func(incident.Course) bool { return true })

	stop := s.telling(linkPlain)
	defer stop()
	s.sicken(linkPlain)
	i := s.reaches(linkPlain, incident.Waiting)
	for _, r := range s.replicas {
		s.wait(r.name+" to tell", func() bool {
			a := r.detour("carol", "why", i.ID)
			return a.code == 0 && strings.Contains(a.out, "the replicas decide by different policies") && strings.Contains(a.out, "give every replica the same policy file")
		})
	}
	if risks, _ := s.sets(); risks != 0 {
		t.Errorf("%d Sets were sent", risks)
	}
	s.savePolicy("policy-1.yaml")
	s.reaches(linkPlain, incident.Holding)
	stop()
	s.heal(linkPlain)
	s.ends(linkPlain, events.Restored)
	s.ruledAsSaid()
	s.account()
}
