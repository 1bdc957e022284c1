package agent

import (
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/internal/backbone/model"
	"github.com/detour-net/detour/internal/backbone/target"
)

// longestDescription is how much the kernel keeps of an interface's alias, in octets (IFALIASZ of linux/if.h, less its end).
const longestDescription = 255

// changeTo is what has to be altered for the router to become as a plan wants it. It refuses what this router cannot be
// told. All errors are statuses.
func (s *snapshot) changeTo(after target.Settings, p *target.Plan) (change, error) {
	var c change
	for _, leaf := range p.Changes(s.settings, after) {
		path, err := model.Parse(leaf.Path)
		if err != nil {
			return c, status.Error(codes.Internal, err.Error())
		}
		if err := s.checkPlace(path); err != nil {
			return c, err
		}
		if err := s.alter(&c, path, leaf, after); err != nil {
			return c, err
		}
	}
	return c, nil
}

// checkPlace refuses places that this router does not have.
func (s *snapshot) checkPlace(path model.Elems) error {
	switch path[0].GetName() {
	case "interfaces":
		if name := path[min(1, len(path)-1)].GetKey()["name"]; !has(s.ports, name) {
			return status.Errorf(codes.NotFound, "there is no interface %q", name)
		}
	case "network-instances":
		instance := isisPath()
		for i := range min(len(path), len(instance)) {
			if !model.Matches(instance[:i+1], path) {
				return status.Errorf(codes.NotFound, "%s is not configured on this router", model.Key(path[:i+1]))
			}
		}
		return s.checkISIS(path[min(len(path), len(instance)):])
	}
	return nil
}

// checkISIS refuses interfaces and levels that IS-IS does not run on. The path is below the IS-IS instance.
func (s *snapshot) checkISIS(path model.Elems) error {
	if len(path) < 2 || path[0].GetName() != "interfaces" {
		return nil
	}
	name := path[1].GetKey()["interface-id"]
	switch {
	case !has(s.ports, name):
		return status.Errorf(codes.NotFound, "there is no interface %q", name)
	case !has(s.config.Interfaces, name):
		return status.Errorf(codes.FailedPrecondition, "IS-IS does not run on interface %s", name)
	}
	if len(path) > 3 && path[2].GetName() == "levels" && path[3].GetKey()["level-number"] != "2" {
		return status.Errorf(codes.FailedPrecondition, "interface %s runs level 2 alone", name)
	}
	return nil
}

func has[V any](m map[string]V, key string) bool {
	_, ok := m[key]
	return ok
}

// alter adds to a change what one leaf asks for.
func (s *snapshot) alter(c *change, path model.Elems, leaf target.Change, after target.Settings) error {
	last := path[len(path)-1].GetName()
	switch value, ok := after[leaf.Path]; {
	case path[0].GetName() == "interfaces" && len(path) == 4 && last == "enabled":
		set(&c.Enabled, path[1].GetKey()["name"], !ok || value.Value.Bool()) // true is the model's default
		return nil
	case path[0].GetName() == "interfaces" && len(path) == 4 && last == "description":
		text := value.Value.Text()
		if len(text) > longestDescription || strings.ContainsRune(text, 0) {
			return status.Errorf(codes.InvalidArgument, "%s: want at most %d octets, none of them zero", leaf.Path, longestDescription)
		}
		set(&c.Descriptions, path[1].GetKey()["name"], text)
		return nil
	case leaf.Path == model.Key(model.Join(overloadPath(), model.E("config"), model.E("set-bit"))):
		overload := ok && value.Value.Bool()
		if overload != s.config.Overload {
			c.ISIS.Overload = &overload
		}
		return nil
	}
	if name, ok := metricOf(path); ok {
		metric, err := s.metric(name, after)
		if err == nil {
			set(&c.ISIS.Metrics, name, metric)
		}
		return err
	}
	return status.Errorf(codes.Unimplemented, "%s cannot be configured on this router", leaf.Path)
}

// metricOf is the interface whose metric stands at a path.
func metricOf(path model.Elems) (name string, ok bool) {
	at := len(isisPath()) + 1 // of interface[interface-id]
	if len(path) <= at {
		return "", false
	}
	name = path[at].GetKey()["interface-id"]
	for _, family := range families4and6() {
		ok = ok || model.Key(path) == metricKey(name, family)
	}
	return name, ok
}

// metric is the one metric that an interface is to have, 0 for none. What one family's leaf is given holds for the other's,
// unless that is given another.
func (s *snapshot) metric(name string, after target.Settings) (uint32, error) {
	now := s.config.Interfaces[name].Metric
	var wanted []uint32
	for _, family := range families4and6() {
		if metric := after[metricKey(name, family)].Value.Uint32(); metric != now {
			wanted = append(wanted, metric)
		}
	}
	if len(wanted) == 2 && wanted[0] != wanted[1] {
		return 0, status.Errorf(codes.InvalidArgument,
			"interface %s: the metrics %d and %d: IS-IS runs one topology here, in which both families have one metric", name, wanted[0], wanted[1])
	}
	return wanted[0], nil
}
