package device

import (
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/goyang/pkg/yang"
	"github.com/openconfig/ygot/ytypes"

	"github.com/detour-net/detour/internal/device/oc"
)

// schema checks leaves against OpenConfig before they are sent. It remembers where in the model a kind of path leads, so
// that the check of a value costs little on the way to a Set.
type schema struct {
	mu    sync.Mutex
	root  *ytypes.Schema
	known map[string]container // by the path's element names
}

// container is the node of the model that holds a leaf.
type container struct {
	entry *yang.Entry
	kind  reflect.Type
}

func newSchema() (*schema, error) {
	root, err := oc.Schema()
	if err != nil {
		return nil, fmt.Errorf("load the OpenConfig schema: %w", err)
	}
	return &schema{root: root, known: map[string]container{}}, nil
}

// validate checks one leaf: that its path exists and, unless value is nil (a delete), that value is of its type and range.
// The path's list keys are checked when a path of its form is first seen.
func (s *schema) validate(path *gnmi.Path, value *gnmi.TypedValue) error {
	split := leafBelow(path.GetElem())
	at, err := s.container(path.GetElem()[:split])
	if err != nil {
		return fmt.Errorf("path does not fit the OpenConfig schema: %w", err)
	}
	rest := &gnmi.Path{Elem: path.GetElem()[split:]}
	node := reflect.New(at.kind).Interface()
	if value == nil {
		if _, _, err := ytypes.GetOrCreateNode(at.entry, node, rest); err != nil {
			return fmt.Errorf("path does not fit the OpenConfig schema: %w", err)
		}
		return nil
	}
	if err := ytypes.SetNode(at.entry, node, rest, value, &ytypes.InitMissingElements{}); err != nil {
		return fmt.Errorf("value does not fit the OpenConfig schema: %w", err)
	}
	return nil
}

// leafBelow is where a path's container ends and its leaf begins: the generated structs leave config and state out, so
// what is below the container may be "config/metric" or just "in-octets".
func leafBelow(elems []*gnmi.PathElem) int {
	n := len(elems)
	if n >= 2 && (elems[n-2].GetName() == "config" || elems[n-2].GetName() == "state") {
		return n - 2
	}
	return max(n-1, 0)
}

// container finds the node at a path.
func (s *schema) container(elems []*gnmi.PathElem) (container, error) {
	var form strings.Builder
	for _, e := range elems {
		form.WriteString("/" + e.GetName())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.known[form.String()]; ok {
		return at, nil
	}
	node, entry, err := ytypes.GetOrCreateNode(s.root.RootSchema(), &oc.Device{}, &gnmi.Path{Elem: elems})
	if err != nil {
		return container{}, err
	}
	at := container{entry, reflect.TypeOf(node).Elem()}
	s.known[form.String()] = at
	return at, nil
}
