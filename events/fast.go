package events

import (
	"bytes"
	"reflect"
	"time"
)

// A ledger is read far more often than written: every start follows it from the first record, and a storm of anomalies
// is thousands of events at once. So what is usual is read in one pass: commits as Encode writes them, events that are
// complete and valid. At anything else the fast reader gives up, and encoding/json has the word: what is accepted, and
// what an error says, is decided there alone.

// Decoder reads many commits or events one after the other. What their strings have in common, which is most, they share in
// memory. The zero Decoder is ready; it must not be used by two goroutines at once.
type Decoder struct {
	seen [64]string
	last Observed // strings as they were last read in their places
	prev Digest   // of the last commit, which the next one names
}

// Decode is the function Decode.
func (d *Decoder) Decode(raw []byte) (Commit, error) {
	if c, ok := d.fast(raw); ok {
		return c, nil
	}
	return strictDecode(raw)
}

// longName bounds the strings that are shared, in bytes: one that is longer is a sentence and will hardly come again.
const longName = 80

// keep makes a string of text, or finds the one that was made before.
func (d *Decoder) keep(text []byte) string {
	if len(text) == 0 {
		return ""
	}
	if len(text) > longName {
		return string(text)
	}
	last := len(text) - 1
	slot := &d.seen[(uint(last)*7+uint(text[0])*3+uint(text[last/2])*5+uint(text[last]))%uint(len(d.seen))]
	if *slot != string(text) {
		*slot = string(text)
	}
	return *slot
}

func (d *Decoder) fast(raw []byte) (c Commit, ok bool) {
	s := &scan{raw: raw, Decoder: d}
	var at time.Time
	ok = s.literal(`{"v":1,"id":`) && s.text(&c.ID) &&
		s.literal(`,"prev":`) && s.again((*string)(&d.prev), (*string)(&c.Prev)) &&
		s.literal(`,"at":`) && s.unmarshal(&at) &&
		s.literal(`,"by":`) && s.text(&c.By) &&
		s.literal(`,"records":[`)
	c.At = at
	c.Records = make([]Record, 0, 1+bytes.Count(raw, []byte(`}},{"kind":"`)))
	for ok && !s.literal("]") {
		var r Record
		ok = (len(c.Records) == 0 || s.literal(",")) && s.record(&r)
		c.Records = append(c.Records, r)
	}
	ok = ok && s.literal("}") && s.at == len(raw)
	c.Digest = DigestBytes(raw)
	d.prev = c.Digest
	return c, ok
}

func (s *scan) record(r *Record) bool {
	if !s.literal(`{"kind":`) {
		return false
	}
	kind, ok := s.plain()
	if !ok {
		return false
	}
	codec, known := bodies[Kind(kind)]
	if !known || s.literal(`,"incident":`) && !s.text(&r.Incident) || !s.literal(`,"body":`) {
		return false
	}
	r.Body, ok = codec.fast(s)
	return ok && s.literal("}")
}

// wireEvent is a CloudEvent with its data, and the extension attributes that Detour carries on.
type wireEvent struct {
	Event
	TraceParent string `json:"traceparent"`
	TraceState  string `json:"tracestate"`
}

// envelopes are the readers of envelopes, made once from their types, as bodies are those of bodies.
var envelopes = struct{ event read }{event: reader(reflect.TypeFor[wireEvent]())}

// fastEvent is ParseEvent for the usual event: complete and valid, with no attributes but those that Event knows.
func (d *Decoder) fastEvent(raw []byte) (Event, bool) {
	var w wireEvent
	s := &scan{raw: raw, Decoder: d}
	if !s.event(&w.Event) {
		w, s.at = wireEvent{}, 0
		ok := envelopes.event(s, reflect.ValueOf(&w).Elem())
		s.space()
		if !ok || s.at != len(raw) {
			return Event{}, false
		}
	}
	if w.checkEnvelope() != nil || w.Data.Validate() != nil {
		return Event{}, false
	}
	w.Extensions = Extension{TraceParent: w.TraceParent, TraceState: w.TraceState}
	return w.Event, true
}
