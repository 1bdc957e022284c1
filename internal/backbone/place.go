package backbone

import (
	"fmt"

	"github.com/detour-net/detour/internal/backbone/model"
	"github.com/detour-net/detour/internal/backbone/target"
)

// check is the commit's own validation of what the operations have touched: a port needs a type, IS-IS runs on ports
// that exist, and there is one network instance with one protocol.
func (r *Router) check(s settings, p *target.Plan) error {
	for i := range p.Operations {
		for _, leaf := range p.Operations[i].Leaves {
			if err := r.checkPlace(s, leaf.Path); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Router) checkPlace(s settings, path model.Elems) error {
	if len(path) < 2 {
		return nil
	}
	if path[0].GetName() == "interfaces" {
		if _, ok := s[model.Key(model.Join(path[:2], model.E("config"), model.E("type")))]; !ok {
			return fmt.Errorf("%s: missing mandatory statement: 'type'", model.Key(path[:2]))
		}
		return nil
	}
	if path[0].GetName() != "network-instances" {
		return nil
	}
	for i := range min(len(path), len(r.isis)) {
		if want := r.isis[i]; len(want.GetKey()) > 0 && !model.Matches(r.isis[:i+1], path) {
			return fmt.Errorf("%s is not configured on this router", model.Key(path[:i+1]))
		}
	}
	const list = 6 // where interface[interface-id] stands
	if len(path) > list && path[list-1].GetName() == "interfaces" {
		name := path[list].GetKey()["interface-id"]
		if _, ok := s[model.Key(model.Join(interfacePath(name), model.E("config"), model.E("type")))]; !ok {
			return fmt.Errorf("%s: there is no interface %q", model.Key(path[:list+1]), name)
		}
	}
	return nil
}
