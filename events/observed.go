package events

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// Nearly every record of a ledger is Observed, in a storm thousands in a second. So this one kind is written and read
// field by field, to the same bytes and with the same result as encoding/json; what is unusual is left to that.

// readObserved is the fast reader of Observed as Encode writes it.
func readObserved(s *scan) (Body, bool) {
	o, last := s.observed(len(s.raw)-s.at), &s.last.observed
	ok := s.literal(`{"event":`) && s.once(&o.Event) &&
		s.literal(`,"source":`) && s.again(&last.Source, &o.Source) &&
		s.literal(`,"anomaly":`) && s.anomaly(&o.Anomaly) &&
		s.literal(`,"disposition":`) && s.again((*string)(&last.Disposition), (*string)(&o.Disposition)) &&
		(!s.literal(`,"detail":`) || s.again(&last.Detail, &o.Detail)) &&
		s.literal("}")
	if !ok {
		return nil, false
	}
	return o, true
}

// event takes an event in the same way, as Go programs publish it: without white space, in the order of Event's fields.
func (s *scan) event(e *Event) bool {
	return s.literal(`{"specversion":`) && s.text(&e.SpecVersion) &&
		s.literal(`,"type":`) && s.text(&e.Type) &&
		s.literal(`,"id":`) && s.text(&e.ID) &&
		s.literal(`,"source":`) && s.again(&s.last.observed.Source, &e.Source) &&
		(!s.literal(`,"time":`) || s.time(&e.Time)) &&
		(!s.literal(`,"datacontenttype":`) || s.text(&e.DataContentType)) &&
		(!s.literal(`,"dataschema":`) || s.text(&e.DataSchema)) &&
		(!s.literal(`,"subject":`) || s.text(&e.Subject)) &&
		s.literal(`,"data":`) && s.anomaly(&e.Data) &&
		s.literal("}") && s.at == len(s.raw)
}

func (s *scan) anomaly(a *Anomaly) bool {
	last := &s.last.observed.Anomaly
	return s.literal(`{"kind":`) && s.again((*string)(&last.Kind), (*string)(&a.Kind)) &&
		s.literal(`,"state":`) && s.again((*string)(&last.State), (*string)(&a.State)) &&
		s.literal(`,"severity":`) && s.again((*string)(&last.Severity), (*string)(&a.Severity)) &&
		s.literal(`,"resource":`) && s.resource(&last.Resource, &a.Resource) &&
		s.literal(`,"observed_at":`) && s.time(&a.ObservedAt) &&
		s.literal(`,"value":`) && s.float(&s.last.value, &a.Value) &&
		(!s.literal(`,"unit":`) || s.again(&last.Unit, &a.Unit)) &&
		(!s.literal(`,"threshold":`) || s.float(&s.last.threshold, &a.Threshold)) &&
		(!s.literal(`,"window":`) || s.again(&last.Window, &a.Window)) &&
		(!s.literal(`,"evidence":{`) || s.evidence(a)) &&
		(!s.literal(`,"labels":{`) || s.labels(a)) &&
		s.literal("}")
}

// once takes any string, which will hardly come again.
func (s *scan) once(into *string) bool {
	if text, ok := s.plain(); ok {
		*into = s.name(text)
		return true
	}
	return s.text(into)
}

// again takes any string, and at once if it is the one that was last taken in its place. last is only ever a string that
// stands in JSON as it is, without escapes.
func (s *scan) again(last, into *string) bool {
	end := s.at + 1 + len(*last)
	if *last != "" && end < len(s.raw) && s.raw[s.at] == '"' && s.raw[end] == '"' && string(s.raw[s.at+1:end]) == *last {
		*into, s.at = *last, end+1
		return true
	}
	if text, ok := s.plain(); ok {
		*into = s.keep(text)
		*last = *into
		return true
	}
	return s.text(into)
}

func (s *scan) resource(last, into *Resource) bool {
	if !s.literal("{") {
		return false
	}
	start := s.at
	return s.member(start, `"device":`, &last.Device, &into.Device) &&
		s.member(start, `"interface":`, &last.Interface, &into.Interface) &&
		s.member(start, `"link":`, &last.Link, &into.Link) &&
		s.member(start, `"lag":`, &last.LAG, &into.LAG) &&
		s.member(start, `"member":`, &last.Member, &into.Member) &&
		s.member(start, `"linecard":`, &last.Linecard, &into.Linecard) &&
		s.member(start, `"srlg":`, &last.SRLG, &into.SRLG) &&
		s.member(start, `"peer":`, &last.Peer, &into.Peer) &&
		s.literal("}")
}

// member takes one string of an object that began at start, if it is there.
func (s *scan) member(start int, name string, last, into *string) bool {
	before := s.at
	if before > start && !s.literal(",") {
		return true
	}
	if s.literal(name) {
		return s.again(last, into)
	}
	s.at = before
	return true
}

// evidence takes what follows the opening brace of an anomaly's evidence.
func (s *scan) evidence(a *Anomaly) bool {
	for a.Evidence = map[string]float64{}; !s.literal("}"); {
		var name string
		var value float64
		if len(a.Evidence) > 0 && !s.literal(",") || !s.text(&name) || !s.literal(":") || !s.float(&s.last.evidence, &value) {
			return false
		}
		a.Evidence[name] = value
	}
	return true
}

// labelsHead is how many bytes labels are told apart by.
const labelsHead = 32

// labels takes what follows the opening brace of an anomaly's labels. Events with the same labels share them in memory.
func (s *scan) labels(a *Anomaly) bool {
	last := &s.last.labels[mix(s.raw[s.at:min(s.at+labelsHead, len(s.raw))])%uint64(len(s.last.labels))]
	if last.raw != nil && bytes.HasPrefix(s.raw[s.at:], last.raw) {
		s.at += len(last.raw)
		a.Labels = last.of
		return true
	}
	from := s.at
	for a.Labels = map[string]string{}; !s.literal("}"); {
		var name, value string
		if len(a.Labels) > 0 && !s.literal(",") || !s.text(&name) || !s.literal(":") || !s.text(&value) {
			return false
		}
		a.Labels[name] = value
	}
	*last = labels{append(last.raw[:0], s.raw[from:s.at]...), a.Labels}
	return true
}

// number is one as it was written.
type number struct {
	text  []byte
	value float64
}

// float takes a number, and at once if it is the one that was last taken in its place.
func (s *scan) float(last *number, into *float64) bool {
	text, ok := s.number()
	if !ok {
		return false
	}
	if string(text) != string(last.text) {
		f, err := strconv.ParseFloat(string(text), 64)
		if err != nil {
			return false
		}
		last.text, last.value = append(last.text[:0], text...), f
	}
	*into = last.value
	return true
}

// appendBody appends b as encoding/json would write it.
func appendBody(to []byte, b Body) ([]byte, error) {
	if o, ok := b.(*Observed); ok && o.usual() {
		return appendObserved(to, o)
	}
	raw, err := json.Marshal(b)
	return append(to, raw...), err
}

// usual reports whether appendObserved can write o.
func (o *Observed) usual() bool {
	a := o.Anomaly
	return len(a.Evidence) == 0 && len(a.Labels) == 0 && plainFloat(a.Value) && plainFloat(a.Threshold)
}

func appendObserved(to []byte, o *Observed) ([]byte, error) {
	a := o.Anomaly
	to = appendField(to, `{"event":`, o.Event)
	to = appendField(to, `,"source":`, o.Source)
	to = appendField(to, `,"anomaly":{"kind":`, string(a.Kind))
	to = appendField(to, `,"state":`, string(a.State))
	to = appendField(to, `,"severity":`, string(a.Severity))
	to = append(to, `,"resource":`...)
	to = appendResource(to, a.Resource)
	to = append(to, `,"observed_at":`...)
	to, err := appendTime(to, a.ObservedAt)
	if err != nil {
		return to, err
	}
	to = strconv.AppendFloat(append(to, `,"value":`...), a.Value, 'f', -1, 64)
	to = appendIfGiven(to, `,"unit":`, a.Unit)
	if a.Threshold != 0 {
		to = strconv.AppendFloat(append(to, `,"threshold":`...), a.Threshold, 'f', -1, 64)
	}
	to = appendIfGiven(to, `,"window":`, a.Window)
	to = appendField(to, `},"disposition":`, string(o.Disposition))
	to = appendIfGiven(to, `,"detail":`, o.Detail)
	return append(to, '}'), nil
}

func appendResource(to []byte, r Resource) []byte {
	start := len(to)
	for _, f := range [...]struct{ name, value string }{
		{`,"device":`, r.Device}, {`,"interface":`, r.Interface}, {`,"link":`, r.Link}, {`,"lag":`, r.LAG},
		{`,"member":`, r.Member}, {`,"linecard":`, r.Linecard}, {`,"srlg":`, r.SRLG}, {`,"peer":`, r.Peer},
	} {
		to = appendIfGiven(to, f.name, f.value)
	}
	if len(to) == start {
		return append(to, "{}"...)
	}
	to[start] = '{' // instead of the first comma
	return append(to, '}')
}

func appendField(to []byte, name, value string) []byte { return appendText(append(to, name...), value) }

func appendIfGiven(to []byte, name, value string) []byte {
	if value == "" {
		return to
	}
	return appendField(to, name, value)
}

// appendText appends text as a JSON string.
func appendText(to []byte, text string) []byte {
	start := len(to)
	to = append(append(to, '"'), text...)
	if !verbatim(to[start+1:]) {
		raw, _ := json.Marshal(text) // a string always encodes
		return append(to[:start], raw...)
	}
	return append(to, '"')
}

// verbatim reports whether encoding/json writes text as it is.
func verbatim(text []byte) bool {
	for ; len(text) >= 8; text = text[8:] {
		if eight := binary.LittleEndian.Uint64(text); !allPlain(eight) || !noneForHTML(eight) {
			return false
		}
	}
	for _, b := range text {
		if b < ' ' || b >= 0x80 || b == '"' || b == '\\' || b == '<' || b == '>' || b == '&' {
			return false
		}
	}
	return true
}

// noneForHTML reports of eight bytes, as allPlain does, whether encoding/json leaves them as they are for the sake of HTML:
// '<' and '>' differ in one bit.
func noneForHTML(eight uint64) bool {
	const each, top = 0x0101010101010101, 0x8080808080808080
	angle, ampersand := eight&^(each*('<'^'>'))^each*'<', eight^each*'&'
	return ((angle-each)|(ampersand-each))&top == 0
}

// appendTime appends t as time.Time's MarshalJSON writes it; a year that RFC 3339 cannot express is an error.
func appendTime(to []byte, t time.Time) ([]byte, error) {
	to, err := t.AppendText(append(to, '"'))
	return append(to, '"'), err
}

// plainFloat reports whether JSON writes f without an exponent.
func plainFloat(f float64) bool {
	abs := math.Abs(f)
	return abs == 0 || abs >= 1e-6 && abs < 1e21
}
