package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

// example copies the sample configuration, so that tests can spoil a part of it.
func example(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../deployments/example")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// write puts a file of the given mode into dir.
func write(t *testing.T, dir, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadExample(t *testing.T) {
	c, err := Load("../../deployments/example/detour.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if c.Mode != events.DryRun {
		t.Errorf("mode = %q", c.Mode)
	}
	if c.NATS.Embedded == nil || !filepath.IsAbs(c.NATS.Embedded.Dir) || filepath.Base(c.NATS.Embedded.Dir) != "data" || !c.NATS.SyncAlways {
		t.Errorf("nats = %+v", c.NATS)
	}
	if len(c.Network.Routers) != 2 || len(c.Network.Links) != 2 || len(c.Policy.Rules()) != 2 {
		t.Errorf("%d routers, %d links, %d rules", len(c.Network.Routers), len(c.Network.Links), len(c.Policy.Rules()))
	}
	target, ok := c.Resolver.Resolve(events.Resource{Device: "lab-b", Interface: "ethernet-1/2"})
	if !ok || target.Name != "lab-a-lab-b-2" {
		t.Errorf("target = %v %t", target, ok)
	}
}

func TestLoadDefaults(t *testing.T) {
	dir := example(t)
	c, err := Load(write(t, dir, "small.yaml", "nats: {embedded: {dir: d}}\ninventory: inventory.yaml\ntopology: topology.yaml\npolicy: policy.yaml\n", 0o600))
	if err != nil {
		t.Fatal(err)
	}
	got := []any{c.Mode, c.Domain, c.Listen, c.Telemetry.Interval.Std(), c.Log.Level, c.NATS.Embedded.Port, len(c.Tokens), c.Replica.Rank}
	want := []any{events.DryRun, "default", Listen{HTTP: "127.0.0.1:8080"}, 2 * time.Second, "info", 0, 0, 0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

func TestLoadForeignServers(t *testing.T) {
	dir := example(t)
	for _, name := range []string{"ca.pem", "cert.pem", "key.pem", "detour.creds"} {
		write(t, dir, name, "x", 0o600)
	}
	c, err := Load(write(t, dir, "c.yaml", `mode: live
domain: plane-1
replica: {name: noc-1, rank: 2}
nats:
  urls: ["tls://n1:4222", "tls://n2:4222"]
  credentials: file:detour.creds
  tls: {ca: ca.pem, cert: cert.pem, key: key.pem}
  sync_always: true
  replicas: 3
  streams: check
  api_prefix: DETOUR.API
listen: {http: "0.0.0.0:8443", tls: {cert: cert.pem, key: key.pem}, admin: "[::1]:6060"}
log: {level: debug}
inventory: inventory.yaml
topology: topology.yaml
policy: policy.yaml
`, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	wantNATS := NATS{
		URLs: []string{"tls://n1:4222", "tls://n2:4222"}, Credentials: at("detour.creds"),
		TLS: ClientTLS{CA: at("ca.pem"), Cert: at("cert.pem"), Key: at("key.pem")}, SyncAlways: true, Replicas: 3, Streams: CheckStreams, APIPrefix: "DETOUR.API",
	}
	if diff := cmp.Diff(wantNATS, c.NATS); diff != "" {
		t.Errorf("nats (-want +got):\n%s", diff)
	}
	wantListen := Listen{HTTP: "0.0.0.0:8443", TLS: &ServerTLS{Cert: at("cert.pem"), Key: at("key.pem")}, Admin: "[::1]:6060"}
	if diff := cmp.Diff(wantListen, c.Listen); diff != "" {
		t.Errorf("listen (-want +got):\n%s", diff)
	}
	if c.Mode != events.Live || c.Replica != (Replica{"noc-1", 2}) || c.Domain != "plane-1" {
		t.Errorf("%v %v %v", c.Mode, c.Replica, c.Domain)
	}
}

// TestLoadIdentity reads each way in which servers may know a replica. What is secret is read and not shown.
func TestLoadIdentity(t *testing.T) {
	dir := example(t)
	write(t, dir, "seed.nk", "SUAX", 0o600)
	write(t, dir, "password", "sesame\n", 0o600)
	write(t, dir, "open", "sesame", 0o644)
	load := func(identity string) (*Config, error) {
		return Load(write(t, dir, "c.yaml", "nats: {urls: ['nats://n1:4222'], sync_always: true, "+identity+"}\ninventory: inventory.yaml\ntopology: topology.yaml\npolicy: policy.yaml\n", 0o600))
	}
	for _, c := range []struct {
		identity string
		want     NATS
		shown    string
	}{
		{"nkey: 'file:seed.nk'", NATS{NKey: filepath.Join(dir, "seed.nk")}, "nats.nkey"},
		{"user: noc, password: 'file:password'", NATS{User: "noc", Password: "sesame", PasswordFile: filepath.Join(dir, "password")}, "nats.user"},
	} {
		got, err := load(c.identity)
		if err != nil {
			t.Fatal(err)
		}
		c.want.URLs, c.want.SyncAlways, c.want.Replicas, c.want.Streams = []string{"nats://n1:4222"}, true, 1, MakeStreams
		if diff := cmp.Diff(c.want, got.NATS); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.identity, diff)
		}
		shown := fmt.Sprint(got.Describe())
		if strings.Contains(shown, "sesame") || !strings.Contains(shown, c.shown) {
			t.Errorf("%s is described as %s", c.identity, shown)
		}
	}
	for _, identity := range []string{"nkey: 'file:open'", "credentials: 'file:open'", "user: noc, password: 'file:open'"} {
		if _, err := load(identity); err == nil || !strings.Contains(err.Error(), "chmod o-rwx") || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s that everybody may read: %v", identity, err)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	const rest = "\ninventory: inventory.yaml\ntopology: topology.yaml\npolicy: policy.yaml\n"
	const embedded = "nats: {embedded: {dir: d}}" + rest
	tests := []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"unknown key", map[string]string{"c.yaml": "chta: {slack: {}}\n" + embedded}, []string{"c.yaml:1:1: unknown key \"chta\"", "    1 | chta: {slack: {}}\n        ^"}},
		{"a traffic matrix that is not there", map[string]string{"c.yaml": "traffic: t.csv\n" + embedded}, []string{"c.yaml:1:10: traffic: ", "t.csv: no such file"}},
		{"a traffic matrix of another network", map[string]string{"c.yaml": "traffic: t.csv\n" + embedded, "t.csv": "from,to,gbps\natlantis,elsewhere,1\n"}, []string{"t.csv:2: from: router \"atlantis\" is not in the inventory"}},
		{"two documents", map[string]string{"c.yaml": embedded + "---\nmode: live\n"}, []string{"c.yaml:6:", "a second document begins here"}},
		{"a value that refers to itself", map[string]string{"c.yaml": "listen: &a {http: *a}\n" + embedded}, []string{"c.yaml:1:", "anchors, aliases"}},
		{"a file that is this one", map[string]string{"c.yaml": "nats: {embedded: {dir: d}}\ninventory: inventory.yaml\ntopology: topology.yaml\npolicy: ./c.yaml\n"}, []string{"c.yaml:4:9: policy: ./c.yaml is this file itself: a cycle"}},
		{"a missing file", map[string]string{"c.yaml": "nats: {embedded: {dir: d}}\ninventory: inventory.yaml\ntopology: topology.yaml\npolicy: none.yaml\n"}, []string{"c.yaml:4:9: policy: ", "none.yaml: no such file"}},
		{"a folder", map[string]string{"c.yaml": "nats: {embedded: {dir: d}}\ninventory: .\ntopology: topology.yaml\npolicy: policy.yaml\n"}, []string{"c.yaml:2:12: inventory: . is a folder"}},
		{"files not named", map[string]string{"c.yaml": "nats: {embedded: {dir: d}}\n"}, []string{"inventory is missing", "topology is missing", "policy is missing"}},
		{"mode", map[string]string{"c.yaml": "mode: wet\n" + embedded}, []string{`c.yaml:1:7: mode: "wet": want dry-run or live`}},
		{"domain", map[string]string{"c.yaml": "domain: Plane 1\n" + embedded}, []string{"c.yaml:1:9: domain: "}},
		{"replica", map[string]string{"c.yaml": "replica: {name: 'a b', rank: 99}\n" + embedded}, []string{"replica.name", "replica.rank: 99: want 0"}},
		{"log level", map[string]string{"c.yaml": "log: {level: loud}\n" + embedded}, []string{`log.level: "loud": want debug`}},
		{"telemetry slower than the policy allows", map[string]string{"c.yaml": "telemetry: {interval: 5s}\n" + embedded}, []string{"c.yaml:1:23: telemetry.interval: 5s", "clocks.fresh", "want less"}},
		{"telemetry out of range", map[string]string{"c.yaml": "telemetry: {interval: 1ms}\n" + embedded}, []string{"telemetry.interval: 1ms: want 10ms to 1m0s"}},
		{"no bus", map[string]string{"c.yaml": rest}, []string{"nats: give embedded with dir, or urls"}},
		{"two buses", map[string]string{"c.yaml": "nats: {embedded: {dir: d}, urls: ['nats://x:1']}" + rest}, []string{"exclude each other"}},
		{"embedded without a folder", map[string]string{"c.yaml": "nats: {embedded: {port: 70000}}" + rest}, []string{"nats.embedded.dir is missing", "nats.embedded.port: 70000"}},
		{"embedded with what is for others", map[string]string{"c.yaml": "nats: {embedded: {dir: d}, replicas: 3, sync_always: true}" + rest}, []string{"nats.replicas: belongs to nats.urls", "nats.sync_always: belongs to nats.urls"}},
		{"embedded with others' streams", map[string]string{"c.yaml": "nats: {embedded: {dir: d}, streams: check, api_prefix: X}" + rest}, []string{"nats.streams: belongs to nats.urls", "nats.api_prefix: belongs to nats.urls"}},
		{"streams by somebody unknown", map[string]string{"c.yaml": "nats: {urls: ['nats://x:1'], sync_always: true, streams: never, api_prefix: 'A.>'}" + rest}, []string{`nats.streams: "never": want make`, `nats.api_prefix: "A.>": want the subject`}},
		{"servers that may lose records", map[string]string{"c.yaml": "nats: {urls: ['nats://x:4222']}" + rest}, []string{"sync_interval: always", "sync_always: true"}},
		{"bad servers", map[string]string{"c.yaml": "nats: {urls: ['http://x', 'nats://u:p@x:1'], sync_always: true, replicas: 2, credentials: x, tls: {cert: c}}" + rest},
			[]string{"nats.urls[0]: want a URL", "nats.urls[1]: a secret stands in the URL", "nats.replicas: 2: want 1, 3 or 5", "nats.credentials: want file:PATH", "cert and key belong together"}},
		{"known in two ways", map[string]string{"c.yaml": "nats: {urls: ['nats://x:1'], sync_always: true, credentials: 'file:c', user: u}" + rest, "c": "x"},
			[]string{"credentials, nkey and user exclude each other"}},
		{"a user without a password", map[string]string{"c.yaml": "nats: {urls: ['nats://x:1'], sync_always: true, user: u}" + rest}, []string{"user and password belong together"}},
		{"a password without a user", map[string]string{"c.yaml": "nats: {urls: ['nats://x:1'], sync_always: true, password: 'file:p'}" + rest, "p": "x"}, []string{"user and password belong together"}},
		{"a password written down", map[string]string{"c.yaml": "nats: {urls: ['nats://x:1'], sync_always: true, user: u, password: sesame}" + rest}, []string{"nats.password: a secret is named as file:PATH or env:NAME"}},
		{"a password that is not there", map[string]string{"c.yaml": "nats: {urls: ['nats://x:1'], sync_always: true, user: u, password: 'file:p'}" + rest}, []string{"nats.password: ", "p: no such file"}},
		{"a seed written down", map[string]string{"c.yaml": "nats: {urls: ['nats://x:1'], sync_always: true, nkey: SUA}" + rest}, []string{"nats.nkey: want file:PATH"}},
		{"a seed that is not there", map[string]string{"c.yaml": "nats: {urls: ['nats://x:1'], sync_always: true, nkey: 'file:seed.nk'}" + rest}, []string{"nats.nkey: ", "seed.nk: no such file"}},
		{"credentials that are not there", map[string]string{"c.yaml": "nats: {urls: ['nats://x:1'], sync_always: true, credentials: 'file:d.creds'}" + rest}, []string{"nats.credentials: ", "d.creds: no such file"}},
		{"an embedded server that knows everybody", map[string]string{"c.yaml": "nats: {embedded: {dir: d}, user: u, password: 'file:p'}" + rest, "p": "x"}, []string{"nats.user: belongs to nats.urls", "nats.password: belongs to nats.urls"}},
		{"plain HTTP beyond the machine", map[string]string{"c.yaml": "listen: {http: '0.0.0.0:80'}\n" + embedded}, []string{"c.yaml:1:16: listen.http: 0.0.0.0:80", "tokens would cross the network in clear"}},
		{"profiles beyond the machine", map[string]string{"c.yaml": "listen: {admin: '0.0.0.0:6060'}\n" + embedded}, []string{"c.yaml:1:17: listen.admin: 0.0.0.0:6060", "asks nobody who they are"}},
		{"profiles by a name", map[string]string{"c.yaml": "listen: {admin: 'detour.example.net:6060'}\n" + embedded}, []string{"listen.admin: detour.example.net:6060 is reached"}},
		{"profiles on every address", map[string]string{"c.yaml": "listen: {admin: ':6060'}\n" + embedded}, []string{"listen.admin: :6060 is reached"}},
		{"profiles without a port", map[string]string{"c.yaml": "listen: {admin: '127.0.0.1'}\n" + embedded}, []string{"want host:port of this machine"}},
		{"profiles where the API is", map[string]string{"c.yaml": "listen: {admin: '127.0.0.1:8080'}\n" + embedded}, []string{"give another port"}},
		{"traces to no URL", map[string]string{"c.yaml": "traces: {otlp: 'collector:4318'}\n" + embedded}, []string{"c.yaml:1:16: traces.otlp: want the URL"}},
		{"traces with a password", map[string]string{"c.yaml": "traces: {otlp: 'https://a:b@collector/v1/traces'}\n" + embedded}, []string{"without credentials"}},
		{"no port", map[string]string{"c.yaml": "listen: {http: localhost}\n" + embedded}, []string{"want host:port"}},
		{"certificate without a key", map[string]string{"c.yaml": "listen: {tls: {cert: c.pem}}\n" + embedded}, []string{"listen.tls: give cert and key"}},
		{"certificate missing", map[string]string{"c.yaml": "listen: {tls: {cert: c.pem, key: k.pem}}\n" + embedded}, []string{"c.pem: no such file"}},
		{"tokens written down", map[string]string{"c.yaml": "auth: {tokens: abc}\n" + embedded}, []string{"auth.tokens: want file:PATH"}},
		{"a bad policy", map[string]string{"c.yaml": embedded, "policy.yaml": "rules: [{name: x}]\n"}, []string{"policy.yaml:1:", "match.kinds", "remediation"}},
		{"a rule's parameters", map[string]string{"c.yaml": embedded, "policy.yaml": "rules:\n  - name: x\n    match: {kinds: [link-errors]}\n    remediation: link-drain\n    with: {stile: soft}\n"},
			[]string{"policy.yaml:5:", `rule "x": link-drain`, "stile"}},
		{"a remediation that does not exist", map[string]string{"c.yaml": embedded, "policy.yaml": "rules: [{name: x, match: {kinds: [link-errors]}, remediation: pray}]\n"}, []string{`remediation "pray" is not known; want one of link-drain, isis-metric`}},
		{"several files at once", map[string]string{"c.yaml": "mode: wet\n" + embedded, "policy.yaml": "rulse: []\n", "topology.yaml": "links: []\n"}, []string{"c.yaml:1:7", "policy.yaml:1:1", "topology.yaml:1:"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := example(t)
			for name, text := range tt.files {
				write(t, dir, name, text, 0o600)
			}
			_, err := Load(filepath.Join(dir, "c.yaml"))
			if err == nil {
				t.Fatal("Load took it")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("message lacks %q:\n%v", want, err)
				}
			}
		})
	}
}

func TestLoadMissing(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml")); err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("err = %v", err)
	}
}

func TestInsecureListenIsSaidInSoManyWords(t *testing.T) {
	dir := example(t)
	c, err := Load(write(t, dir, "c.yaml", "listen: {http: '0.0.0.0:80', insecure: true}\nnats: {embedded: {dir: d}}\ninventory: inventory.yaml\ntopology: topology.yaml\npolicy: policy.yaml\n", 0o600))
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen.Local() {
		t.Error("0.0.0.0 is taken for local")
	}
}

func TestLocal(t *testing.T) {
	for address, want := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, "localhost:1": true, "127.9.9.9:1": true, "0.0.0.0:1": false, ":1": false, "10.0.0.1:1": false, "x": false} {
		if got := (Listen{HTTP: address}).Local(); got != want {
			t.Errorf("Local(%q) = %t", address, got)
		}
	}
}

func TestDescribe(t *testing.T) {
	c, err := Load("../../deployments/example/detour.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range c.Describe() {
		if _, twice := got[s.Name]; twice {
			t.Errorf("%s stands twice", s.Name)
		}
		got[s.Name] = s.Value + " " + string(s.Source)
	}
	for name, want := range map[string]string{
		"mode": "dry-run file", "domain": "default default", "telemetry.interval": "2s file", "inventory": "2 routers file",
		"budgets.in_flight.network": "1 file", "budgets.in_flight.bundle": "1 default", "clocks.hold": "10m0s default",
		"ceiling.acts_per_hour": "60 compiled",
	} {
		if got[name] != want {
			t.Errorf("%s = %q, want %q", name, got[name], want)
		}
	}
}

// FuzzLoad: whatever stands in the configuration, Load answers with a configuration or an error that names the file.
func FuzzLoad(f *testing.F) {
	raw, err := os.ReadFile("../../deployments/example/detour.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte("nats: {urls: ['nats://x:4222'], sync_always: true}\nlisten: {http: ':0', insecure: true}\n"))
	f.Add([]byte("replica: {rank: -1}\nauth: {tokens: file:}\n"))
	dir := f.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../deployments/example")); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		path := write(t, t.TempDir(), "c.yaml", string(raw), 0o600)
		for _, name := range []string{"inventory.yaml", "topology.yaml", "policy.yaml"} {
			if err := os.Symlink(filepath.Join(dir, name), filepath.Join(filepath.Dir(path), name)); err != nil {
				t.Fatal(err)
			}
		}
		c, err := Load(path)
		if err != nil && !strings.Contains(err.Error(), "c.yaml") {
			t.Errorf("the message does not name the file: %v", err)
		}
		if err == nil && (c.Policy == nil || c.Network == nil || c.Mode != events.DryRun && c.Mode != events.Live) {
			t.Errorf("incomplete: %+v", c)
		}
	})
}
