package backbone

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/internal/network"
)

func capabilities(ctx context.Context, t testing.TB, address string, config *tls.Config) error {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = gpb.NewGNMIClient(conn).Capabilities(ctx, &gpb.CapabilityRequest{})
	return err
}

func TestInventory(t *testing.T) {
	n, _ := abilene(t, func(c *Config) { c.RequireClientCert, c.Username, c.Password = true, "detour", "s3cret" })
	dir := t.TempDir()
	routers, err := n.Inventory(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(routers) != 11 || n.Topology().Routers[0].Address != "" {
		t.Errorf("%d routers; the topology's own must not be touched", len(routers))
	}
	for _, r := range routers {
		if !slices.Equal(r.EdgePorts, []string{Edge}) {
			t.Errorf("%s: edge ports %v", r.Name, r.EdgePorts)
		}
		config := fromFiles(t, r.TLS)
		secret := strings.TrimPrefix(r.Credentials.Password, "file:")
		password, err := os.ReadFile(secret)
		if err != nil {
			t.Fatal(err)
		}
		ctx := metadata.AppendToOutgoingContext(short(t), "username", r.Credentials.Username, "password", string(password))
		if err := capabilities(ctx, t, r.Address, config); err != nil {
			t.Errorf("%s: %v", r.Name, err)
		}
		if info, err := os.Stat(secret); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the password can be read by others: %v, %v", info.Mode(), err)
		}
	}
	if _, err := n.Inventory(filepath.Join(dir, "missing")); err == nil {
		t.Error("wrote into a directory that does not exist")
	}
}

func fromFiles(t testing.TB, files network.RouterTLS) *tls.Config {
	t.Helper()
	ca, err := os.ReadFile(files.CA)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return &tls.Config{RootCAs: pool, ServerName: files.ServerName, Certificates: []tls.Certificate{pair}}
}

func TestWhoIsLetIn(t *testing.T) {
	n, _ := abilene(t, func(c *Config) { c.RequireClientCert, c.Username, c.Password = true, "detour", "s3cret" })
	foreign, _ := abilene(t)
	own, err := n.ClientTLS("den")
	if err != nil {
		t.Fatal(err)
	}
	alien, err := foreign.ClientTLS("den")
	if err != nil {
		t.Fatal(err)
	}
	alien.RootCAs = own.RootCAs
	bare := &tls.Config{RootCAs: own.RootCAs, ServerName: "den"}
	tests := []struct {
		name   string
		config *tls.Config
		login  []string
		code   codes.Code
	}{
		{"all is well", own, []string{"username", "detour", "password", "s3cret"}, codes.OK},
		{"wrong password", own, []string{"username", "detour", "password", "guess"}, codes.Unauthenticated},
		{"no password", own, nil, codes.Unauthenticated},
		{"no certificate", bare, []string{"username", "detour", "password", "s3cret"}, codes.Unavailable},
		{"another network's certificate", alien, []string{"username", "detour", "password", "s3cret"}, codes.Unavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx := metadata.AppendToOutgoingContext(short(t), tt.login...)
			if err := capabilities(ctx, t, n.Router("den").Address(), tt.config); status.Code(err) != tt.code {
				t.Errorf("got %v, want %v", err, tt.code)
			}
		})
	}
	stream, err := dial(t, n, "den").Subscribe(short(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.Unauthenticated {
		t.Errorf("a stream without credentials got %v", err)
	}
}

func TestWrongCertificate(t *testing.T) {
	n, _ := abilene(t)
	config, err := n.ClientTLS("den")
	if err != nil {
		t.Fatal(err)
	}
	r := n.Router("den")
	r.PresentWrongCertificate(true)
	if err := capabilities(short(t), t, r.Address(), config); status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v", err)
	}
	r.PresentWrongCertificate(false)
	if err := capabilities(short(t), t, r.Address(), config); err != nil {
		t.Error(err)
	}
	if err := capabilities(short(t), t, n.Router("kcy").Address(), config); status.Code(err) != codes.Unavailable {
		t.Errorf("kcy passed for den: %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	n, _ := abilene(t)
	r, c := n.Router("den"), dial(t, n, "den")
	where := metricPath("ethernet-1/3", "IPV4", "config")
	want(t, c, where, "892")
	before, _ := n.Load("den-kcy")
	r.SetUnreachable(true)
	if _, code := get(t, c, where); code != codes.Unavailable {
		t.Errorf("got %v", code)
	}
	if after, _ := n.Load("den-kcy"); after != before {
		t.Errorf("traffic changed from %d to %d", before, after)
	}
	r.SetUnreachable(false)
	_, err := c.Capabilities(short(t), &gpb.CapabilityRequest{}, grpc.WaitForReady(true))
	if err != nil {
		t.Error(err)
	}
}

func TestReboot(t *testing.T) {
	metric := metricPath("ethernet-1/3", "IPV4", "config")
	ready := func(t *testing.T, c gpb.GNMIClient) {
		t.Helper()
		if _, err := c.Capabilities(short(t), &gpb.CapabilityRequest{}, grpc.WaitForReady(true)); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name    string
		persist bool
		prepare func(t *testing.T, r *Router, c gpb.GNMIClient)
		want    string
	}{
		{"unsaved is lost", false, func(t *testing.T, _ *Router, c gpb.GNMIClient) {
			set(t, c, setMetrics(t, "ethernet-1/3", 500), codes.OK)
		}, "892"},
		{"saved stays", false, func(t *testing.T, r *Router, c gpb.GNMIClient) {
			set(t, c, setMetrics(t, "ethernet-1/3", 500), codes.OK)
			r.Save()
		}, "500"},
		{"persisted stays", true, func(t *testing.T, _ *Router, c gpb.GNMIClient) {
			set(t, c, setMetrics(t, "ethernet-1/3", 500), codes.OK)
		}, "500"},
		{"unconfirmed is not persisted", true, func(t *testing.T, _ *Router, c gpb.GNMIClient) {
			set(t, c, setMetrics(t, "ethernet-1/3", 500, request("c1", time.Hour)), codes.OK)
		}, "892"},
		{"confirmed is persisted", true, func(t *testing.T, _ *Router, c gpb.GNMIClient) {
			set(t, c, setMetrics(t, "ethernet-1/3", 500, request("c1", time.Hour)), codes.OK)
			set(t, c, confirm("c1"), codes.OK)
		}, "500"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, clock := abilene(t, with(func(o *Options) { o.Persist = tt.persist }))
			r, c := n.Router("den"), dial(t, n, "den")
			stream := subscribe(t, c, streamList(gpb.Encoding_JSON_IETF, onChange(t, metric)))
			untilSync(t, stream)
			set(t, c, &gpb.SetRequest{Extension: setMetrics(t, "x", 1, master("detour", 0, 9)).Extension}, codes.OK)
			tt.prepare(t, r, c)
			clock.Forward(time.Minute)
			r.Reboot(0)
			for {
				if _, err := stream.Recv(); err != nil {
					break
				}
			}
			ready(t, c)
			want(t, c, metric, tt.want)
			if last := n.Sets()[len(n.Sets())-1]; last.Local != (tt.want == "892") {
				t.Errorf("the account ends with %+v", last)
			}
			want(t, c, "/system/state/boot-time", `"1800000060000000000"`)
			if _, _, ok := r.Master("detour"); ok {
				t.Error("the master survived")
			}
			if _, open := r.Unconfirmed(); open {
				t.Error("the commit window survived")
			}
		})
	}
}

func TestRebootWithOutage(t *testing.T) {
	n, clock := abilene(t)
	r, c := n.Router("den"), dial(t, n, "den")
	r.Reboot(time.Minute)
	if n.Adjacent("den-kcy") || n.Adjacent("sea-den") {
		t.Error("still adjacent to a router without power")
	}
	want(t, dial(t, n, "kcy"), "/interfaces/interface[name=ethernet-1/1]/state/oper-status", `"DOWN"`)
	if _, err := c.Capabilities(short(t), &gpb.CapabilityRequest{}); status.Code(err) != codes.Unavailable {
		t.Errorf("got %v from a router without power", err)
	}
	clock.Forward(time.Minute)
	if !n.Adjacent("den-kcy") {
		t.Error("not adjacent again")
	}
	if _, err := c.Capabilities(short(t), &gpb.CapabilityRequest{}, grpc.WaitForReady(true)); err != nil {
		t.Error(err)
	}
	want(t, c, "/system/state/boot-time", `"1800000060000000000"`)
}

func TestFaultsShowAtTheRouters(t *testing.T) {
	n, clock := abilene(t)
	if err := n.Break("den-kcy", LinkFault{LossAToB: 1e-3}); err != nil {
		t.Fatal(err)
	}
	clock.Forward(10 * time.Second)
	const counters = "/interfaces/interface[name=ethernet-1/1]/state/counters"
	c := dial(t, n, "kcy")
	want(t, c, counters+"/in-fcs-errors", `"5410"`) // 4.328 Gb/s in packets of 8000 bits, a thousandth of them, for 10 s
	want(t, c, counters+"/in-errors", `"5410"`)
	want(t, dial(t, n, "den"), "/interfaces/interface[name=ethernet-1/3]/state/counters/in-fcs-errors", `"0"`)
	if got := n.Totals(); got.Lost != 5410 || got.Sent != got.Delivered+got.Lost {
		t.Errorf("totals %+v", got)
	}
}

func TestDrainSavesPackets(t *testing.T) {
	n, clock := abilene(t)
	if err := n.SetLoss("den-kcy", 1e-3); err != nil {
		t.Fatal(err)
	}
	clock.Forward(10 * time.Second)
	for router, port := range map[string]string{"den": "ethernet-1/3", "kcy": "ethernet-1/1"} {
		set(t, dial(t, n, router), setMetrics(t, port, 16777214), codes.OK)
	}
	lost := n.Totals().Lost
	clock.Forward(90 * time.Second)
	totals := n.Totals()
	if totals.Lost != lost || lost < 10_000 {
		t.Errorf("lost %d, %d before the drain", totals.Lost, lost)
	}
	if saved := totals.Saved(); saved < 9*lost-10 || saved > 9*lost+10 {
		t.Errorf("saved %d in nine times the time that %d were lost in", saved, lost)
	}
}

func TestUnknownLink(t *testing.T) {
	n, _ := abilene(t)
	if err := n.SetLoss("den-xyz", 0.1); err == nil || !strings.Contains(err.Error(), "den-xyz") {
		t.Errorf("got %v", err)
	}
	if err := n.SetLoss("den-kcy", 2); err == nil || !strings.Contains(err.Error(), "den-kcy") {
		t.Errorf("got %v", err)
	}
	if _, _, err := n.Metrics("den-xyz"); err == nil {
		t.Error("metrics of a link that does not exist")
	}
	if _, _, err := n.LinkCounters("den-xyz"); err == nil {
		t.Error("counters of a link that does not exist")
	}
	if a, b := n.Load("den-xyz"); a != 0 || b != 0 || n.Adjacent("den-xyz") {
		t.Error("load on a link that does not exist")
	}
	if n.Router("xyz") != nil || len(n.Routers()) != 11 {
		t.Error("a router that does not exist")
	}
}

func TestBadTopology(t *testing.T) {
	two := []network.Router{{Name: "a"}, {Name: "b"}}
	end := func(device string) network.End { return network.End{Device: device, Interface: "x"} }
	tests := map[string]*network.Topology{
		"none":        nil,
		"unknown end": {Routers: two, Links: []network.Link{{Name: "l", A: end("a"), B: end("c"), Capacity: 1}}},
		"loop":        {Routers: two, Links: []network.Link{{Name: "l", A: end("a"), B: end("a"), Capacity: 1}}},
		"no capacity": {Routers: two, Links: []network.Link{{Name: "l", A: end("a"), B: end("b")}}},
	}
	for name, topology := range tests {
		if n, err := Start(Config{Topology: topology}); err == nil {
			n.Close()
			t.Errorf("%s: started", name)
		}
	}
}

// Parallel links share traffic, a default metric is configured where the topology has none, and instance names are each
// router's own.
func TestAnotherTopology(t *testing.T) {
	end := func(device, port string) network.End { return network.End{Device: device, Interface: port} }
	topology := &network.Topology{
		Routers: []network.Router{{Name: "a"}, {Name: "b"}},
		Links: []network.Link{
			{Name: "one", A: end("a", "et-0/0/0:1"), B: end("b", "p]1"), Capacity: 100e9},
			{Name: "two", A: end("a", "et-0/0/0:2"), B: end("b", "p2"), Capacity: 100e9},
		},
	}
	n, err := Start(Config{Topology: topology, LoadTarget: 0.2, Options: func(router string) Options {
		o := DefaultOptions()
		o.NetworkInstance, o.Instance = "default", "isis-"+router
		return o
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	for _, link := range []string{"one", "two"} {
		a, b := n.Load(link)
		if a < 19_999_999_000 || a > 20_000_000_000 || b < 19_999_999_000 {
			t.Errorf("%s carries %d and %d, want a fifth of 100 Gb/s", link, a, b)
		}
	}
	c := dial(t, n, "b")
	where := n.Router("b").Path("interfaces", `interface[interface-id=p\]1]`, "levels", "level[level-number=2]", "afi-safi", "af[afi-name=IPV4][safi-name=UNICAST]", "config", "metric")
	want(t, c, where, "10")
	if !strings.Contains(where, "[name=default]") || !strings.Contains(where, "[name=isis-b]") {
		t.Errorf("path %s", where)
	}
	set(t, c, update(t, where, "11"), codes.OK)
	if _, b := n.Load("one"); b > 8_000_000_001 {
		t.Errorf("load %d, want the IPv6 part alone", b)
	}
}
