package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// TypeAnomaly is the CloudEvents type of an anomaly.
const TypeAnomaly = "net.detour.anomaly.v1"

// Content types of the two CloudEvents modes on the bus.
const (
	ContentTypeCloudEvent = "application/cloudevents+json"
	ContentTypeJSON       = "application/json"
)

// Event is one CloudEvents 1.0 envelope around an anomaly.
type Event struct {
	SpecVersion     string    `json:"specversion"`
	Type            string    `json:"type"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Time            time.Time `json:"time,omitzero"`
	DataContentType string    `json:"datacontenttype,omitempty"`
	DataSchema      string    `json:"dataschema,omitempty"`
	Subject         string    `json:"subject,omitempty"`
	Data            Anomaly   `json:"data"`
	Extensions      Extension `json:"-"`
}

// Extension holds the CloudEvents extension attributes that Detour carries on: W3C trace context.
type Extension struct{ TraceParent, TraceState string }

// Identity is what makes an event unique: CloudEvents 1.0 requires source and id together to be unique.
func (e Event) Identity() string { return e.Source + "\x00" + e.ID }

// ParseEvent reads a structured-mode CloudEvent. Extension attributes are allowed and ignored but for the trace
// context; everything in data is strict, since a misspelt field there would be a fact that silently went missing.
func ParseEvent(raw []byte) (Event, error) { return new(Decoder).ParseEvent(raw) }

// ParseEvent is the function ParseEvent.
func (d *Decoder) ParseEvent(raw []byte) (Event, error) {
	if len(raw) > MaxEventBytes {
		return Event{}, fmt.Errorf("event of %d bytes, at most %d are taken", len(raw), MaxEventBytes)
	}
	if e, ok := d.fastEvent(raw); ok {
		return e, nil
	}
	return strictEvent(raw)
}

func strictEvent(raw []byte) (Event, error) {
	var env struct {
		Event
		Data        json.RawMessage `json:"data"`
		TraceParent string          `json:"traceparent"`
		TraceState  string          `json:"tracestate"`
	}
	if err := decodeOne(raw, &env, false); err != nil {
		return Event{}, fmt.Errorf("read CloudEvent: %w", err)
	}
	e := env.Event
	e.Extensions = Extension{TraceParent: env.TraceParent, TraceState: env.TraceState}
	return finish(e, env.Data)
}

// ParseBinary reads a binary-mode CloudEvent: attributes in headers named "ce-…", the anomaly as the body. header
// returns the first value of a header, or "".
func ParseBinary(header func(string) string, body []byte) (Event, error) {
	if len(body) > MaxEventBytes {
		return Event{}, fmt.Errorf("event of %d bytes, at most %d are taken", len(body), MaxEventBytes)
	}
	e := Event{
		SpecVersion: header("ce-specversion"), Type: header("ce-type"), ID: header("ce-id"), Source: header("ce-source"),
		Subject: header("ce-subject"), DataSchema: header("ce-dataschema"), DataContentType: header("content-type"),
		Extensions: Extension{TraceParent: header("ce-traceparent"), TraceState: header("ce-tracestate")},
	}
	if t := header("ce-time"); t != "" {
		at, err := time.Parse(time.RFC3339Nano, t)
		if err != nil {
			return Event{}, fmt.Errorf("header ce-time is %q, want RFC 3339", t)
		}
		e.Time = at
	}
	return finish(e, body)
}

// checkEnvelope checks everything but the data.
func (e Event) checkEnvelope() error {
	switch {
	case e.SpecVersion != "1.0":
		return fmt.Errorf("specversion is %q, want \"1.0\"", e.SpecVersion)
	case e.Type != TypeAnomaly:
		return fmt.Errorf("type is %q, want %q", e.Type, TypeAnomaly)
	case e.ID == "" || len(e.ID) > maxName:
		return fmt.Errorf("id is empty or longer than %d bytes", maxName)
	case e.Source == "" || len(e.Source) > maxName:
		return fmt.Errorf("source is empty or longer than %d bytes", maxName)
	case e.DataContentType != "" && !strings.HasPrefix(e.DataContentType, ContentTypeJSON):
		return fmt.Errorf("datacontenttype is %q, want %q", e.DataContentType, ContentTypeJSON)
	}
	return nil
}

func finish(e Event, data []byte) (Event, error) {
	if err := e.checkEnvelope(); err != nil {
		return Event{}, err
	}
	if len(data) == 0 {
		return Event{}, errors.New("data is missing")
	}
	if err := decodeOne(data, &e.Data, true); err != nil {
		return Event{}, fmt.Errorf("read data: %w", err)
	}
	if err := e.Data.Validate(); err != nil {
		return Event{}, err
	}
	return e, nil
}

// decodeOne decodes exactly one JSON value from raw.
func decodeOne(raw []byte, into any, strict bool) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	if strict {
		d.DisallowUnknownFields()
	}
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("more than one JSON value")
	}
	return nil
}
