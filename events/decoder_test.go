package events

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestPlainStopsAtWhatIsNot has every byte that JSON escapes or that is not ASCII in each place of a string of several
// words, with its neighbours next to it.
func TestPlainStopsAtWhatIsNot(t *testing.T) {
	const length = 21
	for b := range 256 {
		odd := b < ' ' || b >= 0x80 || b == '"' || b == '\\'
		for at := range length {
			for _, beside := range []byte{' ', '!', '#', '[', ']', 0x7f} {
				text := []byte(strings.Repeat(string(beside), length))
				text[at] = byte(b)
				s := &scan{raw: fmt.Appendf(nil, `"%s","next"`, text), Decoder: new(Decoder)}
				got, ok := s.plain()
				switch {
				case b == '"' && (!ok || string(got) != string(text[:at])):
					t.Fatalf("a quote at %d ends %q, %t", at, got, ok)
				case odd && b != '"' && ok:
					t.Fatalf("byte %#x at %d taken in %q", b, at, got)
				case !odd && (!ok || string(got) != string(text) || s.at != length+2):
					t.Fatalf("%q read as %q, %t", text, got, ok)
				}
			}
		}
	}
}

// TestTimesOfADay reads each time after others, of its day and not, as time.Time does by itself.
func TestTimesOfADay(t *testing.T) {
	times := []string{
		"2026-11-20T12:00:00Z", "2026-11-20T12:00:00.5Z", "2026-11-20T23:59:59.999999999Z", "2026-11-20T00:00:00.000000001Z",
		"2026-11-20T12:00:00+00:00", "2026-11-20T12:00:00+02:00", "2026-11-20T12:00:00.123-07:00", "2026-11-21T00:00:00Z", "2024-02-29T01:02:03Z",
		"0001-01-01T00:00:00Z", "0000-12-31T23:00:00Z", "9999-12-31T23:59:59Z",
		"2026-11-20T24:00:00Z", "2026-11-20T12:60:00Z", "2026-11-20T12:00:60Z", "2026-11-20T12:00:00.Z", "2026-11-20T12:00:00.1234567891Z",
		"2026-11-20T12:00:00,5Z", "2026-11-20T12:00:00", "2026-11-20T12:00Z", "2026-11-20T1x:00:00Z", "2026-11-20T12:00:00.5xZ",
		"2026-11-20t12:00:00Z", "2026-11-31T12:00:00Z", "2026-11-20T12-00:00Z", "2026-11-20T12:00:00z", "2026-11-20T", "",
	}
	s := &scan{Decoder: new(Decoder)}
	for range 2 {
		for _, before := range times {
			for _, text := range times {
				for _, text := range []string{before, text} {
					token := `"` + text + `"`
					var want, got time.Time
					err := want.UnmarshalJSON([]byte(token))
					s.raw, s.at = []byte(token+","), 0
					if ok := s.time(&got); ok != (err == nil) || ok && (got != want || s.at != len(token)) {
						t.Fatalf("%s behind %q read as %#v, %t; want %#v, %v", token, before, got, ok, want, err)
					}
				}
			}
		}
	}
}

// TestDecodeStated takes the digest that it is told, and Decode finds it out.
func TestDecodeStated(t *testing.T) {
	raw, digest, err := Commit{ID: "x", At: testTime, Records: []Record{{Body: Relapsed{Why: "known"}}}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	spaced := append([]byte(" "), raw...) // for encoding/json
	var d Decoder
	for _, raw := range [][]byte{raw, spaced} {
		found, err := d.Decode(raw)
		if err != nil || found.Digest != DigestBytes(raw) || !found.Digest.Of(raw) {
			t.Errorf("%s read with %s, %v", raw, found.Digest, err)
		}
		told, err := d.DecodeStated(raw, "sha256:told")
		if err != nil || told.Digest != "sha256:told" || told.Digest.Of(raw) {
			t.Errorf("%s read with %s, %v", raw, told.Digest, err)
		}
	}
	if !digest.Of(raw) || digest.Of(spaced) || Digest("").Of(raw) || digest[:len(digest)-1].Of(raw) {
		t.Error("a digest is taken for that of something else, or not for its own")
	}
}

// TestDecodedCommitsStandAlone writes into every body of a commit, and into the bytes that it was read from: no other body
// may change, of this commit or of those read before and after it.
func TestDecodedCommitsStandAlone(t *testing.T) {
	var d Decoder
	var all []Commit
	var want []string
	for n := range 40 {
		c := Commit{ID: fmt.Sprint("commit-", n), At: testTime, By: "r"}
		for i := range n { // with names of every length
			c.Records = append(c.Records, Record{Incident: "i", Body: &Observed{Event: strings.Repeat("e", 37*i%501) + fmt.Sprint(n, i), Source: "s"}})
		}
		raw, _, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, string(raw))
		got, err := d.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		clear(raw)
		all = append(all, got)
	}
	for n, c := range all {
		for i := range c.Records {
			if raw, _, err := c.Encode(); err != nil || string(raw) != want[n] {
				t.Fatalf("commit %d, record %d: now %s, %v", n, i, raw, err)
			}
			o := c.Records[i].Body.(*Observed)
			before := *o
			*o = Observed{Event: "another", Detail: "altered"}
			if raw, _, err := c.Encode(); err != nil || string(raw) == want[n] {
				t.Fatalf("commit %d does not hold record %d: %v", n, i, err)
			}
			*o = before
		}
	}
}

// TestDecoderAfterAFailure reads what the fast reader gives up on in the middle, and then what it takes.
func TestDecoderAfterAFailure(t *testing.T) {
	good, _, err := Commit{ID: "x", At: testTime, By: "r", Records: []Record{{Incident: "i", Body: Relapsed{Why: "known"}}, {Incident: "i", Body: &Observed{Event: "e"}}}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	want, err := strictDecode(good)
	if err != nil {
		t.Fatal(err)
	}
	_, tail, _ := strings.Cut(string(good), `"kind":"observed","incident":"i","body":`)
	observed := strings.TrimSuffix(tail, "}]}")
	var d Decoder
	for _, odd := range []string{
		strings.Replace(string(good), `"kind":"observed"`, `"kind":"levitated"`, 1),
		strings.Replace(string(good), `"kind":"relapsed"`, `"kind":"levitated"`, 1),
		strings.Replace(string(good), `"event":"e"`, `"event":7`, 1),
		string(good[:len(good)-3]),
		`{"v":1,"id":"y","prev":"","at":"2026-11-20T12:00:00Z","by":"r","records":[{"kind":"levitated","body":` + observed + `}]}`,
	} {
		for range 2 {
			if _, ok := d.fast([]byte(odd)); ok {
				t.Errorf("the fast reader takes %s", odd)
			}
		}
		got, ok := d.fast(good)
		if !ok {
			t.Errorf("the fast reader gives up after %s", odd)
		}
		if diff := cmp.Diff(want, got, alike); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", odd, diff)
		}
	}
}

// TestKeepTellsTextsApart has more texts than there is room for, many alike but for one byte.
func TestKeepTellsTextsApart(t *testing.T) {
	var d Decoder
	for n := range 20_000 {
		text := fmt.Sprintf("den-kcy-%d", n%3000)
		if n%2 == 0 {
			text = strings.Repeat("x", n%90) + text
		}
		if got := d.keep([]byte(text)); got != text {
			t.Fatalf("%q kept as %q", text, got)
		}
	}
	if got := d.keep(nil); got != "" {
		t.Errorf("nothing kept as %q", got)
	}
}

// TestFieldsInAnyOrder reads a body whose fields stand in the order of the alphabet, as a map writes them.
func TestFieldsInAnyOrder(t *testing.T) {
	want := Ruled{Verdict: Allow, Rule: "drain", Plan: "sha256:1", Policy: "sha256:2", Checks: []Check{{Name: "mode"}, {Name: "freeze", OK: true}}}
	raw, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		t.Fatal(err)
	}
	sorted, err := json.Marshal(fields)
	if err != nil || string(sorted) == string(raw) {
		t.Fatal("the order is the same", err)
	}
	got, ok := bodies[KindRuled].fast(&scan{raw: sorted, Decoder: new(Decoder)})
	if diff := cmp.Diff(want, got, alike); !ok || diff != "" {
		t.Errorf("%t (-want +got):\n%s", ok, diff)
	}
}
