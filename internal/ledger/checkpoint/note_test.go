package checkpoint

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

// pair makes a key.
func pair(t *testing.T, domain string) (key, vkey string) {
	t.Helper()
	key, vkey, err := NewKey(rand.Reader, domain)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := VerifierKey(key); err != nil || again != vkey {
		t.Fatalf("the verifier key of %q is %q, %v", vkey, again, err)
	}
	return key, vkey
}

func signer(t *testing.T, domain, key, next string, from uint64) *Signer {
	t.Helper()
	s, err := NewSigner(domain, key, next, from)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// stand is the checkpoint of a ledger of so many records.
func stand(size int) Checkpoint {
	var e Edge
	for n := range size {
		e.Append(leafOf(n))
	}
	return At("test", &e, events.Commit{At: time.Date(2026, 11, 20, 12, 0, 0, 5000, time.UTC), Digest: events.DigestBytes(nil)})
}

func with(c Checkpoint, change func(*Checkpoint)) Checkpoint {
	change(&c)
	return c
}

func in(domain string, c Checkpoint) Checkpoint {
	return with(c, func(c *Checkpoint) { c.Domain = domain })
}

func signed(t *testing.T, s *Signer, c Checkpoint) []byte {
	t.Helper()
	raw, err := s.Sign(c)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func keys(t *testing.T, vkeys ...string) *Keys {
	t.Helper()
	k, err := NewKeys(vkeys...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// faults are those of the notes, in their order.
func faults(opened []Opened) (list []Fault) {
	for _, o := range opened {
		list = append(list, o.Fault)
	}
	return list
}

func TestNote(t *testing.T) {
	key, vkey := pair(t, "test")
	other, _ := pair(t, "test")
	foreign, _ := pair(t, "west")
	s := signer(t, "test", key, "", 0)
	good := signed(t, s, stand(300))
	if again := signed(t, s, stand(300)); !bytes.Equal(good, again) {
		t.Error("two replicas make two different checkpoints of one ledger")
	}
	for _, c := range []struct {
		name string
		raw  []byte
		want Fault
	}{
		{"good", good, ""},
		{"another size", bytes.Replace(good, []byte("\n300\n"), []byte("\n301\n"), 1), Forged},
		{"another key", signed(t, signer(t, "test", other, "", 0), stand(300)), UnknownKey},
		{"another domain's key", signed(t, signer(t, "west", foreign, "", 0), stand(3)), UnknownKey},
		{"another domain", signed(t, s, in("west", stand(2))), OtherName},
		{"a node of another tree", signed(t, s, with(stand(2), func(c *Checkpoint) { c.Nodes[1] = c.Nodes[0] })), Malformed},
		{"another root", signed(t, s, with(stand(2), func(c *Checkpoint) { c.Root[0] ^= 1 })), Malformed},
		{"no nodes", signed(t, s, with(stand(2), func(c *Checkpoint) { c.Nodes = nil })), Malformed},
		{"a node outside of any tree", signed(t, s, with(stand(2), func(c *Checkpoint) { c.Nodes[1].Index = 1 << 60 })), Malformed},
		{"cut off", good[:len(good)-9], Malformed},
		{"cut off in its text", good[:200], Malformed},
		{"nothing", nil, Malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := keys(t, vkey).Open([][]byte{c.raw})[0]
			if got.Fault != c.want || (got.Fault == "") != (got.Detail == "") {
				t.Fatalf("%q: %s, want %q", got.Fault, got.Detail, c.want)
			}
			if got.Fault == "" {
				if diff := cmp.Diff(stand(300), got.Checkpoint); diff != "" {
					t.Errorf("it is another (-want +got):\n%s", diff)
				}
			}
		})
	}
	west := signer(t, "west", foreign, "", 0)
	if got := keys(t, vkey).Open([][]byte{signed(t, west, in("west", stand(3)))})[0]; got.Fault != OtherName {
		t.Errorf("a checkpoint of another ledger with its own key: %+v", got)
	}
}

// TestRotation announces a key and changes to it: what either has signed stays evidence, and the old one alone no longer does.
func TestRotation(t *testing.T) {
	key1, vkey1 := pair(t, "test")
	key2, vkey2 := pair(t, "test")
	key3, _ := pair(t, "test")
	before, meanwhile, after := signer(t, "test", key1, "", 0), signer(t, "test", key1, key2, 20), signer(t, "test", key2, "", 0)
	thief := signer(t, "test", key1, key3, 15)
	n10, n15, n20, n30 := signed(t, before, stand(10)), signed(t, meanwhile, stand(15)), signed(t, meanwhile, stand(20)), signed(t, after, stand(30))
	old25, early := signed(t, before, stand(25)), signed(t, after, stand(12))
	list := func(raw ...[]byte) [][]byte { return raw }
	for _, c := range []struct {
		name  string
		keys  []string
		notes [][]byte
		want  []Fault
	}{
		{"the first key alone", []string{vkey1}, list(n10, n15, n20, n30), []Fault{"", "", "", ""}},
		{"in any order", []string{vkey1}, list(n30, n20, n10), []Fault{"", "", ""}},
		{"announced before it signs", []string{vkey1}, list(n30, n15), []Fault{"", ""}},
		{"never announced", []string{vkey1}, list(n30, n10), []Fault{UnknownKey, ""}},
		{"the new key given", []string{vkey2}, list(n20, n30), []Fault{"", ""}},
		{"the old key after it was replaced", []string{vkey1}, list(old25, n15), []Fault{Replaced, ""}},
		{"the new key before its time", []string{vkey1}, list(early, n15), []Fault{Replaced, ""}},
		{"two successors of one key", []string{vkey1}, list(n15, signed(t, thief, stand(16))), []Fault{"", Conflict}},
	} {
		t.Run(c.name, func(t *testing.T) {
			opened := keys(t, c.keys...).Open(c.notes)
			if diff := cmp.Diff(c.want, faults(opened)); diff != "" {
				t.Errorf("faults (-want +got):\n%s\n%+v", diff, opened)
			}
		})
	}
}

func TestKeysThatCannotBeUsed(t *testing.T) {
	key, vkey := pair(t, "test")
	_, west := pair(t, "west")
	for name, list := range map[string][]string{"none": nil, "no key": {"x"}, "a secret": {key}, "two ledgers": {vkey, west}} {
		if _, err := NewKeys(list...); err == nil || strings.Contains(err.Error(), strings.Split(key, "+")[4]) && name != "a secret" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if k := keys(t, vkey); k.Domain() != "test" {
		t.Errorf("the keys are for %q", k.Domain())
	}
	for _, c := range [][2]string{{"x", ""}, {key, "x"}, {vkey, ""}} {
		if _, err := NewSigner("test", c[0], c[1], 1); err == nil || strings.Contains(err.Error(), key) {
			t.Errorf("signer of %q: %v", c, err)
		}
	}
	if _, err := NewSigner("west", key, "", 0); err == nil {
		t.Error("a key of another ledger signs")
	}
	if _, err := VerifierKey("x"); err == nil {
		t.Error("the verifier key of nothing")
	}
}

// TestSplit takes a file apart that was written note by note, one of them cut off at any byte.
func TestSplit(t *testing.T) {
	key, vkey := pair(t, "test")
	s := signer(t, "test", key, "", 0)
	first, second, third := signed(t, s, stand(1)), signed(t, s, stand(2)), signed(t, s, stand(3))
	for cut := 0; cut <= len(second); cut += 7 {
		file := fmt.Appendf(nil, "%s\n%s\n\n%s\n", first, second[:cut], third)
		good := 0
		for _, o := range keys(t, vkey).Open(Split(file)) {
			if o.Fault == "" {
				good++
			} else if o.Fault != Malformed {
				t.Fatalf("cut at %d: %+v", cut, o)
			}
		}
		if good < 2 || good > 3 {
			t.Fatalf("cut at %d of %d: %d notes are good", cut, len(second), good)
		}
	}
	if Split(nil) != nil || Split([]byte("\n\n\n")) != nil {
		t.Error("there are notes in nothing")
	}
}

// FuzzOpen opens what anybody might have written.
func FuzzOpen(f *testing.F) {
	_, vkey, err := NewKey(rand.Reader, "test")
	if err != nil {
		f.Fatal(err)
	}
	c := stand(3)
	f.Add([]byte(c.Text() + "\n\u2014 detour.v1.ledger.test AAAAAAAA\n"))
	f.Add([]byte("detour.v1.ledger.test\n1\n\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if c, err := parse(string(raw)); err == nil && c.Text() != string(raw) {
			t.Errorf("%q is read as %q", raw, c.Text())
		}
		k, err := NewKeys(vkey)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range k.Open(Split(raw)) {
			if o.Fault == "" {
				t.Errorf("%q is signed", raw)
			}
		}
	})
}
