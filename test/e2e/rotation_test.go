package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/detour-net/detour/events"
)

// TestKeyRotation replaces the key of checkpoints on replicas that go on shipping, one after the other: the new key is announced, both sign,
// then the new one alone. Whoever trusts the first key alone finds every checkpoint in order, of before and after, and of the time when
// the replicas did not have the same configuration.
func TestKeyRotation(t *testing.T) {
	long(t)
	t.Parallel()
	s := raise(t, setup{replicas: 2, proven: true, audit: true})
	verified := func(what string) {
		t.Helper()
		at := s.record(events.Record{Body: events.Thawed{Scope: "site:site-1", By: events.Person{Name: "alice"}}}).Position
		s.wait("a checkpoint "+what, func() bool { return s.covered() >= at })
		a := s.replicas[0].detour("carol", "ledger", "verify", "--checkpoint", filepath.Join(s.dir, "notes"), "--key", filepath.Join(s.dir, "audit.pub"))
		if a.code != 0 {
			t.Errorf("%s: exit %d: %s%s", what, a.code, a.out, a.err)
		}
	}
	verified("under the first key")
	if a := run(t, "", "ledger", "key", filepath.Join(s.dir, "audit-2.key"), "--new", "--domain", domain); a.code != 0 {
		t.Fatal(a.err)
	}
	const some = 20 // commits: neither restarts nor what is verified meanwhile are so many
	from := s.last() + some
	both := fmt.Sprintf("key: 'file:audit.key', next: {key: 'file:audit-2.key', from: %d}", from)
	for n, r := range s.replicas {
		r.rewrite("key: 'file:audit.key'", both)
		verified(fmt.Sprintf("when %d replicas announce the second key", n+1))
	}
	if at := s.last(); at >= from {
		t.Fatalf("the ledger ends at position %d, too late for what is tested: the second key signs from %d on", at, from)
	}
	for s.last() < from {
		s.record(events.Record{Body: events.Thawed{Scope: "site:site-1", By: events.Person{Name: "alice"}}})
	}
	verified("under both keys")
	for n, r := range s.replicas {
		r.rewrite(both, "key: 'file:audit-2.key'")
		verified(fmt.Sprintf("when %d replicas have the second key alone", n+1))
	}
}

// rewrite replaces a text in the replica's configuration, and restarts it.
func (r *replica) rewrite(before, after string) {
	r.s.t.Helper()
	text, err := os.ReadFile(r.config)
	if err != nil || !strings.Contains(string(text), before) {
		r.s.t.Fatalf("%s does not say %s: %v", r.config, before, err)
	}
	r.kill()
	if err := os.WriteFile(r.config, []byte(strings.Replace(string(text), before, after, 1)), 0o600); err != nil {
		r.s.t.Fatal(err)
	}
	r.start()
}
