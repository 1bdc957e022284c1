package events

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// contractEvent is the event that the contract shows.
const contractEvent = `{"specversion":"1.0","type":"net.detour.anomaly.v1","id":"018f","source":"/telemetry/gnmic/den","time":"2026-11-20T12:00:00Z",
 "datacontenttype":"application/json","subject":"den/ethernet-1/1","traceparent":"00-aa-bb-01",
 "data":{"kind":"link-errors","state":"firing","severity":"major",
  "resource":{"device":"den","interface":"ethernet-1/1"},
  "observed_at":"2026-11-20T12:00:00Z","value":3.2e-4,"unit":"ratio","threshold":1e-4,"window":"30s",
  "evidence":{"errors":9600,"packets":30000000},"labels":{"site":"den"}}}`

func TestParseEvent(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	want := Event{
		SpecVersion: "1.0", Type: TypeAnomaly, ID: "018f", Source: "/telemetry/gnmic/den", Time: at, DataContentType: "application/json",
		Subject: "den/ethernet-1/1", Extensions: Extension{TraceParent: "00-aa-bb-01"},
		Data: Anomaly{
			Kind: LinkErrors, State: Firing, Severity: Major, Resource: Resource{Device: "den", Interface: "ethernet-1/1"}, ObservedAt: at,
			Value: 3.2e-4, Unit: "ratio", Threshold: 1e-4, Window: "30s",
			Evidence: map[string]float64{"errors": 9600, "packets": 30000000}, Labels: map[string]string{"site": "den"},
		},
	}
	if _, ok := new(Decoder).fastEvent([]byte(contractEvent)); !ok {
		t.Error("the fast reader gives up on the usual event")
	}
	got, err := ParseEvent([]byte(contractEvent))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatalf("%v\n%s", err, diff)
	}
	headers, data := binaryOf(t, contractEvent)
	got, err = ParseBinary(func(name string) string { return headers[name] }, data)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatalf("binary mode: %v\n%s", err, diff)
	}
}

// binaryOf turns a structured event into headers and a body.
func binaryOf(t testing.TB, structured string) (map[string]string, []byte) {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(structured), &all); err != nil {
		t.Fatal(err)
	}
	headers := map[string]string{}
	for name, raw := range all {
		var text string
		if json.Unmarshal(raw, &text) == nil {
			headers["ce-"+name] = text
		}
	}
	headers["content-type"] = headers["ce-datacontenttype"]
	return headers, all["data"]
}

func TestParseEventRefuses(t *testing.T) {
	swap := func(old, new string) string {
		if !strings.Contains(contractEvent, old) {
			t.Fatalf("no %s in the event", old)
		}
		return strings.Replace(contractEvent, old, new, 1)
	}
	for _, c := range []struct{ name, raw, want string }{
		{"nothing", "", "EOF"},
		{"a list", "[]", "cannot unmarshal"},
		{"two events", contractEvent + contractEvent, "more than one JSON value"},
		{"another specversion", swap(`"1.0"`, `"0.3"`), "specversion"},
		{"no id", swap(`"018f"`, `""`), "id is empty"},
		{"an endless source", swap(`/telemetry`, strings.Repeat("x", 300)), "source"},
		{"no data", `{"specversion":"1.0","type":"net.detour.anomaly.v1","id":"1","source":"s"}`, "data is missing"},
		{"data of another type", swap(`"application/json"`, `"text/plain"`), "datacontenttype"},
		{"an unknown field in data", swap(`"unit"`, `"units"`), `unknown field "units"`},
		{"no kind", swap(`"link-errors"`, `""`), "data.kind"},
		{"an unknown severity", swap(`"major"`, `"bad"`), "data.severity"},
		{"nothing named", swap(`{"device":"den","interface":"ethernet-1/1"}`, `{}`), "data.resource"},
		{"no time", swap(`"observed_at":"2026-11-20T12:00:00Z",`, ``), "data.observed_at"},
		{"a negative window", swap(`"30s"`, `"-30s"`), "data.window"},
		{"an endless window", swap(`"30s"`, `"1.`+strings.Repeat("0", 300)+`s"`), "303 bytes"},
		{"an endless label", swap(`"site":"den"`, `"site":"`+strings.Repeat("x", 300)+`"`), "300 bytes"},
		{"oversized", strings.Repeat(" ", MaxEventBytes+1), "at most 1048576"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseEvent([]byte(c.raw))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add([]byte(contractEvent))
	f.Add([]byte(`{"specversion":"1.0","type":"net.detour.anomaly.v1","id":"1","source":"s","data":{}}`))
	f.Add([]byte(`{"data":{"severity":"info","kind":"x","state":"resolved","observed_at":"2026-11-20T12:00:00Z","resource":{"link":"a-b"},"labels":{"a":"\u00e9","a":"b"}},"source":"s","id":"1","id":"2","type":"net.detour.anomaly.v1","specversion":"1.0"} `))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := strictEvent(raw)
		if fast, ok := new(Decoder).fastEvent(raw); ok && (err != nil || !cmp.Equal(e, fast)) {
			t.Fatalf("%v (-strict +fast):\n%s", err, cmp.Diff(e, fast))
		}
		if err != nil || len(raw) > MaxEventBytes {
			return
		}
		if err := e.Data.Validate(); err != nil {
			t.Fatalf("taken though invalid: %v", err)
		}
		checkSubject(t, AnomalySubject("core", e.Data))
		again, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseEvent(again)
		if err != nil && len(again) <= MaxEventBytes {
			t.Fatalf("what was written cannot be read: %v\n%s", err, again)
		}
		e.Extensions = Extension{}
		if diff := cmp.Diff(e, back, cmpopts.EquateEmpty()); err == nil && diff != "" {
			t.Fatalf("(-first +second):\n%s", diff)
		}
	})
}

func FuzzParseBinary(f *testing.F) {
	headers, data := binaryOf(f, contractEvent)
	f.Add(headers["ce-id"], headers["ce-source"], headers["ce-time"], headers["content-type"], data)
	f.Add("1", "s", "yesterday", "", []byte("{}"))
	f.Fuzz(func(t *testing.T, id, source, at, content string, data []byte) {
		headers := map[string]string{"ce-specversion": "1.0", "ce-type": TypeAnomaly, "ce-id": id, "ce-source": source, "ce-time": at, "content-type": content}
		e, err := ParseBinary(func(name string) string { return headers[name] }, data)
		if err != nil {
			return
		}
		if e.ID != id || e.Source != source || e.Data.Validate() != nil {
			t.Fatalf("read as %+v", e)
		}
	})
}

// checkSubject holds a subject to what the bus takes: tokens, and no wildcard.
func checkSubject(t *testing.T, subject string) {
	t.Helper()
	tokens := strings.Split(subject, ".")
	if len(tokens) != 6 {
		t.Fatalf("subject %q has %d tokens", subject, len(tokens))
	}
	for _, token := range tokens {
		if token == "" || strings.ContainsAny(token, " *>\t\r\n") {
			t.Fatalf("subject %q is not one that can be published on", subject)
		}
	}
}

func TestSubjects(t *testing.T) {
	for _, c := range []struct {
		got, want string
	}{
		{Token(""), "_"},
		{Token("Den.1/x y"), "den_1_x_y"},
		{Token("größe"), "gr__e"},
		{AnomalySubject("Core", Anomaly{Kind: LinkFlap, Resource: Resource{Device: "den"}}), "detour.v1.anomalies.core.link-flap.den"},
		{AnomalySubject("core", Anomaly{Kind: LinkFlap, Resource: Resource{Link: "a-b"}}), "detour.v1.anomalies.core.link-flap.link_a-b"},
		{LedgerSubject("core", ""), "detour.v1.ledger.core._"},
		{LedgerSubject("core", "den-kcy-1"), "detour.v1.ledger.core.den-kcy-1"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func FuzzValue(f *testing.F) {
	for _, seed := range []string{"10", `"GLOBAL_METRIC"`, "null", `{"a":[1,2]}`, "1e400", `"x`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var v Value
		if json.Unmarshal(raw, &v) != nil {
			return
		}
		again, err := json.Marshal(v)
		if err != nil {
			t.Fatalf("%q was read and cannot be written: %v", raw, err)
		}
		var back Value
		if err := json.Unmarshal(again, &back); err != nil || back.Absent() != v.Absent() {
			t.Fatalf("%q became %q, %v", v, back, err)
		}
		if n, ok := v.Uint(); ok {
			if m, ok := back.Uint(); !ok || m != n {
				t.Fatalf("%d became %d", n, m)
			}
		}
	})
}

func FuzzParseScope(f *testing.F) {
	for _, seed := range []string{"", "network", "site:den", "link:a-b:c", "site:", ":x", "galaxy:milky"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseScope(text)
		if err != nil {
			return
		}
		again, err := ParseScope(string(s))
		if err != nil || again != s {
			t.Fatalf("%q became %q, %v", s, again, err)
		}
		if s != Network && ScopeOf(s.Kind(), strings.TrimPrefix(string(s), s.Kind()+":")) != s {
			t.Fatalf("%q does not come apart", s)
		}
	})
}
