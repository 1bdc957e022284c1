package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"github.com/openconfig/ygot/ygot"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/detour-net/detour/test/lab/frr"
)

func TestMain(m *testing.M) {
	// glog, which ygot uses, starts a goroutine when it is loaded and never ends it.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/golang/glog.(*fileSink).flushDaemon"))
}

// router is an isisd and a kernel that behave: what is committed is in force, and shows in the router's own link-state
// packet. It has eth1 and eth2, on which IS-IS runs, and eth3, on which it does not.
type router struct {
	mu      sync.Mutex
	config  frr.Config
	ports   map[string]Port
	down    bool          // isisd is gone
	stopped bool          // isisd does not answer, ever
	slow    time.Duration // until isisd answers
	fail    error         // of the next commit, which does not happen
	lost    error         // of the next commit, which happens
	block   chan struct{} // commits say so here, and wait until it is closed
	commits int
	broken  string // interface that the kernel refuses to change
	last    error  // of the commit after that
}

func newRouter() *router {
	return &router{
		config: frr.Config{NET: "49.0001.0000.0000.0001.00", Interfaces: map[string]frr.InterfaceConfig{
			"lo": {Metric: 10, Passive: true}, "eth1": {Metric: 100}, "eth2": {Metric: 200},
		}},
		ports: map[string]Port{
			"lo": {Index: 1, Loopback: true, Up: true, Oper: "UP", MTU: 65536}, "eth1": {Index: 2, Up: true, Oper: "UP", MTU: 1500},
			"eth2": {Index: 3, Up: true, Oper: "UP", MTU: 1500}, "eth3": {Index: 4, Up: true, Oper: "UP", MTU: 1500},
		},
	}
}

// wait is how long isisd takes to answer.
func (r *router) wait(ctx context.Context) error {
	r.mu.Lock()
	stopped, slow := r.stopped, r.slow
	r.mu.Unlock()
	var answer <-chan time.Time
	switch {
	case slow == 0 && !stopped:
		return nil
	case !stopped:
		answer = time.After(slow)
	}
	select {
	case <-answer:
		return nil
	case <-ctx.Done():
		return frr.ErrDown
	}
}

func (r *router) Running(ctx context.Context) (frr.Config, error) {
	if err := r.wait(ctx); err != nil {
		return frr.Config{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		return frr.Config{}, frr.ErrDown
	}
	c := r.config
	c.Interfaces = maps.Clone(c.Interfaces)
	return c, nil
}

func (r *router) Status(context.Context) (frr.Status, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		return frr.Status{}, frr.ErrDown
	}
	s := frr.Status{
		Version: "FRRouting 8.4.4", Started: time.Unix(1_800_000_000, 0), Hostnames: map[string]string{"0000.0000.0001": "a"},
		Circuits: map[string]frr.Circuit{}, Neighbours: map[string][]frr.Neighbour{},
	}
	own := frr.LSP{SystemID: "0000.0000.0001", Suffix: "00-00", Sequence: uint32(r.commits + 1), Lifetime: 1000, Overload: r.config.Overload}
	for n, name := range []string{"eth1", "eth2"} {
		metric := r.config.Interfaces[name].Metric
		s.Circuits[name] = frr.Circuit{Up: r.ports[name].Up, Metric: metric}
		if id := fmt.Sprintf("0000.0000.000%d", n+2); r.ports[name].Up {
			s.Neighbours[name] = []frr.Neighbour{{SystemID: id, State: "up"}}
			own.Reach = append(own.Reach, frr.Reach{SystemID: id, Metric: metric})
		}
	}
	s.Database = []frr.LSP{own}
	return s, nil
}

func (r *router) Commit(_ context.Context, c frr.Change) error {
	r.mu.Lock()
	block := r.block
	r.mu.Unlock()
	if block != nil {
		block <- struct{}{}
		<-block
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fail; err != nil {
		r.fail = nil
		return err
	}
	for name, metric := range c.Metrics {
		i := r.config.Interfaces[name]
		if i.Metric = metric; metric == 0 {
			i.Metric = frr.DefaultMetric
		}
		r.config.Interfaces[name] = i
	}
	if c.Overload != nil {
		r.config.Overload = *c.Overload
	}
	r.commits++
	err := r.lost
	r.lost = nil
	return err
}

func (r *router) Ports() (map[string]Port, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.ports), nil
}

func (r *router) alter(name string, how func(*Port)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if name == r.broken {
		r.fail, r.last = r.last, nil
		return errors.New("the kernel does not want to")
	}
	p := r.ports[name]
	how(&p)
	r.ports[name] = p
	return nil
}

func (r *router) SetUp(name string, up bool) error {
	return r.alter(name, func(p *Port) {
		p.Up, p.Oper = up, "DOWN"
		if up {
			p.Oper = "UP"
		}
	})
}

func (r *router) Describe(name, text string) error {
	return r.alter(name, func(p *Port) { p.Description = text })
}

// spoil changes how the router behaves.
func (r *router) spoil(how func(*router)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	how(r)
}

// state is what the tests compare.
func (r *router) state() (metric1, metric2 uint32, overload, up1 bool, text1 string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.config.Interfaces["eth1"].Metric, r.config.Interfaces["eth2"].Metric, r.config.Overload, r.ports["eth1"].Up, r.ports["eth1"].Description
}

// life is an agent that runs; end ends it as a kill would, with its journal left as it is.
type life struct {
	*Agent
	end func()
}

func start(t *testing.T, r *router, dir string) life {
	t.Helper()
	a, err := New(Config{
		Name: "a", Dir: dir, Daemon: r, Kernel: r, Logger: zaptest.NewLogger(t),
		Speeds: map[string]int64{"eth1": 10_000_000_000, "eth2": 9_953_280_000}, // of the latter the model has no name
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		a.Run(ctx, func() { close(ready) })
	}()
	l := life{a, func() { cancel(); <-done }}
	t.Cleanup(l.end)
	select {
	case <-ready:
	case <-time.After(10 * time.Second):
		t.Fatal("the agent does not get ready")
	}
	return l
}

const isis = "/network-instances/network-instance[name=DEFAULT]/protocols/protocol[identifier=ISIS][name=CORE]/isis"

func metricPath(name, family string) string {
	return isis + "/interfaces/interface[interface-id=" + name + "]/levels/level[level-number=2]/afi-safi/af[afi-name=" + family + "][safi-name=UNICAST]/config/metric"
}

const overload = isis + "/global/lsp-bit/overload-bit/config/set-bit"

func parse(t testing.TB, text string) *gpb.Path {
	t.Helper()
	path, err := ygot.StringToStructuredPath(text)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// request sets paths to JSON values, given in pairs; an empty value deletes.
func request(t *testing.T, pairs ...string) *gpb.SetRequest {
	t.Helper()
	req := &gpb.SetRequest{}
	for i := 0; i+1 < len(pairs); i += 2 {
		path := parse(t, pairs[i])
		if pairs[i+1] == "" {
			req.Delete = append(req.Delete, path)
			continue
		}
		req.Update = append(req.Update, &gpb.Update{Path: path, Val: &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(pairs[i+1])}}})
	}
	return req
}

// with adds a commit extension to a request.
func with(req *gpb.SetRequest, c *gnmi_ext.Commit) *gpb.SetRequest {
	req.Extension = append(req.Extension, &gnmi_ext.Extension{Ext: &gnmi_ext.Extension_Commit{Commit: c}})
	return req
}

func try(id string, rollback time.Duration) *gnmi_ext.Commit {
	return &gnmi_ext.Commit{Id: id, Action: &gnmi_ext.Commit_Commit{Commit: &gnmi_ext.CommitRequest{RollbackDuration: durationpb.New(rollback)}}}
}

func confirm(id string) *gnmi_ext.Commit {
	return &gnmi_ext.Commit{Id: id, Action: &gnmi_ext.Commit_Confirm{Confirm: &gnmi_ext.CommitConfirm{}}}
}

func cancel(id string) *gnmi_ext.Commit {
	return &gnmi_ext.Commit{Id: id, Action: &gnmi_ext.Commit_Cancel{Cancel: &gnmi_ext.CommitCancel{}}}
}

// elected makes a request one of a master's.
func elected(req *gpb.SetRequest, id uint64) *gpb.SetRequest {
	req.Extension = append(req.Extension, &gnmi_ext.Extension{Ext: &gnmi_ext.Extension_MasterArbitration{MasterArbitration: &gnmi_ext.MasterArbitration{
		Role: &gnmi_ext.Role{Id: "detour"}, ElectionId: &gnmi_ext.Uint128{Low: id},
	}}})
	return req
}

func (l life) set(t *testing.T, code codes.Code, req *gpb.SetRequest) {
	t.Helper()
	if _, err := l.Set(t.Context(), req); status.Code(err) != code {
		t.Errorf("Set answers %v, want %v", err, code)
	}
}

// get returns the JSON at a path.
func (l life) get(t *testing.T, path string) string {
	t.Helper()
	resp, err := l.Get(t.Context(), &gpb.GetRequest{Encoding: gpb.Encoding_JSON_IETF, Path: []*gpb.Path{parse(t, path)}})
	if err != nil {
		t.Errorf("Get %s: %v", path, err)
		return ""
	}
	return string(resp.GetNotification()[0].GetUpdate()[0].GetVal().GetJsonIetfVal())
}

// eventually waits for something to hold.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("still not: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func frrMetric(metric uint32) frr.InterfaceConfig { return frr.InterfaceConfig{Metric: metric} }
