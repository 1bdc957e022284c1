package events

import (
	"reflect"
	"time"
)

// A ledger is read far more often than written: every start follows it from the first record, and a storm of anomalies
// is thousands of events at once. So what is usual is read in one pass: commits as Encode writes them, events that are
// complete and valid. At anything else the fast reader gives up, and encoding/json has the word: what is accepted, and
// what an error says, is decided there alone.

// fast reads a commit as Encode writes it. It leaves the digest out.
func (d *Decoder) fast(raw []byte) (c Commit, ok bool) {
	s := &scan{raw: raw, Decoder: d}
	var at time.Time
	ok = s.literal(`{"v":1,"id":`) && s.once(&c.ID) &&
		s.literal(`,"prev":`) && s.again((*string)(&s.last.digest), (*string)(&c.Prev)) &&
		s.literal(`,"at":`) && s.time(&at) &&
		s.literal(`,"by":`) && s.again(&s.last.by, &c.By) &&
		s.literal(`,"records":[`)
	c.At = at
	d.slab = nil // what is kept of one commit must not keep another
	list := d.list[:0]
	for ok && !s.literal("]") {
		n := len(list)
		list = append(list, Record{})
		ok = (n == 0 || s.literal(",")) && s.record(&list[n])
	}
	c.Records = append(make([]Record, 0, len(list)), list...)
	clear(list)
	d.list = list
	ok = ok && s.literal("}") && s.at == len(raw)
	return c, ok
}

func (s *scan) record(r *Record) bool {
	if !s.literal(`{"kind":`) {
		return false
	}
	text, ok := s.plain()
	if !ok {
		return false
	}
	if s.last.kind == "" || string(text) != string(s.last.kind) {
		kind := Kind(text)
		codec, known := bodies[kind]
		if !known {
			return false
		}
		s.last.kind, s.last.codec = kind, codec
	}
	if s.literal(`,"incident":`) && !s.again(&s.last.incident, &r.Incident) || !s.literal(`,"body":`) {
		return false
	}
	r.Body, ok = s.last.codec.fast(s)
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
	w, s := &d.event, &scan{raw: raw, Decoder: d}
	*w = wireEvent{}
	if !s.event(&w.Event) {
		*w, s.at = wireEvent{}, 0
		ok := envelopes.event(s, reflect.ValueOf(w).Elem())
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
