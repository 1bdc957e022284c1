package e2e

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/detour-net/detour/events"
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
