package web

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
)

// schemas collects the JSON Schemas of Go types as encoding/json writes them.
type schemas struct{ named map[string]object }

func newSchemas() *schemas { return &schemas{named: map[string]object{}} }

// of is the schema of t: a reference for a named struct, the schema itself for anything else.
func (s *schemas) of(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case reflect.TypeFor[events.Value](), reflect.TypeFor[json.RawMessage]():
		return object{} // any JSON
	}
	if t.Kind() != reflect.Pointer && t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return object{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Int, reflect.Int64, reflect.Uint32, reflect.Uint64:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return object{"type": "string", "contentEncoding": "base64"}
		}
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		return s.structure(t)
	}
	return object{} // an interface: any JSON
}

// structure names a struct by package and name, so that api.Incident and incident.Incident stay apart.
func (s *schemas) structure(t reflect.Type) object {
	name := t.Name()
	if pkg := t.PkgPath()[strings.LastIndex(t.PkgPath(), "/")+1:]; pkg != "api" {
		name = pkg + "." + name
	}
	ref := object{"$ref": "#/components/schemas/" + name}
	if _, known := s.named[name]; known {
		return ref
	}
	properties, required := object{}, []string{}
	s.named[name] = object{} // ends recursion
	s.fields(t, properties, &required)
	s.named[name] = object{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
	return ref
}

// fields adds a struct's fields; those of an embedded struct count as its own, and give way to them.
func (s *schemas) fields(t reflect.Type, properties object, required *[]string) {
	var embedded []reflect.Type
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			embedded = append(embedded, f.Type)
			continue
		case !f.IsExported() || name == "-":
			continue
		case name == "":
			name = f.Name
		}
		if _, shadowed := properties[name]; shadowed {
			continue
		}
		schema := s.of(f.Type)
		if nullable(f.Type) && !strings.Contains(options, "omit") {
			schema = object{"anyOf": []object{schema, {"type": "null"}}}
		}
		properties[name] = schema
		if !strings.Contains(options, "omit") {
			*required = append(*required, name)
		}
	}
	for _, e := range embedded {
		s.fields(e, properties, required)
	}
}

// nullable reports whether encoding/json may write null for a t.
func nullable(t reflect.Type) bool {
	return t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map
}
