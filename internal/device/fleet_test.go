package device

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
)

func TestRouters(t *testing.T) {
	l := startLab(t, labSetup{})
	l.Proven(events.Proved{Device: "b", Bars: []events.Bar{events.BarArbitration}, Leaves: []events.Leaf{events.ISISMetric}})
	eventually(t, "all are reachable", func() bool {
		for _, r := range l.Routers() {
			if !r.Reachable || r.LastSeen.IsZero() {
				return false
			}
		}
		return true
	})
	list := l.Routers()
	want := []RouterStatus{
		{Name: "a", Bars: []events.Bar{events.BarDeadline}},
		{Name: "b", Bars: []events.Bar{events.BarArbitration, events.BarDeadline}},
		{Name: "c", Bars: []events.Bar{events.BarDeadline}},
	}
	for i := range want {
		want[i].Address = l.net.Router(want[i].Name).Address()
		want[i].Profile, want[i].Software, want[i].Reachable = "openconfig", "1.0.0", true
		if want[i].Name == "b" {
			want[i].Qualified = []string{"isis-metric"}
		}
		want[i].LastSeen, want[i].LastTold = list[i].LastSeen, list[i].LastTold
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("routers (-want +got):\n%s", diff)
	}
}

// What keeps a router from being read is said with its name and the remedy, and never with the password.
func TestLocksAndKeys(t *testing.T) {
	for name, c := range map[string]struct {
		config    func(*backbone.Config)
		inventory func(t *testing.T, r *network.Router)
		alter     func(*lab)
		says      string
	}{
		"good":        {},
		"wrong user":  {inventory: func(_ *testing.T, r *network.Router) { r.Credentials.Username = "eve" }, says: "check credentials"},
		"wrong login": {inventory: wrongPassword, says: `does not accept the credentials of user "detour"`},
		"no login": {inventory: func(_ *testing.T, r *network.Router) { r.Credentials = network.Credentials{} },
			says: "check credentials"},
		"no certificate": {inventory: func(_ *testing.T, r *network.Router) { r.TLS.Cert, r.TLS.Key = "", "" },
			says: "tls.cert and tls.key in the inventory"},
		"foreign certificate": {alter: func(l *lab) { l.a().PresentWrongCertificate(true) }, says: "check tls.ca and tls.server_name"},
		"other name": {inventory: func(_ *testing.T, r *network.Router) { r.TLS.ServerName = "router-z" },
			says: "check tls.ca and tls.server_name"},
		"nobody there": {inventory: func(_ *testing.T, r *network.Router) { r.Address = "127.0.0.1:1" }, says: "refuses connections"},
	} {
		t.Run(name, func(t *testing.T) {
			l := startLab(t, labSetup{
				idle: true,
				config: func(config *backbone.Config) {
					config.RequireClientCert, config.Username, config.Password = true, "detour", "s3cr3t"
				},
				inventory: func(routers []network.Router) {
					if c.inventory != nil {
						c.inventory(t, &routers[0])
					}
				},
			})
			if c.alter != nil {
				c.alter(l)
			}
			facts := l.Observe(t.Context(), l.target("a-b"))
			said := facts.Ends[0].Unreadable
			if (c.says == "") != (said == "") || !strings.Contains(said, c.says) || strings.Contains(said, "s3cr3t") {
				t.Errorf("unreadable %q, want %q", said, c.says)
			}
			if facts.Ends[1].Unreadable != "" {
				t.Errorf("b: %s", facts.Ends[1].Unreadable)
			}
		})
	}
}

func wrongPassword(t *testing.T, r *network.Router) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("guess\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.Credentials.Password = "file:" + file
}

func TestNewFleetRefusesABadInventory(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "empty.pem"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DETOUR_TEST_PASSWORD", "x")
	router := func(alter func(*network.Router)) network.Router {
		r := network.Router{Name: "r", Address: "127.0.0.1:57400"}
		alter(&r)
		return r
	}
	for says, alter := range map[string]func(*network.Router){
		`"ios-xe" is not known; known are: openconfig`: func(r *network.Router) { r.Profile = "ios-xe" },
		"no address":                  func(r *network.Router) { r.Address = "" },
		"want host:port":              func(r *network.Router) { r.Address = "router" },
		"tls.ca: open":                func(r *network.Router) { r.TLS.CA = "missing.pem" },
		"holds no PEM certificate":    func(r *network.Router) { r.TLS.CA = "empty.pem" },
		"tls.cert and tls.key belong": func(r *network.Router) { r.TLS.Cert = "c.pem" },
		"tls.cert and key: open":      func(r *network.Router) { r.TLS.Cert, r.TLS.Key = "c.pem", "k.pem" },
		"never the password itself":   func(r *network.Router) { r.Credentials = network.Credentials{Username: "u", Password: "hunter2"} },
		"DETOUR_TEST_UNSET is not set": func(r *network.Router) {
			r.Credentials = network.Credentials{Username: "u", Password: "env:DETOUR_TEST_UNSET"}
		},
		"password of user u: open": func(r *network.Router) { r.Credentials = network.Credentials{Username: "u", Password: "file:missing"} },
	} {
		topology := &network.Topology{Routers: []network.Router{router(alter), {Name: "good", Address: "127.0.0.1:1"}}}
		fleet, err := NewFleet(topology, Options{Dir: dir})
		if err == nil {
			fleet.Close()
			t.Errorf("no error, want %q", says)
			continue
		}
		if text := err.Error(); !strings.Contains(text, says) || !strings.Contains(text, "router r: ") || strings.Contains(text, "hunter2") {
			t.Errorf("error %q, want %q", text, says)
		}
	}
	good := router(func(r *network.Router) {
		r.Credentials = network.Credentials{Username: "u", Password: "env:DETOUR_TEST_PASSWORD"}
	})
	fleet, err := NewFleet(&network.Topology{Routers: []network.Router{good}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	fleet.Close()
}

func TestRunEndsWithItsContext(t *testing.T) {
	l := startLab(t, labSetup{idle: true})
	l.a().SetUnreachable(true)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	eventually(t, "b and c are followed, a is tried", func() bool { return l.See().Facts("").Seen == 2 && l.Routers()[0].LastError != "" })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
