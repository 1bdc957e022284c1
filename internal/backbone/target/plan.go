package target

import (
	"errors"
	"fmt"
	"maps"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/internal/backbone/model"
)

// maxMetric is the highest wide metric (RFC 5305, section 3).
const maxMetric = 1<<24 - 1

// Plan is a SetRequest understood and validated. It does not depend on what is configured.
type Plan struct {
	Request    *gpb.SetRequest
	Operations []Operation // in the order in which they take effect

	schema      *model.Schema
	arbitration *gnmi_ext.MasterArbitration
	commit      *gnmi_ext.Commit
}

// Operation is one delete, replace or update.
type Operation struct {
	Kind   gpb.UpdateResult_Operation
	Node   *model.Node
	Path   model.Elems
	Leaves []model.Leaf // to be written

	sent *gpb.Path // as the client wrote it
}

// Extensions are those that a device supports. What it does not support it ignores without a word, as real servers do, or
// refuses with UNIMPLEMENTED if it is strict.
type Extensions struct {
	MasterArbitration, CommitConfirmed bool
	Strict                             bool
}

// Understand validates a request. All errors are statuses.
func Understand(schema *model.Schema, req *gpb.SetRequest, supported Extensions) (*Plan, error) {
	p := &Plan{Request: req, schema: schema}
	if err := p.takeExtensions(req.GetExtension(), supported); err != nil {
		return nil, err
	}
	if len(req.GetUnionReplace()) > 0 {
		return nil, status.Error(codes.Unimplemented, "union_replace is not supported")
	}
	for _, path := range req.GetDelete() {
		if err := p.take(gpb.UpdateResult_DELETE, path, nil); err != nil {
			return nil, err
		}
	}
	for _, update := range req.GetReplace() {
		if err := p.take(gpb.UpdateResult_REPLACE, update.GetPath(), update.GetVal()); err != nil {
			return nil, err
		}
	}
	for _, update := range req.GetUpdate() {
		if err := p.take(gpb.UpdateResult_UPDATE, update.GetPath(), update.GetVal()); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *Plan) take(kind gpb.UpdateResult_Operation, sent *gpb.Path, value *gpb.TypedValue) error {
	op := Operation{Kind: kind, sent: sent}
	elems, err := absolute(p.Request.GetPrefix(), sent)
	if err == nil {
		op.Node, op.Path, err = p.schema.Resolve(elems)
	}
	switch {
	case err != nil:
	case !model.Concrete(op.Node, op.Path):
		err = fmt.Errorf("%s: a Set's path must name every key, without wildcards", model.Key(op.Path))
	case kind == gpb.UpdateResult_DELETE && len(op.Path) == 0:
		err = errors.New("/: the whole configuration cannot be deleted")
	case kind != gpb.UpdateResult_DELETE:
		op.Leaves, err = p.schema.Decode(op.Node, op.Path, value)
	case !op.Node.Writable:
		err = fmt.Errorf("%s: state is read-only", model.Key(op.Path))
	}
	for i := range op.Leaves {
		if err == nil {
			err = checkLeaf(&op.Leaves[i])
		}
	}
	if err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	p.Operations = append(p.Operations, op)
	return nil
}

// checkLeaf checks what the model leaves open: a wide metric is 1 to 2^24-1 (RFC 5305, section 3), though its leaf is a
// plain uint32.
func checkLeaf(leaf *model.Leaf) error {
	if leaf.Node.Name != "metric" {
		return nil
	}
	if metric := leaf.Value.Uint32(); metric < 1 || metric > maxMetric {
		return fmt.Errorf("%s: metric %d is not within 1..%d", leaf.Key, metric, maxMetric)
	}
	return nil
}

// Apply is what the configuration becomes with the operations done, of which no more than limit are; a negative limit
// means all. The given settings are not changed. All errors are statuses.
func (p *Plan) Apply(before Settings, limit int) (Settings, error) {
	after := maps.Clone(before)
	for i := range p.Operations {
		if i == limit {
			break
		}
		op := &p.Operations[i]
		if op.Kind != gpb.UpdateResult_UPDATE {
			remove(after, op)
		}
		for _, leaf := range op.Leaves {
			_, known := after[leaf.Key]
			after[leaf.Key] = leaf
			if known {
				continue
			}
			if err := enclose(p.schema, after, leaf.Path); err != nil {
				return nil, status.Error(codes.InvalidArgument, err.Error())
			}
		}
	}
	return after, nil
}

func remove(s Settings, op *Operation) {
	if op.Node.Leaf {
		delete(s, model.Key(op.Path))
		return
	}
	for key, leaf := range s {
		if model.Matches(op.Path, leaf.Path) {
			delete(s, key)
		}
	}
}

// enclose gives every list entry above a new leaf the leaves that mirror its keys, so that the entry exists.
func enclose(schema *model.Schema, s Settings, path model.Elems) error {
	for i, elem := range path {
		if len(elem.GetKey()) == 0 {
			continue
		}
		entry := path[:i+1]
		node, _, err := schema.Resolve(entry)
		if err != nil {
			return err
		}
		for _, key := range node.Keys {
			config := model.Key(model.Join(entry, model.E("config"), model.E(key)))
			if _, ok := s[config]; ok || node.Child("config") == nil {
				continue
			}
			leaf, err := schema.KeyLeaf(node, entry, key)
			if err != nil {
				return err
			}
			s[leaf.Key] = leaf
		}
	}
	return nil
}

// Reply is the answer to a Set that was done at the given time.
func (p *Plan) Reply(at time.Time) *gpb.SetResponse {
	resp := &gpb.SetResponse{Prefix: p.Request.GetPrefix(), Timestamp: at.UnixNano()}
	for i := range p.Operations {
		resp.Response = append(resp.Response, &gpb.UpdateResult{Path: p.Operations[i].sent, Op: p.Operations[i].Kind})
	}
	return resp
}
