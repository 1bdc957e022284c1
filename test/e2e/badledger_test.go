package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/ledger"
)

// goodStream is the ledger's stream as Detour makes it.
func goodStream() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: events.StreamLedger, Subjects: []string{events.PrefixLedger + ">"}, Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy,
		MaxMsgs: -1, MaxBytes: -1, MaxMsgsPerSubject: -1, Discard: jetstream.DiscardNew, Replicas: 1, DenyDelete: true, DenyPurge: true,
	}
}

// TestLossyLedger has a replica refuse to run on a stream that could lose or change a record, and name the setting.
func TestLossyLedger(t *testing.T) {
	t.Parallel()
	s := raiseBare(t, rules{})
	s.raiseBus()
	r := s.addReplica(0)
	for _, c := range []struct {
		name  string
		alter func(*jetstream.StreamConfig)
		want  string
	}{
		{"in memory", func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage }, "storage is memory"},
		{"a work queue", func(c *jetstream.StreamConfig) { c.Retention = jetstream.WorkQueuePolicy }, "retention is"},
		{"while there is interest", func(c *jetstream.StreamConfig) { c.Retention = jetstream.InterestPolicy }, "retention is"},
		{"the old goes first", func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardOld }, "discard is old"},
		{"for a day", func(c *jetstream.StreamConfig) { c.MaxAge = 24 * time.Hour }, "max_age is 24h"},
		{"so many", func(c *jetstream.StreamConfig) { c.MaxMsgs = 1_000_000 }, "max_msgs is 1000000"},
		{"so much", func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 30 }, "max_bytes is 1073741824"},
		{"so many of each incident", func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 100 }, "max_msgs_per_subject is 100"},
		{"small ones only", func(c *jetstream.StreamConfig) { c.MaxMsgSize = 1 << 16 }, "max_msg_size is 65536"},
		{"that can be deleted", func(c *jetstream.StreamConfig) { c.DenyDelete = false }, "deny_delete is false"},
		{"that can be purged", func(c *jetstream.StreamConfig) { c.DenyPurge = false }, "deny_purge is false"},
		{"that roll up", func(c *jetstream.StreamConfig) { c.AllowRollup, c.DenyPurge = true, false }, "allow_rollup_hdrs is true"},
		{"with an end each", func(c *jetstream.StreamConfig) { c.AllowMsgTTL = true }, "allow_msg_ttl is true"},
		{"unacknowledged", func(c *jetstream.StreamConfig) { c.NoAck = true }, "no_ack is true"},
		{"from later on", func(c *jetstream.StreamConfig) { c.FirstSeq = 100 }, "first_seq is 100"},
		{"of another subject", func(c *jetstream.StreamConfig) { c.Subjects = []string{"detour.v1.ledger.other.>"} }, "subjects are"},
		{"with others' messages", func(c *jetstream.StreamConfig) { c.Subjects = append(c.Subjects, "x.>") }, "subjects are"},
	} {
		config := goodStream()
		c.alter(&config)
		s.wait(c.name+": the stream to be made; the one before it may still be being deleted", func() bool {
			_, err := s.conn.JetStream().CreateStream(s.within(), config)
			return err == nil
		})
		a := run(t, "", "serve", "--config", r.config)
		if a.code != 1 || !strings.Contains(a.err, c.want) || !strings.Contains(a.err, events.StreamLedger) {
			t.Errorf("a ledger %s: exit %d, want 1 and %q:\n%s", c.name, a.code, c.want, a.err)
		}
		if err := s.conn.JetStream().DeleteStream(s.within(), events.StreamLedger); err != nil {
			t.Fatal(err)
		}
	}
	s.untouched()
}

// alteration is something done to a ledger by hand.
type alteration struct {
	name string
	do   func(s *stage)

	acting  string // part of what /readyz says of why the replica does not act
	verify  string // problem that ledger verify finds, "" if it is in the fold
	foreign bool   // it is no damage: a newer replica's record
}

func alterations() []alteration {
	forge := func(domain string, alter func(*events.Commit)) func(*stage) {
		return func(s *stage) {
			s.mu.Lock()
			at, prev := s.board.Position, s.board.Digest
			s.mu.Unlock()
			c := events.Commit{ID: uuid.NewString(), Prev: prev, At: time.Now().UTC(), By: "mallory", Records: []events.Record{{Body: events.Thawed{Scope: events.Network, By: events.Person{Name: "mallory"}}}}}
			alter(&c)
			raw, digest, err := c.Encode()
			if err != nil {
				s.t.Fatal(err)
			}
			s.inject(domain, at+1, raw, digest)
		}
	}
	return []alteration{
		{name: "another predecessor", do: forge(domain, func(c *events.Commit) { c.Prev = events.DigestBytes([]byte("x")) }), acting: "unlinked", verify: "unlinked"},
		{name: "no predecessor", do: forge(domain, func(c *events.Commit) { c.Prev = "" }), acting: "unlinked", verify: "unlinked"},
		{name: "bytes that are not those of its digest", do: func(s *stage) {
			s.inject(domain, s.last()+1, []byte(`{"v":1}`), events.DigestBytes([]byte("x")))
		}, acting: "altered", verify: "altered"},
		{name: "no digest", do: func(s *stage) { s.inject(domain, s.last()+1, []byte(`{"v":1}`), "") }, acting: "altered", verify: "altered"},
		{name: "no commit", do: func(s *stage) { s.inject(domain, s.last()+1, []byte("hello"), events.DigestBytes([]byte("hello"))) }, acting: "unreadable", verify: "unreadable"},
		{name: "a commit of a later version", do: func(s *stage) {
			raw := []byte(`{"v":2,"id":"x","prev":"","at":"2026-01-01T00:00:00Z","by":"x","records":[]}`)
			s.inject(domain, s.last()+1, raw, events.DigestBytes(raw))
		}, acting: "version 2", verify: "unreadable"},
		{name: "a record of an unknown kind", do: func(s *stage) {
			s.record(events.Record{Body: events.Foreign{Name: "blessed", Raw: []byte(`{"by":"nobody"}`)}})
		}, acting: `kind "blessed"`, verify: "unknown", foreign: true},
		{name: "a commit of another domain", do: forge("elsewhere", func(*events.Commit) {}), acting: `is the ledger of domain "elsewhere"`, verify: "altered"},
		{name: "a record that the table does not allow", do: func(s *stage) {
			s.record(events.Record{Incident: "nowhere-1", Body: events.Lapsed{}})
		}},
	}
}

func (s *stage) last() uint64 {
	s.t.Helper()
	last, err := s.ledger.LastPosition(s.within())
	if err != nil {
		s.t.Fatal(err)
	}
	return last
}

// inject puts bytes on the ledger's stream, as a domain's, past Detour.
func (s *stage) inject(domain string, position uint64, raw []byte, digest events.Digest) {
	s.t.Helper()
	msg := &nats.Msg{Subject: events.LedgerSubject(domain, ""), Data: raw, Header: nats.Header{}}
	if digest != "" {
		msg.Header.Set(ledger.DigestHeader, string(digest))
	}
	ack, err := s.conn.JetStream().PublishMsg(s.within(), msg)
	if err != nil {
		s.t.Fatal(err)
	}
	if ack.Sequence != position {
		s.t.Fatalf("injected at position %d, wanted %d", ack.Sequence, position)
	}
}

// TestAlteredLedger writes to the ledger by hand: running replicas stop acting and say why, a restarted one as well, none
// sets anything or crashes, and verify names the position.
func TestAlteredLedger(t *testing.T) {
	t.Parallel()
	list := alterations()
	if testing.Short() {
		list = list[:2]
	}
	for _, a := range list {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			s := raise(t, setup{replicas: 1, proven: true})
			r := s.replicas[0]
			at := s.last() + 1
			a.do(s)
			if a.acting == "" {
				s.frozenByFold(r)
				return
			}
			halted := func() bool {
				c := r.condition("acting")
				return !c.OK && strings.Contains(c.Detail, a.acting) && strings.Contains(c.Detail, fmt.Sprint(at))
			}
			s.wait("the replica to say why it does not act", halted)
			s.publish(s.event(linkPlain))
			v, got := s.verify(r)
			if a.foreign == (got.code != 0) {
				t.Errorf("verify exits %d: %s", got.code, got.err)
			}
			if len(v.Findings) == 0 || v.Findings[0].Position > at || max(v.Findings[0].Position, v.Findings[0].To) < at || v.Findings[0].Problem != a.verify {
				t.Errorf("verify finds %+v, want %s at position %d", v.Findings, a.verify, at)
			}
			if c := r.detour("alice", "freeze", "--reason", "altered"); c.code == 0 {
				t.Error("an order is taken on a broken ledger")
			}
			r.kill()
			r.start()
			s.wait("the restarted replica to say why it does not act", halted)
			if !r.alive() {
				t.Errorf("it ended:\n%s", r.tail())
			}
			s.untouched()
		})
	}
}

// frozenByFold wants an unlawful record to freeze the network until a person thaws it.
func (s *stage) frozenByFold(r *replica) {
	s.t.Helper()
	s.wait("the network to be frozen", func() bool {
		f, err := r.as("carol").Freezes(s.within())
		return err == nil && len(f.Freezes) == 1 && f.Freezes[0].By.Name == events.Identity && strings.Contains(f.Freezes[0].Reason, "not lawful")
	})
	if v, a := s.verify(r); a.code != 1 || len(v.Unlawful) != 1 {
		s.t.Errorf("verify exits %d and finds %+v", a.code, v.Unlawful)
	}
	s.publish(s.event(linkPlain))
	s.reaches(linkPlain, "waiting")
	s.untouched()
	if a := r.detour("alice", "thaw"); a.code != 0 {
		s.t.Errorf("thaw exits %d: %s", a.code, a.err)
	}
	s.reaches(linkPlain, "holding", "verifying", "acting")
}

// TestShortenedLedger deletes a record: by hand on a stream whose protection somebody took away, and with the whole stream.
func TestShortenedLedger(t *testing.T) {
	t.Parallel()
	s := raise(t, setup{replicas: 1, proven: true})
	r := s.replicas[0]
	s.sicken(linkPlain)
	s.reaches(linkPlain, "holding")
	s.heal(linkPlain)
	s.ends(linkPlain, events.Restored)
	risks, back := s.sets()
	raw := export(t, r)

	t.Run("an export altered by hand", func(t *testing.T) { alteredExports(t, s, r, raw) })

	if err := s.conn.JetStream().DeleteStream(s.within(), events.StreamLedger); err != nil {
		t.Fatal(err)
	}
	s.wait("the replica to say that the ledger is gone", func() bool { return !r.condition("acting").OK || !r.condition("ledger").OK })
	s.publish(s.event(linkPlain))
	if c := r.detour("alice", "freeze", "--reason", "gone"); c.code == 0 {
		t.Error("an order is taken on a ledger that is gone")
	}
	if !r.alive() {
		t.Errorf("it ended:\n%s", r.tail())
	}
	if n, m := s.sets(); n != risks || m != back {
		t.Errorf("%d Sets came after the ledger was gone", n+m-risks-back)
	}
}

func export(t *testing.T, r *replica) string {
	t.Helper()
	a := r.detour("carol", "ledger", "export")
	if a.code != 0 {
		t.Fatalf("export exits %d: %s", a.code, a.err)
	}
	return a.out
}

// alteredExports has verify --file find each thing that a hand can do to an export.
func alteredExports(t *testing.T, s *stage, r *replica, raw string) {
	lines := strings.SplitAfter(strings.TrimSuffix(raw, "\n"), "\n")
	lines[len(lines)-1] += "\n"
	n := len(lines) / 2
	check := func(name string, altered []string, problem string, position int) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "export.ndjson")
		if err := os.WriteFile(path, []byte(strings.Join(altered, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		v, a := s.verify(r, "--file", path)
		if problem == "" {
			if a.code != 0 {
				t.Errorf("%s: exit %d, %+v", name, a.code, v.Findings)
			}
			return
		}
		if a.code != 1 || len(v.Findings) == 0 || v.Findings[0].Problem != problem || v.Findings[0].Position != uint64(position) {
			t.Errorf("%s: exit %d, %+v; want %s at position %d", name, a.code, v.Findings, problem, position)
		}
	}
	with := func(f func(l []string) []string) []string { return f(append([]string(nil), lines...)) }
	check("as it is", lines, "", 0)
	check("one letter", with(func(l []string) []string {
		l[n] = strings.Replace(l[n], `"by":"r0/`, `"by":"r1/`, 1)
		return l
	}), "altered", n+1)
	check("a line left out", with(func(l []string) []string { return append(l[:n], l[n+1:]...) }), "missing", n+1)
	check("two lines exchanged", with(func(l []string) []string { l[n], l[n+1] = l[n+1], l[n]; return l }), "misplaced", n+1)
	check("a line twice", with(func(l []string) []string { return append(l[:n+1], l[n:]...) }), "misplaced", n+1)
	check("a line cut off", with(func(l []string) []string { l[n] = l[n][:len(l[n])/2] + "\n"; return l }), "unreadable", n+1)
	check("the end cut off", lines[:n], "", 0) // which only the digest of the last shows, to whoever wrote it down
}
