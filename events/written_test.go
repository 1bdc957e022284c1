package events

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestEncodeWritesAsJSONDoes compares what is written by hand with what encoding/json writes of the same.
func TestEncodeWritesAsJSONDoes(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	kinds := vocabulary(t)
	for range 2000 {
		c := Commit{At: testTime}
		fill(reflect.ValueOf(&c.ID).Elem(), r)
		fill(reflect.ValueOf(&c.By).Elem(), r)
		w := wireCommit{Version: Version, ID: c.ID, At: c.At, By: c.By, Records: []wireRecord{}}
		for kind, zero := range kinds {
			if kind != KindObserved && r.IntN(20) > 0 {
				continue
			}
			record := Record{Body: filled(zero, r)}
			fill(reflect.ValueOf(&record.Incident).Elem(), r)
			body, err := json.Marshal(record.Body)
			if err != nil {
				t.Fatal(err)
			}
			c.Records = append(c.Records, record)
			w.Records = append(w.Records, wireRecord{Kind: kind, Incident: record.Incident, Body: body})
		}
		want, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		got, digest, err := c.Encode()
		if err != nil || digest != DigestBytes(got) {
			t.Fatalf("digest %s, %v", digest, err)
		}
		if string(got) != string(want) {
			t.Fatalf("(-json +by hand):\n%s", cmp.Diff(string(want), string(got)))
		}
	}
}

// TestTextIsWrittenAsJSONDoes has every byte in each place of a text of several words, with its neighbours next to it.
func TestTextIsWrittenAsJSONDoes(t *testing.T) {
	const length = 21
	for b := range 256 {
		for at := range length {
			for _, beside := range []byte{' ', '!', '#', '%', '\'', ';', '=', '?', '[', ']', 0x7f} {
				text := []byte(strings.Repeat(string(beside), length))
				text[at] = byte(b)
				want, err := json.Marshal(string(text))
				if err != nil {
					t.Fatal(err)
				}
				if got := appendText([]byte("before"), string(text)); string(got) != "before"+string(want) {
					t.Fatalf("%q is written %s, want %s", text, got, want)
				}
			}
		}
	}
}

// TestEncodeRefusesYears has a time that RFC 3339 cannot express in each place where one is written by hand.
func TestEncodeRefusesYears(t *testing.T) {
	late := time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]Commit{
		"of the commit": {ID: "x", At: late},
		"of an anomaly": {ID: "x", At: testTime, Records: []Record{{Body: &Observed{Anomaly: Anomaly{ObservedAt: late}}}}},
	} {
		if raw, _, err := c.Encode(); err == nil {
			t.Errorf("%s: written as %s", name, raw)
		}
	}
}
