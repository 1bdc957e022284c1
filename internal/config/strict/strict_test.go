package strict

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type inner struct {
	Name  string    `yaml:"name"`
	Start time.Time `yaml:"start"`
}

type outer struct {
	Text   string          `yaml:"text"`
	Flag   bool            `yaml:"flag"`
	Count  int             `yaml:"count"`
	Small  uint8           `yaml:"small"`
	Ratio  *float64        `yaml:"ratio"`
	Items  []inner         `yaml:"items"`
	Named  map[string]int  `yaml:"named"`
	Part   *inner          `yaml:"part"`
	Raw    json.RawMessage `yaml:"raw"`
	Hidden string          `yaml:"-"`
}

func ptr(f float64) *float64 { return &f }

func TestRead(t *testing.T) {
	tests := []struct {
		name string
		in   string
		want outer
	}{
		{"nothing", "", outer{}},
		{"comment only", "# nothing\n", outer{}},
		{"scalars", "text: a b\nflag: true\ncount: -3\nsmall: 255\n", outer{Text: "a b", Flag: true, Count: -3, Small: 255}},
		{"a float without a dot", "ratio: 1e-6\n", outer{Ratio: ptr(1e-6)}},
		{"a float", "ratio: 0.25\n", outer{Ratio: ptr(0.25)}},
		{"a whole number as a float", "ratio: 2\n", outer{Ratio: ptr(2)}},
		{"a number where text is wanted keeps its writing", "text: 007\n", outer{Text: "007"}},
		{"text block", "text: |\n  one\n  two\n", outer{Text: "one\ntwo\n"}},
		{"list of mappings", "items:\n  - name: x\n  - {name: y, start: 2026-11-20T12:00:00Z}\n",
			outer{Items: []inner{{Name: "x"}, {Name: "y", Start: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}}}},
		{"empty list", "items: []\n", outer{Items: []inner{}}},
		{"pointer", "part: {name: x}\n", outer{Part: &inner{Name: "x"}}},
		{"key without a value", "text:\nitems:\npart:\ncount: 1\n", outer{Count: 1}},
		{"raw is canonical", "raw: {b: 1, a: [x, true, 1.5], c: {d: '1'}}\n", outer{Raw: json.RawMessage(`{"a":["x",true,1.5],"b":1,"c":{"d":"1"}}`)}},
		{"JSON is YAML", `{"text": "a", "count": 1}`, outer{Text: "a", Count: 1}},
		{"document marker", "---\ncount: 1\n", outer{Count: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got outer
			if _, err := Read("f.yaml", []byte(tt.in), &got); err != nil {
				t.Fatalf("Read: %v", err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Read (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWrite reads what was written, texts among it that look like something else.
func TestWrite(t *testing.T) {
	type part struct {
		Name string `yaml:"name"`
		More string `yaml:"more,omitempty"`
		N    int    `yaml:"n"`
	}
	type all struct {
		Parts []part         `yaml:"parts"`
		Named map[string]int `yaml:"named"`
	}
	want := all{Named: map[string]int{"a b": 1, "true": 2}, Parts: []part{{Name: "007", N: -3}, {Name: "a: b # c", More: "null"}, {Name: "one\ntwo\n"}, {Name: "*x"}, {Name: "[::1]:80"}, {Name: "é'\""}}}
	raw, err := Write(want)
	if err != nil {
		t.Fatal(err)
	}
	var got all
	if _, err := Read("f.yaml", raw, &got); err != nil {
		t.Fatalf("Read: %v\n%s", err, raw)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what was written (-want +got):\n%s", diff)
	}
}

func TestReadKeepsDefaults(t *testing.T) {
	got := outer{Text: "default", Count: 7, Named: map[string]int{"a": 1, "b": 2}, Items: []inner{{Name: "default"}}}
	if _, err := Read("f.yaml", []byte("named: {b: 3, c: 4}\nitems: [{name: x}]\n"), &got); err != nil {
		t.Fatal(err)
	}
	want := outer{Text: "default", Count: 7, Named: map[string]int{"a": 1, "b": 3, "c": 4}, Items: []inner{{Name: "x"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Read (-want +got):\n%s", diff)
	}
}

func TestReadRefuses(t *testing.T) {
	tests := []struct {
		name string
		in   string
		want []string // each a part of the message
	}{
		{"unknown key", "count: 1\ncuont: 2\n", []string{`f.yaml:2:1: unknown key "cuont"; known here: count, flag`, "    2 | cuont: 2\n        ^"}},
		{"unknown key within", "items:\n  - nmae: x\n", []string{`f.yaml:2:5: unknown key "items[0].nmae"; known here: name, start`}},
		{"a hidden field is no key", "Hidden: x\n", []string{`unknown key "Hidden"`}},
		{"keys are of one case", "Count: 1\n", []string{`unknown key "Count"`}},
		{"key given twice", "count: 1\ncount: 2\n", []string{"f.yaml:2:1", "count"}},
		{"key of a map given twice", "named:\n  a: 1\n  a: 2\n", []string{"f.yaml:3:3"}},
		{"second document", "count: 1\n---\ncount: 2\n", []string{"f.yaml:3:", "a second document begins here"}},
		{"text for a number", "count: many\n", []string{`f.yaml:1:8: count: want a whole number of 64 bits, found "many"`}},
		{"fraction for a whole number", "count: 1.5\n", []string{`want a whole number`}},
		{"negative for unsigned", "small: -1\n", []string{`want a non-negative whole number of 8 bits`}},
		{"too large", "small: 256\n", []string{`want a non-negative whole number of 8 bits, found "256"`}},
		{"bool for text", "text: true\n", []string{`text: want text (quote it), found "true"`}},
		{"text for a bool", "flag: yes\n", []string{`flag: want true or false, found "yes"`}},
		{"text for a number of any kind", "ratio: '1'\n", []string{`ratio: want a number`}},
		{"infinity", "ratio: .inf\n", []string{`ratio: want a number`}},
		{"mapping for a list", "items: {name: x}\n", []string{`items: want a list, found a mapping`}},
		{"list for a mapping", "part: [1]\n", []string{`part: want a mapping, found a list`}},
		{"list for text", "text: [a]\n", []string{`text: want text`}},
		{"the whole is a list", "- 1\n", []string{"f.yaml:1:", "want a mapping"}},
		{"the whole is a word", "word\n", []string{"want a mapping"}},
		{"a type's own complaint", "items: [{name: x, start: tomorrow}]\n", []string{"f.yaml:1:26: items[0].start: ", "tomorrow"}},
		{"anchor", "part: &a {name: x}\n", []string{"f.yaml:1:", "anchors, aliases, merges and tags are not taken"}},
		{"alias to itself", "items: &a [*a]\n", []string{"anchors, aliases"}},
		{"merge", "part: {<<: {name: x}}\n", []string{"part: "}},
		{"tag", "text: !!str 1\n", []string{"anchors, aliases, merges and tags are not taken"}},
		{"anchor in raw", "raw: {a: &x 1, b: *x}\n", []string{"anchors, aliases"}},
		{"bad syntax", "items: [\n", []string{"f.yaml:1:"}},
		{"bad indentation", "part:\n  name: x\n name: y\n", []string{"f.yaml:"}},
		{"not text", "text: \xff\n", []string{"f.yaml: not UTF-8 text"}},
		{"nested without end", "raw: " + strings.Repeat("[", 1000), []string{"f.yaml:1: nested deeper than 64 levels"}},
		{"everything at once", "cuont: 1\nflag: maybe\nsmall: 300\n", []string{"f.yaml:1:1", "f.yaml:2:7", "f.yaml:3:8"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got outer
			_, err := Read("f.yaml", []byte(tt.in), &got)
			if err == nil {
				t.Fatalf("Read took %q", tt.in)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("message lacks %q:\n%v", want, err)
				}
			}
		})
	}
}

func TestReadRefusesHugeDocuments(t *testing.T) {
	if _, err := Read("f.yaml", make([]byte, MaxBytes+1), &outer{}); err == nil || err.Error() != "f.yaml: more than 16777216 bytes" {
		t.Errorf("err = %v", err)
	}
}

func TestBadPlaces(t *testing.T) {
	const in = "text: a\nitems:\n  - name: x\n  - name: y\n    start: 2026-11-20T12:00:00Z\nnamed:\n  a: 1\n"
	tests := []struct{ path, place string }{
		{"text", "f.yaml:1:7: text: no"},
		{"items[1].name", "f.yaml:4:11: items[1].name: no"},
		{"items[1]", "f.yaml:4:5: items[1]: no"},
		{"items[1].missing", "f.yaml:4:5: items[1].missing: no"},
		{"items[9]", "f.yaml:3:5: items[9]: no"},
		{"named.a", "f.yaml:7:6: named.a: no"},
		{"missing", "f.yaml:1:1: missing: no"},
		{"", "f.yaml:1:1: no"},
	}
	for _, tt := range tests {
		var o outer
		doc, err := Read("f.yaml", []byte(in), &o)
		if err != nil {
			t.Fatal(err)
		}
		doc.Bad(tt.path, "no")
		if got, _, _ := strings.Cut(doc.Err().Error(), "\n"); got != tt.place {
			t.Errorf("Bad(%q) = %q, want %q", tt.path, got, tt.place)
		}
		if doc.Fresh().Err() != nil {
			t.Error("a fresh document has complaints")
		}
	}
}

func TestBadWithoutDocument(t *testing.T) {
	doc, err := Read("f.yaml", nil, &outer{})
	if err != nil {
		t.Fatal(err)
	}
	doc.Bad("text", "is missing")
	if got := doc.Err().Error(); got != "f.yaml: text: is missing" {
		t.Errorf("got %q", got)
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	for _, in := range []string{
		"x: {password: hunter2}", "x: {user: u, password: 'hunter2'}", `{"x": {"password": "hunter2"}}`, "x: [{token: hunter2, name: a}]", "x: nats://u:hunter2@host:1", "x_secret: hunter2",
		"x: {routing_key: hunter2}", "session_key: hunter2", "webhook: https://x.example/hunter2", "x: {webhook: 'https://x.example/hunter2'}", "nkey: SUAhunter2", `x: {token: "two words, hunter2"}`,
		"passphrase: 'a hunter2", "credentials: -----hunter2-----", "x: {signing_key: \"hunter2",
	} {
		_, err := Read("f.yaml", []byte(in), &outer{})
		if err == nil || !strings.Contains(err.Error(), "unknown key") && !strings.Contains(err.Error(), "could not find end") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", in, err)
		}
	}
	_, err := Read("f.yaml", []byte("x: {password: file:pw, token: env:T}"), &outer{})
	if err == nil || !strings.Contains(err.Error(), "file:pw, token: env:T") {
		t.Errorf("a reference is hidden: %v", err)
	}
}

func TestHas(t *testing.T) {
	doc, err := Read("f.yaml", []byte("part: {name: x}\nitems: [{name: y}]\n"), &outer{})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{"part": true, "part.name": true, "part.start": false, "items[0].name": true, "items[1]": false, "text": false} {
		if got := doc.Has(path); got != want {
			t.Errorf("Has(%q) = %t, want %t", path, got, want)
		}
	}
}

// FuzzRead: nothing that is written into a file makes reading panic, and what was read once reads the same again.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{"count: 1", "items: [{name: x}]", "raw: {a: [1, 2.5, x]}", "part: &a\n  name: *a", "? a\n: b", "text: |\n x", "a: b: c", "- - - -", "%YAML 1.2\n---\n", "text: !!binary x", "<<: {a: 1}", "\tx: 1", "{", "]", "count: 0x10", "ratio: 1_000"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var one, two outer
		doc, err := Read("f", raw, &one)
		doc.Bad("items[0].name", "x")
		if err != nil {
			return
		}
		if _, err := Read("f", raw, &two); err != nil {
			t.Fatalf("second reading: %v", err)
		}
		if diff := cmp.Diff(one, two); diff != "" {
			t.Errorf("two readings differ:\n%s", diff)
		}
	})
}
