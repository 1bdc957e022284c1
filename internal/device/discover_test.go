package device

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/openconfig/gnmi/proto/gnmi"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/discover"
)

// overload sets a router's overload bit.
func (l *lab) overload(router string) {
	l.t.Helper()
	r := l.net.Router(router)
	if err := r.Configure(r.Path("global", "lsp-bit", "overload-bit", "config", "set-bit"), "true"); err != nil {
		l.t.Fatal(err)
	}
}

// A router tells of itself, of whom it is adjacent to, and of what everybody advertises.
func TestAccounts(t *testing.T) {
	l := startLab(t, labSetup{idle: true})
	l.overload("b")
	accounts := l.Accounts(t.Context())
	if len(accounts) != 3 || accounts[0].Router != "a" || accounts[2].Router != "c" {
		t.Fatalf("accounts of %+v", accounts)
	}
	off := false
	both := func(value uint32) []network.Metric {
		return []network.Metric{{Level: 2, Family: network.IPv4, Value: value}, {Level: 2, Family: network.IPv6, Value: value}}
	}
	want := discover.Account{
		Router: "a", System: "0000.0000.0001", Overload: &off,
		Ports: []discover.Port{
			{Interface: "ethernet-1/1", Description: "a-b to b", Oper: "UP", Speed: 10e9, Metrics: both(10), Adjacencies: []discover.Adjacency{{Level: 2, System: "0000.0000.0002", Up: true, Circuit: 1, Peer: 1}}},
			{Interface: "ethernet-1/2", Description: "a-c to c", Oper: "UP", Speed: 10e9, Metrics: both(30), Adjacencies: []discover.Adjacency{{Level: 2, System: "0000.0000.0003", Up: true, Circuit: 2, Peer: 2}}},
			{Interface: backbone.Loopback, Description: "loopback", Oper: "UP", Metrics: both(10)},
		},
		Database: []discover.Packet{
			{Level: 2, System: "0000.0000.0001", Host: "a", Reach: []discover.Reach{{System: "0000.0000.0002", Metric: 10}, {System: "0000.0000.0003", Metric: 30}}},
			{Level: 2, System: "0000.0000.0002", Host: "b", Overload: true, Reach: []discover.Reach{{System: "0000.0000.0001", Metric: 10}, {System: "0000.0000.0003", Metric: 20}}},
			{Level: 2, System: "0000.0000.0003", Host: "c", Reach: []discover.Reach{{System: "0000.0000.0001", Metric: 30}, {System: "0000.0000.0002", Metric: 20}}},
		},
	}
	if diff := cmp.Diff(want, accounts[0], cmpopts.IgnoreFields(discover.Account{}, "At")); diff != "" {
		t.Errorf("a tells (-want +got):\n%s", diff)
	}
	if o := accounts[1].Overload; o == nil || !*o {
		t.Errorf("b tells of its overload bit %v", o)
	}
	if time.Since(accounts[0].At) > time.Minute || accounts[0].At.IsZero() {
		t.Errorf("told at %s", accounts[0].At)
	}
}

// What routers tell makes the topology that they were started with.
func TestDiscovered(t *testing.T) {
	for name, setup := range map[string]labSetup{
		"as they come":               {},
		"one topology for both":      {router: func(o *backbone.Options) { o.SingleTopology = true }},
		"both levels":                {router: func(o *backbone.Options) { o.Levels = []int{1, 2} }},
		"other names of the process": {router: func(o *backbone.Options) { o.Instance, o.NetworkInstance = "core isis", "default" }},
		"metrics that are not set":   {router: func(o *backbone.Options) { o.MetricAbsent = true }},
	} {
		t.Run(name, func(t *testing.T) {
			setup.idle = true
			l := startLab(t, setup)
			accounts := l.Accounts(t.Context())
			found := discover.Join(accounts, nil)
			if len(found.Links) != 3 || len(found.Loose)+len(found.Silent)+len(found.Strangers)+len(found.Overloaded) != 0 {
				t.Fatalf("found %+v", found)
			}
			differences := discover.Compare(l.topology, accounts, found)
			if name == "metrics that are not set" {
				differences = slices.DeleteFunc(differences, func(d discover.Difference) bool { return d.Kind == discover.Metric })
			}
			if len(differences) != 0 {
				t.Errorf("differences: %+v", differences)
			}
		})
	}
}

// A router that cannot be asked is silent, with what would help; the others are asked all the same.
func TestAccountsSilent(t *testing.T) {
	l := startLab(t, labSetup{idle: true, inventory: func(routers []network.Router) { routers[1].TLS.ServerName = "somebody-else" }})
	accounts := l.Accounts(t.Context())
	if !strings.Contains(accounts[1].Silent, "check tls.ca and tls.server_name in the inventory") || accounts[1].System != "" || accounts[1].Ports != nil {
		t.Errorf("b: %+v", accounts[1])
	}
	if accounts[0].Silent != "" || len(accounts[0].Ports) != 3 {
		t.Errorf("a: %+v", accounts[0])
	}
	found := discover.Join(accounts, l.topology)
	if len(found.Links) != 1 || found.Links[0].Name != "a-c" || len(found.Loose) != 2 || len(found.Silent) != 1 || len(found.Strangers) != 0 {
		t.Errorf("found %+v", found)
	}
}

// The fleet sees overload bits, speeds and neighbours while they change, and forgets them with the session.
func TestBeside(t *testing.T) {
	l := startLab(t, labSetup{})
	l.overload("b")
	overload := func(name string) *bool { return l.See().State().Routers[name].Overload }
	eventually(t, "the overload bit of b", func() bool { o := overload("b"); return o != nil && *o })
	eventually(t, "that of a", func() bool { o := overload("a"); return o != nil && !*o })
	if got := l.See().Facts("").Overloaded; !cmp.Equal(got, []string{"b"}) {
		t.Errorf("overloaded: %v", got)
	}
	end := func() endSeen { return l.See().links[0][0] }
	eventually(t, "speed, system and neighbours", func() bool {
		e := end()
		return e.beside.speed == 10e9 && e.system == "0000.0000.0001" && cmp.Equal(e.neighbours, []string{"0000.0000.0002"})
	})
	if err := l.net.Router("a").Negotiate("ethernet-1/1", 1e9); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new speed", func() bool { return end().beside.speed == 1e9 })
	l.net.Router("b").SetUnreachable(true)
	eventually(t, "b to be forgotten", func() bool { return overload("b") == nil })
}

// The circuits of a link's ends are those that its routers tell of, on whatever levels, and are forgotten with the session.
func TestCircuits(t *testing.T) {
	for name, levels := range map[string][]int{"one level": {2}, "both levels": {1, 2}} {
		t.Run(name, func(t *testing.T) {
			l := startLab(t, labSetup{router: func(o *backbone.Options) { o.Levels = levels }})
			circuits := func(end int) []events.Circuit { return l.Observe(t.Context(), l.target("b-c")).Ends[end].Circuits }
			eventually(t, "what b tells", func() bool { return cmp.Equal(circuits(0), []events.Circuit{{Local: 2, Peer: 1}}) })
			eventually(t, "what c tells", func() bool { return cmp.Equal(circuits(1), []events.Circuit{{Local: 1, Peer: 2}}) })
			l.net.Router("b").SetUnreachable(true)
			eventually(t, "b to be forgotten", func() bool { return circuits(0) == nil })
		})
	}
}

// A router that cannot tell of speeds is asked for its overload bit alone; one that tells of neither is followed all the
// same.
func TestBesideLess(t *testing.T) {
	for name, c := range map[string]struct {
		most int // paths that it takes in one list
		want bool
	}{"no speeds": {1, true}, "nothing": {0, false}} {
		t.Run(name, func(t *testing.T) {
			feed := &telemetryOf{asked: make(chan string, 1000)}
			l := serveOdd(t, &odd{
				encodings: []gnmi.Encoding{gnmi.Encoding_JSON_IETF}, config: isisTree("1", `,"metric":10`),
				subscribe: func(list *gnmi.SubscriptionList, stream gnmi.GNMI_SubscribeServer) error {
					path := list.GetSubscription()[0].GetPath()
					if elems := path.GetElem(); elems[len(elems)-1].GetName() != "set-bit" || len(list.GetSubscription()) > c.most {
						return feed.serve(list, stream)
					}
					update := &gnmi.Update{Path: path, Val: ietf("true")}
					if err := stream.Send(&gnmi.SubscribeResponse{Response: &gnmi.SubscribeResponse_Update{Update: &gnmi.Notification{Update: []*gnmi.Update{update}}}}); err != nil {
						return err
					}
					if err := syncOnly(list, stream); err != nil {
						return err
					}
					<-stream.Context().Done()
					return stream.Context().Err()
				},
			}, true)
			eventually(t, "what is told", func() bool {
				overload := l.See().State().Routers["odd"].Overload
				return l.odd().Oper == "UP" && l.odd().Traffic != nil && (overload != nil && *overload) == c.want
			})
		})
	}
}
