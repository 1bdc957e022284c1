package backbone

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/detour-net/detour/internal/network"
)

const databasePath = "/network-instances/network-instance[name=DEFAULT]/protocols/protocol[identifier=ISIS][name=CORE]/isis/levels/level[level-number=2]/link-state-database"

func lspPath(system string) string { return databasePath + "/lsp[lsp-id=" + system + ".00-00]" }

// reachPath is the metric that a router advertises for its nth link to a neighbour.
func reachPath(system, neighbour string, nth int) string {
	return lspPath(system) + fmt.Sprintf("/tlvs/tlv[type=EXTENDED_IS_REACHABILITY]/extended-is-reachability/neighbors/neighbor[system-id=%s]/instances/instance[id=%d]/state/metric", neighbour, nth)
}

// Every router has what every other advertises.
func TestDatabase(t *testing.T) {
	n, _ := abilene(t)
	den, kcy := n.Router("den").SystemID(), n.Router("kcy").SystemID()
	far := dial(t, n, "nyc")
	expect := func(when, path, want string, code codes.Code) {
		t.Helper()
		if value, got := get(t, far, path); value != want || got != code {
			t.Errorf("%s: %s is %s (%v), want %s (%v)", when, path, value, got, want, code)
		}
	}
	expect("at first", reachPath(den, kcy, 1), "892", codes.OK)
	expect("at first", reachPath(den, kcy, 2), "", codes.NotFound)
	expect("at first", lspPath(den)+"/state/flags", "", codes.NotFound)
	expect("at first", lspPath(den)+"/tlvs/tlv[type=DYNAMIC_NAME]/hostname/state/hostname", `["den"]`, codes.OK)

	if _, err := dial(t, n, "den").Set(short(t), setMetrics(t, "ethernet-1/3", 16777214)); err != nil {
		t.Fatal(err)
	}
	expect("drained", reachPath(den, kcy, 1), "16777214", codes.OK)
	expect("drained", reachPath(kcy, den, 1), "892", codes.OK)

	if err := n.Break("den-kcy", LinkFault{Down: true}); err != nil {
		t.Fatal(err)
	}
	expect("dark", reachPath(den, kcy, 1), "", codes.NotFound)
	expect("dark", reachPath(kcy, den, 1), "", codes.NotFound)
	if err := n.Heal("den-kcy"); err != nil {
		t.Fatal(err)
	}
	expect("healed", reachPath(kcy, den, 1), "892", codes.OK)

	overload := n.Router("den").Path("global", "lsp-bit", "overload-bit", "config", "set-bit")
	if _, err := dial(t, n, "den").Set(short(t), update(t, overload, "true")); err != nil {
		t.Fatal(err)
	}
	expect("overloaded", lspPath(den)+"/state/flags", `["OVERLOAD"]`, codes.OK)
	expect("overloaded", lspPath(kcy)+"/state/flags", "", codes.NotFound)
}

// Two ends of one link name the same circuits, so that parallel links can be told apart.
func TestCircuits(t *testing.T) {
	n, _ := abilene(t)
	ends := map[string][2]string{}
	for _, end := range []struct{ router, port, peer string }{{"den", "ethernet-1/3", "kcy"}, {"kcy", "ethernet-1/1", "den"}} {
		at := levelPath(end.port) + "/adjacencies/adjacency[system-id=" + n.Router(end.peer).SystemID() + "]/state/"
		local, code := get(t, dial(t, n, end.router), at+"local-extended-circuit-id")
		if code != codes.OK {
			t.Fatalf("%s: %v", end.router, code)
		}
		far, _ := get(t, dial(t, n, end.router), at+"neighbor-extended-circuit-id")
		ends[end.router] = [2]string{local, far}
	}
	if den, kcy := ends["den"], ends["kcy"]; den[0] != kcy[1] || den[1] != kcy[0] || den[0] == "" {
		t.Errorf("den has circuits %v, kcy %v", den, kcy)
	}
}

// A port may show an adjacency or a speed of its own; what it is asked for must be there.
func TestMisfits(t *testing.T) {
	n, _ := abilene(t)
	den := n.Router("den")
	c := dial(t, n, "den")
	adjacency := levelPath("ethernet-1/3") + "/adjacencies/adjacency[system-id=" + n.Router("kcy").SystemID() + "]/state/adjacency-state"
	speed := "/interfaces/interface[name=ethernet-1/3]/ethernet/state/port-speed"
	expect := func(path, want string) {
		t.Helper()
		if value, code := get(t, c, path); value != want {
			t.Errorf("%s is %s (%v), want %s", path, value, code, want)
		}
	}
	expect(adjacency, `"UP"`)
	expect(speed, `"openconfig-if-ethernet:SPEED_10GB"`)
	for _, err := range []error{den.HideAdjacency("ethernet-1/3", true), den.Negotiate("ethernet-1/3", 1e9)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	expect(adjacency, `"DOWN"`)
	expect(speed, `"openconfig-if-ethernet:SPEED_1GB"`)
	if err := den.HideAdjacency("ethernet-1/3", false); err != nil {
		t.Fatal(err)
	}
	expect(adjacency, `"UP"`)
	for name, err := range map[string]error{
		`"nowhere" ends no link`: den.HideAdjacency("nowhere", true), "7 bit/s": den.Negotiate("ethernet-1/3", 7),
	} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want it to say %s", err, name)
		}
	}
}

// A bundle shows the sum of its members, and a link of a speed without a name shows none.
func TestSpeeds(t *testing.T) {
	topology := Abilene()
	topology.Links[0].Members = append(topology.Links[0].Members, network.Member{Name: "one", Capacity: 4e9}, network.Member{Name: "two", Capacity: 6e9})
	topology.Links[1].Capacity = 9_953_280_000
	n, _ := abilene(t, func(c *Config) { c.Topology = topology })
	bundle, odd := topology.Links[0].A, topology.Links[1].A
	if value, code := get(t, dial(t, n, bundle.Device), "/interfaces/interface[name="+bundle.Interface+"]/aggregation/state/lag-speed"); value != "10000" {
		t.Errorf("the bundle's speed is %s (%v)", value, code)
	}
	if value, code := get(t, dial(t, n, odd.Device), "/interfaces/interface[name="+odd.Interface+"]/ethernet/state/port-speed"); code != codes.NotFound {
		t.Errorf("an odd speed is %s (%v)", value, code)
	}
}
