package backbone

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
)

func master(role string, high, low uint64) *gnmi_ext.Extension {
	return &gnmi_ext.Extension{Ext: &gnmi_ext.Extension_MasterArbitration{MasterArbitration: &gnmi_ext.MasterArbitration{
		Role: &gnmi_ext.Role{Id: role}, ElectionId: &gnmi_ext.Uint128{High: high, Low: low},
	}}}
}

func commit(c *gnmi_ext.Commit) *gnmi_ext.Extension {
	return &gnmi_ext.Extension{Ext: &gnmi_ext.Extension_Commit{Commit: c}}
}

func request(id string, after time.Duration) *gnmi_ext.Extension {
	return commit(&gnmi_ext.Commit{Id: id, Action: &gnmi_ext.Commit_Commit{Commit: &gnmi_ext.CommitRequest{RollbackDuration: durationpb.New(after)}}})
}

func confirm(id string) *gpb.SetRequest {
	return &gpb.SetRequest{Extension: []*gnmi_ext.Extension{commit(&gnmi_ext.Commit{Id: id, Action: &gnmi_ext.Commit_Confirm{}})}}
}

func cancel(id string) *gpb.SetRequest {
	return &gpb.SetRequest{Extension: []*gnmi_ext.Extension{commit(&gnmi_ext.Commit{Id: id, Action: &gnmi_ext.Commit_Cancel{}})}}
}

func extend(id string, after time.Duration) *gpb.SetRequest {
	return &gpb.SetRequest{Extension: []*gnmi_ext.Extension{commit(&gnmi_ext.Commit{Id: id, Action: &gnmi_ext.Commit_SetRollbackDuration{
		SetRollbackDuration: &gnmi_ext.CommitSetRollbackDuration{RollbackDuration: durationpb.New(after)},
	}})}}
}

func TestMasterArbitration(t *testing.T) {
	n, _ := abilene(t)
	c := dial(t, n, "den")
	steps := []struct {
		name string
		ext  []*gnmi_ext.Extension
		code codes.Code
	}{
		{"first", []*gnmi_ext.Extension{master("detour", 0, 5)}, codes.OK},
		{"equal", []*gnmi_ext.Extension{master("detour", 0, 5)}, codes.OK},
		{"smaller", []*gnmi_ext.Extension{master("detour", 0, 4)}, codes.PermissionDenied},
		{"another role", []*gnmi_ext.Extension{master("other", 0, 1)}, codes.OK},
		{"high word decides", []*gnmi_ext.Extension{master("detour", 1, 0)}, codes.OK},
		{"low word alone", []*gnmi_ext.Extension{master("detour", 0, 1<<63)}, codes.PermissionDenied},
		{"no extension", nil, codes.OK},
		{"no role is a role of its own", []*gnmi_ext.Extension{{Ext: &gnmi_ext.Extension_MasterArbitration{
			MasterArbitration: &gnmi_ext.MasterArbitration{ElectionId: &gnmi_ext.Uint128{Low: 1}},
		}}}, codes.OK},
		{"two at once", []*gnmi_ext.Extension{master("detour", 9, 9), master("detour", 1, 1)}, codes.InvalidArgument},
		{"no election id", []*gnmi_ext.Extension{{Ext: &gnmi_ext.Extension_MasterArbitration{
			MasterArbitration: &gnmi_ext.MasterArbitration{Role: &gnmi_ext.Role{Id: "detour"}},
		}}}, codes.InvalidArgument},
	}
	metric, last := 100, 0
	for _, s := range steps {
		metric++
		set(t, c, setMetrics(t, "ethernet-1/3", metric, s.ext...), s.code)
		if s.code == codes.OK {
			last = metric
		}
		if a, _, _ := n.Metrics("den-kcy"); int(a.IPv4.Value) != last {
			t.Errorf("%s: metric is %d, want %d", s.name, a.IPv4.Value, last)
		}
	}
	set(t, c, &gpb.SetRequest{Extension: []*gnmi_ext.Extension{master("detour", 2, 0)}}, codes.OK)
	set(t, c, setMetrics(t, "ethernet-1/3", 1, master("detour", 1, 9)), codes.PermissionDenied)
	if high, low, ok := n.Router("den").Master("detour"); high != 2 || low != 0 || !ok {
		t.Errorf("master is %d,%d (%v), want 2,0 as an empty Set claimed", high, low, ok)
	}
}

func TestExtensionsOff(t *testing.T) {
	off := func(o *Options) { o.MasterArbitration, o.CommitConfirmed = false, false }
	n, clock := abilene(t, with(off))
	c := dial(t, n, "den")
	set(t, c, setMetrics(t, "ethernet-1/3", 100, master("detour", 0, 5)), codes.OK)
	set(t, c, setMetrics(t, "ethernet-1/3", 101, master("detour", 0, 1)), codes.OK)
	set(t, c, setMetrics(t, "ethernet-1/3", 102, request("c1", time.Second)), codes.OK)
	clock.Forward(time.Hour)
	want(t, c, metricPath("ethernet-1/3", "IPV4", "config"), "102")

	strict, _ := abilene(t, with(func(o *Options) { off(o); o.StrictExtensions = true }))
	set(t, dial(t, strict, "den"), setMetrics(t, "ethernet-1/3", 100, master("detour", 0, 5)), codes.Unimplemented)
	set(t, dial(t, strict, "den"), setMetrics(t, "ethernet-1/3", 100, request("c1", time.Second)), codes.Unimplemented)
	set(t, dial(t, strict, "den"), setMetrics(t, "ethernet-1/3", 100), codes.OK)
}

func TestCommitIsRolledBackUnlessConfirmed(t *testing.T) {
	n, clock := abilene(t)
	c := dial(t, n, "den")
	metric := metricPath("ethernet-1/3", "IPV4", "config")
	set(t, c, setMetrics(t, "ethernet-1/3", 100, request("c1", 30*time.Second)), codes.OK)
	clock.Forward(30*time.Second - 1)
	want(t, c, metric, "100")
	clock.Forward(1)
	want(t, c, metric, "892")
	want(t, c, metricPath("ethernet-1/3", "IPV4", "state"), "892")
	if _, open := n.Router("den").Unconfirmed(); open {
		t.Error("the window is still open")
	}
	set(t, c, confirm("c1"), codes.FailedPrecondition)

	set(t, c, setMetrics(t, "ethernet-1/3", 100, request("c2", 30*time.Second)), codes.OK)
	set(t, c, confirm("c2"), codes.OK)
	clock.Forward(time.Hour)
	want(t, c, metric, "100")
	wantMoves(t, n, "892 to 100 at 0s", "100 to 892 at 30s, by itself", "", "892 to 100 at 30s", "")
}

// wantMoves wants the account to hold these changes of a metric, "" for a Set that changed nothing.
func wantMoves(t *testing.T, n *Network, moves ...string) {
	t.Helper()
	var got []string
	sets := n.Sets()
	for _, s := range sets {
		move := ""
		for _, c := range s.Changes {
			if strings.HasSuffix(c.Path, "[afi-name=IPV4][safi-name=UNICAST]/config/metric") {
				move = fmt.Sprintf("%s to %s at %s", c.Before, c.After, s.At.Sub(sets[0].At))
			}
		}
		if s.Local {
			move += ", by itself"
		}
		got = append(got, move)
	}
	if diff := cmp.Diff(moves, got); diff != "" {
		t.Errorf("the account (-want +got):\n%s", diff)
	}
}

// The rollback takes effect at its own time, however late someone looks.
func TestRollbackMovesTrafficInTime(t *testing.T) {
	n, clock := abilene(t)
	before, _ := n.Load("den-kcy")
	set(t, dial(t, n, "den"), setMetrics(t, "ethernet-1/3", 16777214, request("c1", 10*time.Second)), codes.OK)
	clock.Forward(30 * time.Second)
	a, _, err := n.LinkCounters("den-kcy")
	if err != nil || a.OutOctets != before*20/8 {
		t.Errorf("%d octets (%v), want 20 s of %d bit/s", a.OutOctets, err, before)
	}
}

func TestCommitWindow(t *testing.T) {
	type step struct {
		name string
		req  *gpb.SetRequest
		code codes.Code
	}
	m := func(metric int, ext ...*gnmi_ext.Extension) *gpb.SetRequest {
		return setMetrics(t, "ethernet-1/3", metric, ext...)
	}
	withOps := confirm("c1")
	withOps.Update = m(5).Update
	tests := []struct {
		name  string
		steps []step
		want  string
	}{
		{"second commit", []step{{"open", m(100, request("c1", time.Minute)), codes.OK}, {"another", m(101, request("c2", time.Minute)), codes.FailedPrecondition}}, "100"},
		{"plain Set", []step{{"open", m(100, request("c1", time.Minute)), codes.OK}, {"plain", m(101), codes.FailedPrecondition}}, "100"},
		{"cancel", []step{{"open", m(100, request("c1", time.Minute)), codes.OK}, {"cancel", cancel("c1"), codes.OK}, {"again", cancel("c1"), codes.FailedPrecondition}}, "892"},
		{"wrong id", []step{{"open", m(100, request("c1", time.Minute)), codes.OK}, {"confirm", confirm("c9"), codes.InvalidArgument}, {"cancel", cancel("c9"), codes.InvalidArgument}, {"extend", extend("c9", time.Hour), codes.InvalidArgument}}, "100"},
		{"nothing waits", []step{{"confirm", confirm("c1"), codes.FailedPrecondition}, {"cancel", cancel("c1"), codes.FailedPrecondition}, {"extend", extend("c1", time.Hour), codes.FailedPrecondition}}, "892"},
		{"two at once", []step{{"open", m(100, request("c1", time.Minute), request("c1", time.Minute)), codes.InvalidArgument}}, "892"},
		{"no id", []step{{"open", m(100, request("", time.Minute)), codes.InvalidArgument}}, "892"},
		{"no action", []step{{"open", m(100, request("c1", time.Minute)), codes.OK}, {"nothing", &gpb.SetRequest{Extension: []*gnmi_ext.Extension{commit(&gnmi_ext.Commit{Id: "c1"})}}, codes.InvalidArgument}}, "100"},
		{"negative duration", []step{{"open", m(100, request("c1", -time.Minute)), codes.InvalidArgument}}, "892"},
		{"confirm with operations", []step{{"open", m(100, request("c1", time.Minute)), codes.OK}, {"confirm", withOps, codes.InvalidArgument}}, "100"},
		{"bad commit opens nothing", []step{{"bad", m(0, request("c1", time.Minute)), codes.InvalidArgument}, {"plain", m(101), codes.OK}}, "101"},
		{"after confirm others may", []step{{"open", m(100, request("c1", time.Minute)), codes.OK}, {"confirm", confirm("c1"), codes.OK}, {"plain", m(101), codes.OK}}, "101"},
		{"late master cannot commit", []step{{"newer", m(99, master("detour", 0, 9)), codes.OK}, {"older", m(100, master("detour", 0, 8), request("c1", time.Minute)), codes.PermissionDenied}, {"plain", m(101), codes.OK}}, "101"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, _ := abilene(t)
			c := dial(t, n, "den")
			for _, s := range tt.steps {
				set(t, c, s.req, s.code)
			}
			want(t, c, metricPath("ethernet-1/3", "IPV4", "config"), tt.want)
		})
	}
}

func TestRollbackDuration(t *testing.T) {
	metric := metricPath("ethernet-1/3", "IPV4", "config")
	noDuration := commit(&gnmi_ext.Commit{Id: "c1", Action: &gnmi_ext.Commit_Commit{Commit: &gnmi_ext.CommitRequest{}}})
	tests := []struct {
		name   string
		open   *gnmi_ext.Extension
		extend time.Duration
		after  time.Duration
	}{
		{"default", noDuration, 0, 10 * time.Minute},
		{"longer", request("c1", time.Second), time.Hour, time.Hour},
		{"shorter", request("c1", time.Hour), time.Second, time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, clock := abilene(t)
			c := dial(t, n, "den")
			set(t, c, setMetrics(t, "ethernet-1/3", 100, tt.open), codes.OK)
			if tt.extend > 0 {
				set(t, c, extend("c1", tt.extend), codes.OK)
			}
			clock.Forward(tt.after - 1)
			want(t, c, metric, "100")
			clock.Forward(1)
			want(t, c, metric, "892")
		})
	}
}

// With the real clock nobody needs to look for a rollback to happen.
func TestRollbackComesByItself(t *testing.T) {
	n, _ := abilene(t, func(c *Config) { c.Clock = nil })
	c := dial(t, n, "den")
	set(t, c, setMetrics(t, "ethernet-1/3", 100, request("c1", 50*time.Millisecond)), codes.OK)
	for ctx := short(t); ; { // past lock, which would let it happen
		n.mu.Lock()
		waits, changed := n.Router("den").window != nil, n.changed
		n.mu.Unlock()
		if !waits {
			break
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatal("no rollback")
		}
	}
	want(t, c, metricPath("ethernet-1/3", "IPV4", "config"), "892")
}
