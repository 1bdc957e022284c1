package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/internal/network/discover"
)

// field is simulated routers with their inventory in a file.
type field struct {
	*backbone.Network
	t   *testing.T
	dir string
}

func newField(t *testing.T) *field {
	t.Helper()
	net, err := backbone.Start(backbone.Config{Topology: backbone.Abilene(), RequireClientCert: true, Username: "detour", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(net.Close)
	f := &field{net, t, t.TempDir()}
	routers, err := net.Inventory(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	f.inventory("inventory.yaml", routers)
	return f
}

// inventory writes an inventory file.
func (f *field) inventory(name string, routers []network.Router) {
	text := "routers:\n"
	for _, r := range routers {
		text += fmt.Sprintf("  - name: %s\n    address: %q\n    tls: {ca: %q, cert: %q, key: %q, server_name: %s}\n    credentials: {username: detour, password: %q}\n",
			r.Name, r.Address, r.TLS.CA, r.TLS.Cert, r.TLS.Key, r.TLS.ServerName, r.Credentials.Password)
	}
	f.write(name, text)
}

func (f *field) write(name, text string) {
	f.t.Helper()
	if err := os.WriteFile(f.path(name), []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f *field) path(name string) string { return filepath.Join(f.dir, name) }

// detour runs a verb in this process.
func (f *field) detour(args ...string) (code int, stdout, stderr string) {
	f.t.Helper()
	var out, err bytes.Buffer
	code = execute(f.t.Context(), args, strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}

// drain sets the metric of a link's A end, as anybody could.
func (f *field) drain(link, metric string) {
	f.t.Helper()
	for _, l := range f.Topology().Links {
		if l.Name != link {
			continue
		}
		r := f.Router(l.A.Device)
		for _, family := range []string{"IPV4", "IPV6"} {
			path := r.Path("interfaces", "interface[interface-id="+l.A.Interface+"]", "levels", "level[level-number=2]", "afi-safi", "af[afi-name="+family+"][safi-name=UNICAST]", "config", "metric")
			if err := r.Configure(path, metric); err != nil {
				f.t.Fatal(err)
			}
		}
		return
	}
	f.t.Fatalf("no link %s", link)
}

// What the routers tell is a topology that the next run finds nothing to say against, and that the what-if takes; then
// somebody changes the network.
func TestDiscover(t *testing.T) {
	f := newField(t)
	inventory, topology := f.path("inventory.yaml"), f.path("topology.yaml")
	code, out, words := f.detour("topology", "discover", "--inventory", inventory)
	if code != 0 || !strings.Contains(words, "14 links") {
		t.Fatalf("exit %d\n%s%s", code, out, words)
	}
	f.write("topology.yaml", out)
	found, err := network.Load(inventory, topology)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, l := range f.Topology().Links {
		want[fmt.Sprintf("%s %s %d", l.A.Device, l.A.Interface, l.A.Metric)] = fmt.Sprintf("%s %s %d, %d bit/s", l.B.Device, l.B.Interface, l.B.Metric, l.Capacity)
	}
	got := map[string]string{}
	for _, l := range found.Links {
		a, b := l.A, l.B
		if _, ok := want[fmt.Sprintf("%s %s %d", a.Device, a.Interface, a.Metric)]; !ok {
			a, b = b, a
		}
		got[fmt.Sprintf("%s %s %d", a.Device, a.Interface, a.Metric)] = fmt.Sprintf("%s %s %d, %d bit/s", b.Device, b.Interface, b.Metric, l.Capacity)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("links (-started with +found):\n%s", diff)
	}
	same := []string{"topology", "discover", "--inventory", inventory, "--topology", topology}
	if code, out, words := f.detour(same...); code != 0 || out != "" || !strings.Contains(words, "14 links, all as the topology has them") {
		t.Errorf("compared with itself: exit %d\n%s%s", code, out, words)
	}
	if code, out, words := f.detour("whatif", "--all", "--inventory", inventory, "--topology", topology, "--gravity", "10G"); code != 0 {
		t.Errorf("whatif on what was found: exit %d\n%s%s", code, out, words)
	}

	f.drain("den-kcy", "16777215")
	code, out, words = f.detour(same...)
	if code != exitFailed || !strings.Contains(out, "drained, by whomever") || !strings.Contains(words, "differs from its topology in 2 places") {
		t.Errorf("drained: exit %d\n%s%s", code, out, words)
	}
	code, out, _ = f.detour(append(same, "--yaml")...)
	if code != 0 || !strings.Contains(out, "# drained when it was found: put in the metric that den has in service\n") || strings.Contains(out, "16777215") {
		t.Errorf("drained: exit %d\n%s", code, out)
	}

	f.Router("nyc").SetUnreachable(true)
	code, out, _ = f.detour(append(same, "-o", "json", "--timeout", "1m")...)
	var d discovery
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	kinds := map[discover.Kind]int{}
	for _, x := range d.Differences {
		kinds[x.Kind]++
	}
	if diff := cmp.Diff(map[discover.Kind]int{discover.Metric: 2, discover.Unseen: 2}, kinds); diff != "" || code != exitFailed || len(d.Silent) != 1 || len(d.Links) != 12 || len(d.Strangers) != 0 {
		t.Errorf("a silent router: exit %d, %d links, %+v, %+v\n%s", code, len(d.Links), d.Silent, d.Strangers, diff)
	}
}

// A router that is not in the inventory is named as its neighbours know it.
func TestDiscoverStranger(t *testing.T) {
	f := newField(t)
	routers, err := f.Inventory(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	f.inventory("fewer.yaml", routers[:len(routers)-1])
	missing := routers[len(routers)-1].Name
	code, out, words := f.detour("topology", "discover", "--inventory", f.path("fewer.yaml"))
	if code != 0 || !strings.Contains(words, "("+missing+") is not in the inventory; it is a neighbour of ") || strings.Contains(out, missing) {
		t.Errorf("exit %d\n%s%s", code, out, words)
	}
}

// What is asked wrongly is said before any router is asked.
func TestDiscoverUsage(t *testing.T) {
	t.Setenv("DETOUR_CONFIG", "")
	dir := t.TempDir()
	broken := filepath.Join(dir, "inventory.yaml")
	if err := os.WriteFile(broken, []byte("routers:\n  - {name: a, address: nowhere}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"which routers?":                           {},
		"want one network":                         {"--config", "c", "--inventory", "i"},
		"--topology belongs to --inventory":        {"--topology", "t"},
		"want host:port":                           {"--inventory", broken},
		"no such file":                             {"--inventory", filepath.Join(dir, "none.yaml")},
		"takes 0 arguments":                        {"den"},
		"--capacity: \"fast\": want 1 to":          {"--inventory", "../../deployments/example/inventory.yaml", "--capacity", "fast"},
		"environment variable DETOUR_LAB_PASSWORD": {"--inventory", "../../deployments/example/inventory.yaml"},
	} {
		f := &field{t: t, dir: dir}
		code, out, words := f.detour(append([]string{"topology", "discover"}, args...)...)
		if code != exitUsage || out != "" || !strings.Contains(words, want) {
			t.Errorf("%v: exit %d, %s%s, want %q", args, code, out, words, want)
		}
	}
}
