package target

import (
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"github.com/openconfig/ygot/ygot"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/detour-net/detour/internal/backbone/model"
)

const described = "/interfaces/interface[name=eth1]/config/description"

func schema(t *testing.T) *model.Schema {
	t.Helper()
	s, err := model.Load()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func update(t *testing.T, path, value string) *gpb.Update {
	t.Helper()
	parsed, err := ygot.StringToStructuredPath(path)
	if err != nil {
		t.Fatal(err)
	}
	return &gpb.Update{Path: parsed, Val: &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(value)}}}
}

func understand(t *testing.T, req *gpb.SetRequest) *Plan {
	t.Helper()
	p, err := Understand(schema(t), req, Extensions{MasterArbitration: true, CommitConfirmed: true})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAsk(t *testing.T) {
	try := func(d *durationpb.Duration) *gnmi_ext.Commit {
		return &gnmi_ext.Commit{Id: "c", Action: &gnmi_ext.Commit_Commit{Commit: &gnmi_ext.CommitRequest{RollbackDuration: d}}}
	}
	confirm := &gnmi_ext.Commit{Id: "c", Action: &gnmi_ext.Commit_Confirm{Confirm: &gnmi_ext.CommitConfirm{}}}
	cancel := &gnmi_ext.Commit{Id: "c", Action: &gnmi_ext.Commit_Cancel{Cancel: &gnmi_ext.CommitCancel{}}}
	prolong := &gnmi_ext.Commit{Id: "c", Action: &gnmi_ext.Commit_SetRollbackDuration{SetRollbackDuration: &gnmi_ext.CommitSetRollbackDuration{
		RollbackDuration: durationpb.New(time.Minute),
	}}}
	for name, tt := range map[string]struct {
		commit  *gnmi_ext.Commit
		changes bool
		waiting string
		want    Ask
		code    codes.Code
	}{
		"a plain Set":              {changes: true},
		"while another waits":      {changes: true, waiting: "x", code: codes.FailedPrecondition},
		"an empty one meanwhile":   {waiting: "x"},
		"to try":                   {commit: try(durationpb.New(time.Second)), changes: true, want: Ask{Deed: Try, ID: "c", Rollback: time.Second}},
		"to try, for as usual":     {commit: try(nil), changes: true, want: Ask{Deed: Try, ID: "c", Rollback: defaultRollback}},
		"to try, for no time":      {commit: try(durationpb.New(0)), want: Ask{Deed: Try, ID: "c", Rollback: defaultRollback}},
		"to try, for less":         {commit: try(durationpb.New(-1)), code: codes.InvalidArgument},
		"to try while one waits":   {commit: try(nil), waiting: "c", code: codes.FailedPrecondition},
		"confirmed":                {commit: confirm, waiting: "c", want: Ask{Deed: Confirm}},
		"confirmed, with a change": {commit: confirm, waiting: "c", changes: true, code: codes.InvalidArgument},
		"confirmed, none waits":    {commit: confirm, code: codes.FailedPrecondition},
		"confirmed, another waits": {commit: confirm, waiting: "x", code: codes.InvalidArgument},
		"cancelled":                {commit: cancel, waiting: "c", want: Ask{Deed: Cancel}},
		"prolonged":                {commit: prolong, waiting: "c", want: Ask{Deed: Prolong, Rollback: time.Minute}},
		"without an id":            {commit: &gnmi_ext.Commit{}, code: codes.InvalidArgument},
		"without an action":        {commit: &gnmi_ext.Commit{Id: "c"}, waiting: "c", code: codes.InvalidArgument},
	} {
		t.Run(name, func(t *testing.T) {
			req := &gpb.SetRequest{}
			if tt.changes {
				req.Update = []*gpb.Update{update(t, described, `"x"`)}
			}
			if tt.commit != nil {
				req.Extension = []*gnmi_ext.Extension{{Ext: &gnmi_ext.Extension_Commit{Commit: tt.commit}}}
			}
			got, err := understand(t, req).Ask(tt.waiting)
			if status.Code(err) != tt.code || err == nil && got != tt.want {
				t.Errorf("%+v, %v; want %+v, %v", got, err, tt.want, tt.code)
			}
		})
	}
}

func TestMasters(t *testing.T) {
	set := func(role string, high, low uint64) *Plan {
		return understand(t, &gpb.SetRequest{Extension: []*gnmi_ext.Extension{{Ext: &gnmi_ext.Extension_MasterArbitration{
			MasterArbitration: &gnmi_ext.MasterArbitration{Role: &gnmi_ext.Role{Id: role}, ElectionId: &gnmi_ext.Uint128{High: high, Low: low}},
		}}}})
	}
	m := Masters{}
	for i, tt := range []struct {
		plan *Plan
		code codes.Code
	}{
		{set("a", 0, 5), codes.OK}, {set("a", 0, 4), codes.PermissionDenied}, {set("a", 0, 5), codes.OK}, {set("b", 0, 1), codes.OK},
		{set("a", 1, 0), codes.OK}, {set("a", 0, 9), codes.PermissionDenied}, {understand(t, &gpb.SetRequest{}), codes.OK},
	} {
		if err := m.Admit(tt.plan); status.Code(err) != tt.code {
			t.Errorf("set %d: %v, want %v", i, err, tt.code)
		}
	}
	if m["a"] != (ElectionID{1, 0}) || m["b"] != (ElectionID{0, 1}) {
		t.Errorf("masters %v", m)
	}
}

func TestApplyChangesNothingGiven(t *testing.T) {
	p := understand(t, &gpb.SetRequest{Update: []*gpb.Update{update(t, described, `"x"`)}})
	before := Settings{}
	after, err := p.Apply(before, -1)
	if err != nil {
		t.Fatal(err)
	}
	if len(before) != 0 || len(after) != 2 { // the description, and the name of its interface
		t.Errorf("before %v, after %v", before, after)
	}
	changes := p.Changes(before, after)
	if len(changes) != 2 || changes[0] != (Change{described, "", `"x"`}) {
		t.Errorf("changes %v", changes)
	}
	if again, err := p.Apply(after, -1); err != nil || len(p.Changes(after, again)) != 0 {
		t.Errorf("done twice it changes %v, %v", p.Changes(after, again), err)
	}
	if none, err := p.Apply(before, 0); err != nil || len(none) != 0 {
		t.Errorf("of no operation it makes %v, %v", none, err)
	}
}
