package backbone

import (
	"errors"
	"fmt"
	"maps"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/internal/backbone/flow"
	"github.com/detour-net/detour/internal/backbone/model"
)

// plan is a SetRequest understood and validated. It does not depend on what is configured.
type plan struct {
	request     *gpb.SetRequest
	operations  []operation // in the order in which they take effect
	arbitration *gnmi_ext.MasterArbitration
	commit      *gnmi_ext.Commit
}

// operation is one delete, replace or update.
type operation struct {
	kind   gpb.UpdateResult_Operation
	sent   *gpb.Path // as the client wrote it
	node   *model.Node
	path   model.Elems
	leaves []model.Leaf // to be written
}

// understand validates a request. All errors are statuses.
func (r *Router) understand(req *gpb.SetRequest) (*plan, error) {
	p := &plan{request: req}
	if err := r.understandExtensions(p, req.GetExtension()); err != nil {
		return nil, err
	}
	if len(req.GetUnionReplace()) > 0 {
		return nil, status.Error(codes.Unimplemented, "union_replace is not supported")
	}
	for _, path := range req.GetDelete() {
		if err := r.plan(p, gpb.UpdateResult_DELETE, path, nil); err != nil {
			return nil, err
		}
	}
	for _, update := range req.GetReplace() {
		if err := r.plan(p, gpb.UpdateResult_REPLACE, update.GetPath(), update.GetVal()); err != nil {
			return nil, err
		}
	}
	for _, update := range req.GetUpdate() {
		if err := r.plan(p, gpb.UpdateResult_UPDATE, update.GetPath(), update.GetVal()); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (r *Router) plan(p *plan, kind gpb.UpdateResult_Operation, sent *gpb.Path, value *gpb.TypedValue) error {
	op := operation{kind: kind, sent: sent}
	elems, err := r.absolute(p.request.GetPrefix(), sent)
	if err == nil {
		op.node, op.path, err = r.network.schema.Resolve(elems)
	}
	switch {
	case err != nil:
	case !model.Concrete(op.node, op.path):
		err = fmt.Errorf("%s: a Set's path must name every key, without wildcards", model.Key(op.path))
	case kind == gpb.UpdateResult_DELETE && len(op.path) == 0:
		err = errors.New("/: the whole configuration cannot be deleted")
	case kind != gpb.UpdateResult_DELETE:
		op.leaves, err = r.network.schema.Decode(op.node, op.path, value)
	case !op.node.Writable:
		err = fmt.Errorf("%s: state is read-only", model.Key(op.path))
	}
	for i := range op.leaves {
		if err == nil {
			err = checkLeaf(&op.leaves[i])
		}
	}
	if err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	p.operations = append(p.operations, op)
	return nil
}

// checkLeaf checks what the model leaves open: a wide metric is 1 to 2^24-1 (RFC 5305, section 3), though its leaf is a
// plain uint32.
func checkLeaf(leaf *model.Leaf) error {
	if leaf.Node.Name != "metric" {
		return nil
	}
	if metric := leaf.Value.Uint32(); metric < 1 || metric > flow.MaxMetric {
		return fmt.Errorf("%s: metric %d is not within 1..%d", leaf.Key, metric, flow.MaxMetric)
	}
	return nil
}

// apply is what the configuration becomes with the operations done, of which no more than limit are; a negative limit
// means all. The given settings are not changed. All errors are statuses.
func (r *Router) apply(before settings, p *plan, limit int) (settings, error) {
	after := maps.Clone(before)
	for i := range p.operations {
		if i == limit {
			break
		}
		op := &p.operations[i]
		if op.kind != gpb.UpdateResult_UPDATE {
			remove(after, op)
		}
		for _, leaf := range op.leaves {
			_, known := after[leaf.Key]
			after[leaf.Key] = leaf
			if known {
				continue
			}
			if err := r.enclose(after, leaf.Path); err != nil {
				return nil, status.Error(codes.InvalidArgument, err.Error())
			}
		}
	}
	if err := r.check(after, p); err != nil {
		return nil, status.Error(codes.Aborted, "commit failed: "+err.Error())
	}
	return after, nil
}

func remove(s settings, op *operation) {
	if op.node.Leaf {
		delete(s, model.Key(op.path))
		return
	}
	for key, leaf := range s {
		if model.Matches(op.path, leaf.Path) {
			delete(s, key)
		}
	}
}

// enclose gives every list entry above a new leaf the leaves that mirror its keys, so that the entry exists.
func (r *Router) enclose(s settings, path model.Elems) error {
	for i, elem := range path {
		if len(elem.GetKey()) == 0 {
			continue
		}
		entry := path[:i+1]
		node, _, err := r.network.schema.Resolve(entry)
		if err != nil {
			return err
		}
		for _, key := range node.Keys {
			config := model.Key(model.Join(entry, model.E("config"), model.E(key)))
			if _, ok := s[config]; ok || node.Child("config") == nil {
				continue
			}
			leaf, err := r.network.schema.KeyLeaf(node, entry, key)
			if err != nil {
				return err
			}
			s[leaf.Key] = leaf
		}
	}
	return nil
}

// check is the commit's own validation of what the operations have touched: a port needs a type, IS-IS runs on ports
// that exist, and there is one network instance with one protocol.
func (r *Router) check(s settings, p *plan) error {
	for i := range p.operations {
		for _, leaf := range p.operations[i].leaves {
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
