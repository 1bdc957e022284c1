package backbone

import (
	"context"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// given has a client give a Set up once an injection holds it.
func given(t testing.TB, c gpb.GNMIClient, up *Injection, req *gpb.SetRequest) {
	t.Helper()
	ctx, cancel := context.WithCancel(short(t))
	ended := make(chan error, 1)
	go func() {
		_, err := c.Set(ctx, req)
		ended <- err
	}()
	eventually(t, up.router.network, "the Set to arrive", func() bool { return up.Hits() == 1 })
	cancel()
	if err := <-ended; status.Code(err) != codes.Canceled {
		t.Fatalf("got %v", err)
	}
}

// brief is a context of an RPC that is not expected to be answered.
func brief(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestInjections(t *testing.T) {
	v4, v6 := metricPath("ethernet-1/3", "IPV4", "config"), metricPath("ethernet-1/3", "IPV6", "config")
	tests := []struct {
		behaviour  Behaviour
		code       codes.Code
		ipv4, ipv6 string // configured afterwards
		state      string // of IPv4
		effective  int
	}{
		{Abort("commit failed: no"), codes.Aborted, "892", "892", "892", 0},
		{Refuse(codes.Unknown, "Missing mandatory statement"), codes.Unknown, "892", "892", "892", 0},
		{LoseReply(), codes.Unavailable, "16777214", "16777214", "16777214", 1},
		{CutAfterCommit(), codes.Unavailable, "16777214", "16777214", "16777214", 1},
		{Ignore(), codes.OK, "892", "892", "892", 0},
		{NotProgrammed(), codes.OK, "16777214", "16777214", "892", 1},
		{FirstOnly(), codes.OK, "16777214", "892", "16777214", 1},
		{Delay(time.Millisecond), codes.OK, "16777214", "16777214", "16777214", 1},
	}
	for _, tt := range tests {
		t.Run(tt.behaviour.name, func(t *testing.T) {
			n, _ := abilene(t)
			in := n.Router("den").OnSet(Any, tt.behaviour)
			c := dial(t, n, "den")
			set(t, c, setMetrics(t, "ethernet-1/3", 16777214), tt.code)
			want(t, c, v4, tt.ipv4)
			want(t, c, v6, tt.ipv6)
			want(t, c, metricPath("ethernet-1/3", "IPV4", "state"), tt.state)
			a, _ := n.Load("den-kcy")
			if moved := a != 4328025450; moved != (tt.state == "16777214") {
				t.Errorf("load %d with %s in force", a, tt.state)
			}
			sets := n.Sets()
			if len(sets) != 1 || sets[0].Injected != tt.behaviour.name || n.SetCount("").Effective != tt.effective || in.Hits() != 1 {
				t.Errorf("account %+v, hits %d", sets, in.Hits())
			}
		})
	}
}

func TestMatches(t *testing.T) {
	tests := []struct {
		name  string
		match func() Match
		codes []codes.Code // of: a change, another, the undo, a change
	}{
		{"any", func() Match { return Any }, []codes.Code{codes.Aborted, codes.Aborted, codes.Aborted, codes.Aborted}},
		{"undo", func() Match { return Undo }, []codes.Code{codes.OK, codes.OK, codes.Aborted, codes.OK}},
		{"do", func() Match { return Do }, []codes.Code{codes.Aborted, codes.Aborted, codes.OK, codes.Aborted}},
		{"second", func() Match { return Nth(2) }, []codes.Code{codes.OK, codes.Aborted, codes.OK, codes.OK}},
		{"first undo", func() Match { return First(1, Undo) }, []codes.Code{codes.OK, codes.OK, codes.Aborted, codes.OK}},
		{"first two", func() Match { return First(2, Any) }, []codes.Code{codes.Aborted, codes.Aborted, codes.OK, codes.OK}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, _ := abilene(t)
			n.Router("den").OnSet(tt.match(), Refuse(codes.Aborted, "no"))
			c := dial(t, n, "den")
			for i, metric := range []int{500, 16777214, 892, 500} {
				set(t, c, setMetrics(t, "ethernet-1/3", metric), tt.codes[i])
			}
		})
	}
}

func TestUndoOfAnAbsentMetricIsADelete(t *testing.T) {
	n, _ := abilene(t, with(func(o *Options) { o.MetricAbsent = true }))
	n.Router("den").OnSet(Undo, Refuse(codes.Aborted, "no"))
	c := dial(t, n, "den")
	set(t, c, setMetrics(t, "ethernet-1/3", 500), codes.OK)
	set(t, c, setMetrics(t, "ethernet-1/3", 10), codes.OK)
	set(t, c, &gpb.SetRequest{Delete: []*gpb.Path{path(t, metricPath("ethernet-1/3", "IPV4", "config"))}}, codes.Aborted)
}

func TestRemovedInjection(t *testing.T) {
	n, _ := abilene(t)
	in := n.Router("den").OnSet(Any, Refuse(codes.Aborted, "no"))
	other := n.Router("den").OnSet(Any, Refuse(codes.Internal, "no"))
	c := dial(t, n, "den")
	set(t, c, setMetrics(t, "ethernet-1/3", 500), codes.Aborted)
	in.Remove()
	set(t, c, setMetrics(t, "ethernet-1/3", 500), codes.Internal)
	other.Remove()
	other.Remove()
	set(t, c, setMetrics(t, "ethernet-1/3", 500), codes.OK)
}

func TestLateCommit(t *testing.T) {
	n, _ := abilene(t)
	r, c := n.Router("den"), dial(t, n, "den")
	in := r.OnSet(First(1, Any), CommitLate(0))
	given(t, c, in, setMetrics(t, "ethernet-1/3", 500))
	want(t, c, metricPath("ethernet-1/3", "IPV4", "config"), "892")
	in.Release()
	in.Release()
	eventually(t, n, "the late commit", func() bool { a, _, _ := n.Metrics("den-kcy"); return a.IPv4.Value == 500 })
}

func TestLateCommitOfItself(t *testing.T) {
	n, _ := abilene(t)
	n.Router("den").OnSet(First(1, Any), CommitLate(10*time.Millisecond))
	set(t, dial(t, n, "den"), setMetrics(t, "ethernet-1/3", 500), codes.OK)
}

// The fence: a Set that is stuck on its way is refused when it arrives after a later master's.
func TestLateCommitLosesToALaterMaster(t *testing.T) {
	n, _ := abilene(t)
	c := dial(t, n, "den")
	in := n.Router("den").OnSet(Nth(1), CommitLate(0))
	given(t, c, in, setMetrics(t, "ethernet-1/3", 500, master("detour", 0, 7)))
	set(t, c, setMetrics(t, "ethernet-1/3", 600, master("detour", 0, 8)), codes.OK)
	in.Release()
	eventually(t, n, "a decision on the late Set", func() bool { return len(n.Sets()) == 2 })
	if last := n.Sets()[1]; last.Code != codes.PermissionDenied || last.Effective() {
		t.Errorf("the late Set was %v: %s", last.Code, last.Message)
	}
	want(t, c, metricPath("ethernet-1/3", "IPV4", "config"), "600")
}

func TestCloseEndsALateCommit(t *testing.T) {
	n, _ := abilene(t)
	in := n.Router("den").OnSet(Any, CommitLate(0))
	given(t, dial(t, n, "den"), in, setMetrics(t, "ethernet-1/3", 500))
	n.Close()
	if got := n.Sets(); len(got) != 0 {
		t.Errorf("committed after the end: %+v", got)
	}
}

func TestHangAndLatency(t *testing.T) {
	n, _ := abilene(t)
	r, c := n.Router("den"), dial(t, n, "den")
	r.OnSet(First(1, Any), Hang())
	if _, err := c.Set(brief(t), setMetrics(t, "ethernet-1/3", 500)); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("a hanging Set answered %v", err)
	}
	r.SetHanging(true)
	if _, err := c.Capabilities(brief(t), &gpb.CapabilityRequest{}); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("a hanging router answered %v", err)
	}
	r.SetHanging(false)
	r.SetLatency(30 * time.Millisecond)
	begun := time.Now()
	want(t, c, metricPath("ethernet-1/3", "IPV4", "config"), "892")
	if took := time.Since(begun); took < 30*time.Millisecond {
		t.Errorf("answered after %v", took)
	}
}

func TestConfirmationsAreNotInjectedInto(t *testing.T) {
	n, _ := abilene(t)
	c := dial(t, n, "den")
	set(t, c, setMetrics(t, "ethernet-1/3", 500, request("c1", time.Minute)), codes.OK)
	n.Router("den").OnSet(Any, Refuse(codes.Aborted, "no"))
	set(t, c, confirm("c1"), codes.OK)
}
