package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/test/sets"
)

// of has the replica's configuration name another domain.
func (r *replica) of(other string) {
	r.s.t.Helper()
	text, err := os.ReadFile(r.config)
	if err != nil {
		r.s.t.Fatal(err)
	}
	own := "domain: " + domain + "\n"
	if !strings.Contains(string(text), own) {
		r.s.t.Fatalf("%s names no domain", r.config)
	}
	if err := os.WriteFile(r.config, []byte(strings.Replace(string(text), own, "domain: "+other+"\n", 1)), 0o600); err != nil {
		r.s.t.Fatal(err)
	}
}

// TestTwoDomainsAtOnce starts replicas of two domains on one empty ledger at the same moment. Whichever comes to append first has it; the
// other one ends, or serves and does not act, and says which domain to write into its configuration. Nothing of it stands on the ledger.
func TestTwoDomainsAtOnce(t *testing.T) {
	t.Parallel()
	s := raiseBare(t, rules{})
	s.raiseBus()
	domains := []string{domain, "elsewhere"}
	errs := make([]error, len(domains))
	var starting sync.WaitGroup
	for n, domain := range domains {
		r := s.addReplica(n)
		if n > 0 {
			r.of(domain)
		}
		starting.Go(func() { errs[n] = r.launch() })
	}
	starting.Wait()
	acting, refused := -1, -1
	s.wait("one to act, and the other to be refused", func() bool {
		acting, refused = -1, -1
		for n, r := range s.replicas {
			why := r.tail()
			if errs[n] == nil {
				c := r.condition("acting")
				if c.OK {
					acting = n
					continue
				}
				why = c.Detail
			}
			if strings.Contains(why, fmt.Sprintf("is the ledger of domain %q, not of %q", domains[1-n], domains[n])) {
				refused = n
			}
		}
		return acting >= 0 && refused >= 0
	})
	stream, err := s.conn.JetStream().Stream(s.within(), events.StreamLedger)
	if err != nil {
		t.Fatal(err)
	}
	info, err := stream.Info(s.within())
	if err != nil {
		t.Fatal(err)
	}
	for at := uint64(1); at <= info.State.LastSeq; at++ {
		m, err := stream.GetMsg(s.within(), at)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(m.Subject, events.PrefixLedger+domains[acting]+".") {
			t.Errorf("position %d is %s, of the domain that was refused", at, m.Subject)
		}
	}
	s.untouched()
}

// TestTwoClusters sets a second cluster of the same domain, with a bus and a ledger of its own, on the same routers. Those that
// arbitrate tell: the one with the shorter ledger finds at its start that they have seen more than it knows of, freezes its network, and
// disturbs nobody; and once its ledger is the longer one the first has its Sets refused. Both say what it is.
func TestTwoClusters(t *testing.T) {
	long(t)
	t.Parallel()
	s := raise(t, setup{replicas: 1, proven: true})
	s.sicken(linkPlain)
	s.reaches(linkPlain, incident.Holding)
	second := s.secondLedger()
	at := second.append(events.Commit{}, s.proofs()...)
	r := s.addReplicaOn(1, fmt.Sprintf("{urls: [%q], sync_always: true}", second.url), nil)
	risks, back := s.sets()
	r.start()
	s.wait("the second to freeze its network", func() bool {
		f, err := r.as("carol").Freezes(s.within())
		return err == nil && len(f.Freezes) == 1 && strings.Contains(f.Freezes[0].Reason, "another cluster, with a ledger of its own, acts on the same routers")
	})
	if n, m := s.sets(); n != risks || m != back {
		t.Errorf("%d Sets came from the second", n+m-risks-back)
	}
	s.heal(linkPlain)
	s.ends(linkPlain, events.Restored)
	r.kill()

	at = second.end()
	for at.Position < s.last()+100 {
		at = second.append(at, events.Record{Body: events.Thawed{Scope: "site:site-1", By: events.Person{Name: "alice"}}})
	}
	risks, back = s.sets()
	r.start()
	s.wait("routers to be raised to the ledger of the second", func() bool {
		raised := map[string]bool{}
		for _, set := range s.net.Sets() {
			if election, ok := sets.Election(set.Request); ok && election >= at.Position {
				raised[set.Router] = true
			}
		}
		return raised[ams] && raised[ber]
	})
	s.sicken(linkPlain)
	if i := s.ends(linkPlain, events.WasRefused); !strings.Contains(i.End.Reason, "that of another cluster, which acts on the same routers") {
		t.Errorf("the first says of its Sets: %s", i.End.Reason)
	}
	if n, m := s.sets(); n != risks || m != back {
		t.Errorf("%d Sets came through though routers are held by another cluster", n+m-risks-back)
	}
}

// second is a ledger of the same domain on servers of its own.
type second struct {
	s   *stage
	url string
	*ledger.Ledger
}

func (s *stage) secondLedger() second {
	s.t.Helper()
	server, err := bus.Embedded(filepath.Join(s.dir, "nats-second"), bus.Options{Port: -1})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = server.Shutdown(context.Background()) })
	conn, err := bus.Connect(bus.Config{Server: server})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	l, err := ledger.Open(s.within(), conn.JetStream(), ledger.Config{Domain: domain, SyncAlways: true, AckWait: patience})
	if err != nil {
		s.t.Fatal(err)
	}
	return second{s, server.URL(), l}
}

// append appends records behind a commit.
func (l second) append(at events.Commit, records ...events.Record) events.Commit {
	l.s.t.Helper()
	c, err := l.Append(l.s.within(), events.Commit{ID: uuid.NewString(), Prev: at.Digest, At: time.Now().UTC(), By: "e2e/test", Records: records}, at.Position)
	if err != nil {
		l.s.t.Fatal(err)
	}
	return c
}

// end is the newest commit.
func (l second) end() (last events.Commit) {
	l.s.t.Helper()
	position, err := l.LastPosition(l.s.within())
	if err == nil {
		err = l.Read(l.s.within(), position, position, func(c events.Commit) error { last = c; return nil })
	}
	if err != nil {
		l.s.t.Fatal(err)
	}
	return last
}
