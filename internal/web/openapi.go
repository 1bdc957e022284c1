package web

import (
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/web/api"
)

// object is one JSON object of the OpenAPI document.
type object = map[string]any

// openapi describes the API, made from the table of routes and the types that go in and out. What is for browsers alone,
// and what other programs call back, is left out.
func (s *Server) openapi(r *http.Request, _ events.Person) (any, error) {
	if _, err := ask(r); err != nil {
		return nil, err
	}
	schemas := newSchemas()
	told := object{api.ContentTypeProblem: object{"schema": schemas.of(reflect.TypeFor[api.Problem]())}}
	paths := map[string]object{}
	for _, rt := range s.routes {
		if rt.page || rt.foreign {
			continue
		}
		if paths[rt.path] == nil {
			paths[rt.path] = object{}
		}
		paths[rt.path][strings.ToLower(rt.method)] = rt.describe(schemas)
	}
	return object{
		"openapi": "3.1.0",
		"info": object{"title": "Detour", "version": "1", "description": "What Detour knows, what it is doing, and the orders that people give it. " +
			"Orders stand on the ledger when they are answered. Lists are never null; fields are only ever added."},
		"paths": paths,
		"components": object{
			"schemas": schemas.named,
			"responses": object{
				"Problem": object{"description": "What is wrong, and the remedy", "content": told},
				"TooManyRequests": object{"description": "This caller asks more often than it may", "content": told,
					"headers": object{"Retry-After": object{"description": "seconds until asking again may be worth it", "schema": object{"type": "integer"}}}},
			},
			"securitySchemes": object{
				"token": object{"type": "http", "scheme": "bearer"},
				"session": object{"type": "apiKey", "in": "cookie", "name": s.sessions.name,
					"description": "A browser's, begun by POST /api/v1/session. What changes something carries its csrf in the header " + CSRFHeader + "."},
			},
		},
	}, nil
}

var pathParam = regexp.MustCompile(`\{(\w+)\}`)

// describe is the route as one OpenAPI operation.
func (rt route) describe(schemas *schemas) object {
	params := []object{}
	for _, m := range pathParam.FindAllStringSubmatch(rt.path, -1) {
		params = append(params, object{"name": m[1], "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	for _, q := range rt.query {
		params = append(params, object{"name": q.name, "in": "query", "description": q.summary, "schema": object{"type": q.kind}})
	}
	content := object{rt.media: object{"schema": object{"type": "string"}}}
	if rt.media == "" {
		content = object{"application/json": object{"schema": schemas.of(reflect.TypeOf(rt.reply))}}
	}
	responses := object{"200": object{"description": "Done", "content": content}}
	for _, status := range rt.statuses() {
		response := "Problem"
		if status == http.StatusTooManyRequests {
			response = "TooManyRequests"
		}
		responses[strconv.Itoa(status)] = object{"$ref": "#/components/responses/" + response}
	}
	if rt.path == "/readyz" {
		responses["503"] = object{"description": "Not ready, and why", "content": content}
	}
	op := object{"summary": rt.summary, "operationId": operationID(rt), "parameters": params, "responses": responses}
	if rt.body != nil {
		op["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": schemas.of(reflect.TypeOf(rt.body))}}}
	}
	if rt.role != "" {
		op["security"] = []object{{"token": []string{}}, {"session": []string{}}}
		op["description"] = fmt.Sprintf("Needs the role %s.", rt.role)
		if rt.role == Viewer {
			op["description"] = "Needs any role."
		}
	}
	return op
}

// operationID is the route in camel case, for generated clients.
func operationID(rt route) string {
	id := strings.ToLower(rt.method)
	for part := range strings.SplitSeq(strings.TrimPrefix(rt.path, "/api/v1"), "/") {
		for word := range strings.FieldsFuncSeq(part, func(r rune) bool { return !('a' <= r && r <= 'z') }) {
			if strings.HasPrefix(part, "{") {
				id += "By"
			}
			id += strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return id
}
