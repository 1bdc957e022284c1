package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var testTime = time.Date(2026, 11, 20, 12, 0, 0, 123456789, time.UTC)

// alike compares commits, looking into Value.
var alike = cmp.Options{cmp.AllowUnexported(Value{})}

// fill gives every exported field of v something of its own, so that a field which the codec forgets shows.
func fill(v reflect.Value, r *rand.Rand) {
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = testTime.Add(time.Duration(r.IntN(1000)) * time.Second)
		return
	case *Value:
		*x = []Value{UintValue(r.Uint64N(1 << 24)), JSONValue(`"GLOBAL"`), {}}[r.IntN(3)]
		return
	case *Duration:
		*x = Duration(r.Int64N(int64(time.Hour)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString([]string{"plain", "", "größe", `"quoted" \ back`, "<html> & 'tick'", "tab\tline\n", "\u2028", strings.Repeat("long ", 40)}[r.IntN(8)])
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int, reflect.Int64:
		v.SetInt(r.Int64N(1<<40) - 1<<39)
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(r.Uint64N(1 << 24))
	case reflect.Float64:
		v.SetFloat([]float64{0, 1, -2.5, 3.2e-4, 1e21, 1.0 / 3}[r.IntN(6)])
	case reflect.Pointer:
		if r.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), r)
		}
	case reflect.Slice:
		if n := r.IntN(4); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				fill(v.Index(i), r)
			}
		}
	case reflect.Map:
		if n := r.IntN(3); n > 0 {
			v.Set(reflect.MakeMap(v.Type()))
			for i := range n {
				elem := reflect.New(v.Type().Elem()).Elem()
				fill(elem, r)
				v.SetMapIndex(reflect.ValueOf(fmt.Sprint("key ", i)).Convert(v.Type().Key()), elem)
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), r)
			}
		}
	default:
		panic("the vocabulary has a new kind of field: " + v.Type().String())
	}
}

// filled is a body of zero's kind with every field filled.
func filled(zero Body, r *rand.Rand) Body {
	if _, ok := zero.(*Observed); ok {
		var o Observed
		fill(reflect.ValueOf(&o).Elem(), r)
		return &o
	}
	b := reflect.New(reflect.TypeOf(zero)).Elem()
	fill(b, r)
	return b.Interface().(Body)
}

// vocabulary is one zero body of every kind.
func vocabulary(t testing.TB) map[Kind]Body {
	t.Helper()
	all := map[Kind]Body{}
	for kind := range bodies {
		b, err := decodeBody(kind, json.RawMessage("{}"))
		if err != nil {
			t.Fatalf("%s from {}: %v", kind, err)
		}
		all[kind] = b
	}
	return all
}

// TestEveryKindRoundTrips writes and reads every kind with every field set this way and that. The fast reader must
// take all of it, and read what encoding/json reads.
func TestEveryKindRoundTrips(t *testing.T) {
	var d Decoder
	for kind, zero := range vocabulary(t) {
		t.Run(string(kind), func(t *testing.T) {
			if zero.Kind() != kind {
				t.Fatalf("it calls itself %s", zero.Kind())
			}
			r := rand.New(rand.NewPCG(1, 2))
			for range 50 {
				c := Commit{ID: "id", Prev: DigestBytes(nil), At: testTime, By: "replica-1"}
				for range r.IntN(4) {
					b := filled(zero, r)
					c.Records = append(c.Records, Record{Incident: "den-kcy-1", Body: b}, Record{Body: b})
				}
				raw, _, err := c.Encode()
				if err != nil {
					t.Fatal(err)
				}
				fast, ok := d.fast(raw)
				if !ok {
					t.Fatalf("the fast reader gives up on %s", raw)
				}
				strict, err := strictDecode(raw)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(strict, fast, alike); diff != "" {
					t.Fatalf("read from %s (-strict +fast):\n%s", raw, diff)
				}
				again, _, err := fast.Encode()
				if err != nil || string(again) != string(raw) {
					t.Fatalf("written again: %v\n%s\n%s", err, raw, again)
				}
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	const head = `{"v":1,"id":"x","prev":"","at":"2026-11-20T12:00:00Z","by":"r","records":`
	for _, c := range []struct{ name, raw, want string }{
		{"empty", ``, "EOF"},
		{"cut off", head + `[`, "unexpected EOF"},
		{"two values", head + `[]}{}`, "more than one"},
		{"unknown field", head + `[],"mood":"good"}`, `unknown field "mood"`},
		{"another version", strings.Replace(head, `"v":1`, `"v":2`, 1) + `[]}`, "version 2"},
		{"unknown field of a record", head + `[{"kind":"relapsed","body":{"why":"x","because":"y"}}]}`, `read record 0 (relapsed): json: unknown field "because"`},
		{"wrong type", head + `[{"kind":"closed","body":{}},{"kind":"held","body":{"cycle":"two"}}]}`, "read record 1 (held)"},
		{"no body", head + `[{"kind":"relapsed"}]}`, "read record 0 (relapsed)"},
		{"control character", head + "[{\"kind\":\"relapsed\",\"body\":{\"why\":\"a\x01b\"}}]}", "invalid character"},
		{"leading zero", head + `[{"kind":"held","body":{"cycle":01}}]}`, "invalid character"},
		{"negative duration", head + `[{"kind":"applied","body":{"took":"-3s"}}]}`, "non-negative"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decode([]byte(c.raw))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// TestDecodeTakesAnyJSON reads what another writer may produce: white space, other order, escapes.
func TestDecodeTakesAnyJSON(t *testing.T) {
	got, err := Decode([]byte(`
		{"records": [ {"body": {"why": "\u0061gain", "by": null}, "kind": "released", "incident": "i-1"} ],
		 "by": "r", "at": "2026-11-20T12:00:00Z", "prev": "", "id": "x", "v": 1}`))
	if err != nil {
		t.Fatal(err)
	}
	want := Record{Incident: "i-1", Body: Released{Why: "again"}}
	if diff := cmp.Diff([]Record{want}, got.Records); diff != "" {
		t.Error(diff)
	}
}

// TestStepsAreRead reads a record as ledgers hold it that were begun before ways named the ends of links: nobody may be kept from
// such a ledger by a newer binary.
func TestStepsAreRead(t *testing.T) {
	for _, space := range []string{"", " "} { // the one is read fast, the other strictly
		raw := `{"v":1,"id":"x","prev":"","at":"2026-11-20T12:00:00Z","by":"r","records":[{"kind":"planned","incident":"i-1","body":` +
			`{"plan":{"remediator":"link-drain"},"digest":"","rule":"","mode":"live","mode_why":"","facts":{"at":"2026-11-20T12:00:00Z","prospect":{"method":"exact","moved_bps":5,` +
			space + `"steps":[1000,16777214],"harm_bps":0}}}}]}`
		c, err := Decode([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		p, ok := c.Records[0].Body.(Planned)
		if !ok || p.Facts.Prospect == nil || !slices.Equal(p.Facts.Prospect.Steps, []uint32{1000, 16777214}) || p.Facts.Prospect.Way != nil {
			t.Errorf("read as %+v", c.Records[0].Body)
		}
	}
}

func TestForeignSurvives(t *testing.T) {
	c := Commit{ID: "x", At: testTime, By: "r", Records: []Record{
		{Body: Relapsed{Why: "known"}}, {Incident: "i", Body: Foreign{Name: "levitated", Raw: json.RawMessage(`{"by":[1,2.50,"\u00e9"]}`)}},
	}}
	raw, digest, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	c.Digest = digest
	if diff := cmp.Diff(c, got); diff != "" {
		t.Error(diff)
	}
	if again, _, err := got.Encode(); err != nil || string(again) != string(raw) {
		t.Errorf("written again: %v\n%s\n%s", err, raw, again)
	}
}

func TestEncodeBounds(t *testing.T) {
	c := Commit{ID: "x", Records: []Record{{Body: Relapsed{Why: strings.Repeat("x", MaxCommitBytes)}}}}
	if _, _, err := c.Encode(); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error %v", err)
	}
}

// TestDecoderSharesNothingThatChanges reads different commits with one Decoder: what it shares between them are
// strings, and an earlier commit stays as it was.
func TestDecoderSharesNothingThatChanges(t *testing.T) {
	var d Decoder
	var all []Commit
	var raws [][]byte
	for i := range 200 {
		c := Commit{ID: fmt.Sprint("id-", i), At: testTime, By: fmt.Sprint("replica-", i%3), Records: []Record{{
			Incident: fmt.Sprint("den-", i%7), Body: Admitted{Claims: []Scope{Network, ScopeOf("site", fmt.Sprint(i))}},
		}}}
		raw, _, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		all, raws = append(all, got), append(raws, raw)
	}
	for i, c := range all {
		if again, _, err := c.Encode(); err != nil || string(again) != string(raws[i]) {
			t.Errorf("commit %d is now %s, %v", i, again, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, zero := range vocabulary(f) {
		raw, _, err := Commit{ID: "x", At: testTime, By: "r", Records: []Record{{Incident: "i", Body: filled(zero, r)}}}.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(`{"v":1,"id":"x","prev":"","at":"2026-11-20T12:00:00Z","by":"r","records":[{"kind":"levitated","body":[1]}]}`))
	f.Add([]byte(`{"v":1,"id":"x","prev":"","at":"2026-11-20T12:00:00Z","by":"r","records":[{"kind":"","body":{}}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		strict, err := strictDecode(raw)
		var d Decoder
		for range 2 { // new, and when it has read the same before
			fast, ok := d.fast(raw)
			if ok && err != nil {
				t.Fatalf("the fast reader takes what is refused: %v", err)
			}
			if ok && !reflect.DeepEqual(strict, fast) {
				t.Fatalf("(-strict +fast):\n%s", cmp.Diff(strict, fast, alike))
			}
		}
		if err != nil {
			return
		}
		again, _, err := strict.Encode()
		if err != nil {
			return // it grew over the limit by being escaped
		}
		back, err := Decode(again)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, again)
		}
		third, _, err := back.Encode()
		if err != nil || string(third) != string(again) {
			t.Fatalf("not stable: %v\n%s\n%s", err, again, third)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for _, n := range []int{1, 50} {
		b.Run(fmt.Sprint(n, " records"), func(b *testing.B) {
			c := Commit{ID: "0192f0c1-0000-7000-8000-000000000001", Prev: DigestBytes(nil), At: testTime, By: "replica-1"}
			for i := range n {
				c.Records = append(c.Records, Record{Incident: "den-kcy-1", Body: &Observed{Event: fmt.Sprint("018f-", i), Source: "/telemetry/gnmic/den", Disposition: DidJoin, Anomaly: Anomaly{
					Kind: LinkErrors, State: Firing, Severity: Major, Resource: Resource{Device: "den", Interface: "ethernet-1/1"}, ObservedAt: testTime, Value: 3.2e-4, Unit: "ratio",
				}}})
			}
			raw, _, err := c.Encode()
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(raw)))
			var d Decoder
			for b.Loop() {
				if _, err := d.Decode(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestDecoderReadsRepetitions has one Decoder read many records of which each says nearly what the one before it said.
func TestDecoderReadsRepetitions(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	var d Decoder
	var o Observed
	for n := range 3000 {
		v := reflect.ValueOf(&o).Elem()
		if n%2 == 0 {
			v = v.FieldByName("Anomaly")
		}
		if n%3 == 0 {
			v = reflect.ValueOf(&o.Anomaly.Resource).Elem()
		}
		fill(v.Field(r.IntN(v.NumField())), r)
		raw, _, err := Commit{ID: "x", At: testTime, Records: []Record{{Incident: "i", Body: &o}}}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		want, err := strictDecode(raw)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := d.fast(raw)
		if !ok {
			t.Fatalf("the fast reader gives up on %s", raw)
		}
		if diff := cmp.Diff(want, got, alike); diff != "" {
			t.Fatalf("%s (-strict +fast):\n%s", raw, diff)
		}
	}
}
