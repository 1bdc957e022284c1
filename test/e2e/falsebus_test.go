package e2e

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
)

// lie has the bus acknowledge every record and store none: the ledger's stream listens elsewhere, and somebody else answers in its
// place, with the positions that are expected. The bus is honest again once end was called.
func (s *stage) lie() (end func()) {
	s.t.Helper()
	listen := func(subject string) {
		s.t.Helper()
		config := goodStream()
		config.Subjects = []string{subject}
		if _, err := s.conn.JetStream().UpdateStream(s.within(), config); err != nil {
			s.t.Fatal(err)
		}
	}
	listen(events.PrefixLedger + "nobody.>")
	nc := s.conn.JetStream().Conn()
	liar, err := nc.Subscribe(events.PrefixLedger+domain+".>", func(m *nats.Msg) {
		last, err := strconv.ParseUint(m.Header.Get(jetstream.ExpectedLastSeqHeader), 10, 64)
		if err != nil {
			s.t.Error(err)
			return
		}
		ack, err := json.Marshal(map[string]any{"stream": events.StreamLedger, "seq": last + 1})
		if err == nil {
			err = m.Respond(ack)
		}
		if err != nil {
			s.t.Error(err)
		}
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := nc.FlushWithContext(s.within()); err != nil {
		s.t.Fatal(err)
	}
	return func() {
		s.t.Helper()
		if err := liar.Unsubscribe(); err != nil {
			s.t.Fatal(err)
		}
		listen(events.PrefixLedger + ">")
	}
}

// TestBusThatStoresNothing has the bus acknowledge what it does not store: no Set leaves for it, the replica stops acting and says
// why, and started again on an honest bus it does what was to be done.
func TestBusThatStoresNothing(t *testing.T) {
	t.Parallel()
	s := raise(t, setup{replicas: 1, proven: true})
	r := s.replicas[0]
	at := s.last()
	end := s.lie()
	s.sicken(linkPlain)
	s.wait("the replica to mean to act", func() bool {
		now := r.scrape()
		return now[`detour_incidents{phase="acting"}`] == 1 || now["detour_halted"] == 1
	})
	if c := r.detour("alice", "freeze", "--reason", "the bus lies"); c.code == 0 || !strings.Contains(c.err, "not known to be in force") && !strings.Contains(c.err, "does not act") {
		t.Errorf("a freeze that nobody stored: exit %d, %s", c.code, c.err)
	}
	s.wait("the replica to say why it does not act", func() bool {
		c := r.condition("acting")
		return !c.OK && strings.Contains(c.Detail, "was read or acknowledged")
	})
	if c := r.detour("alice", "freeze", "--reason", "the bus lies"); c.code == 0 {
		t.Error("an order is taken by a replica that does not act")
	}
	s.untouched()
	if last := s.last(); last != at {
		t.Fatalf("the ledger ends at %d and did at %d: the bus did not lie", last, at)
	}
	if !strings.Contains(r.metrics(t), "\ndetour_halted 1\n") {
		t.Error("its metrics do not tell")
	}
	r.kill()
	end()
	r.start()
	s.publish(s.event(linkPlain))
	s.reaches(linkPlain, "holding")
}
