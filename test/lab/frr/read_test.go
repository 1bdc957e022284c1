package frr

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// said is what isisd of FRR 8.4.4 answered, router r1 of six, while the link from r3 to r1 was drained at r3's end.
func said(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestRead(t *testing.T) {
	names := hostnames(said(t, "hostname"))
	if len(names) != 6 || names["0000.0000.0001"] != "r1" || names["0000.0000.0006"] != "r6" {
		t.Errorf("hostnames %v", names)
	}
	if got := version(said(t, "version")); got != "FRRouting 8.4.4" {
		t.Errorf("version %q", got)
	}

	config, err := running(said(t, "running"))
	want := Config{NET: "49.0001.0000.0000.0001.00", Interfaces: map[string]InterfaceConfig{
		"lo": {Metric: 10, Passive: true}, "eth1": {Metric: 10}, "eth2": {Metric: 10}, "eth3": {Metric: 10}, "eth4": {Metric: 10},
	}}
	if diff := cmp.Diff(want, config); diff != "" || err != nil {
		t.Errorf("configuration: %v\n%s", err, diff)
	}

	up, err := circuits(said(t, "interface"))
	if diff := cmp.Diff(map[string]Circuit{
		"lo": {true, 10}, "eth1": {true, 10}, "eth2": {true, 10}, "eth3": {true, 10}, "eth4": {true, 10},
	}, up); diff != "" || err != nil {
		t.Errorf("circuits: %v\n%s", err, diff)
	}

	near, err := neighbours(said(t, "neighbours"))
	if diff := cmp.Diff(map[string][]Neighbour{
		"eth1": {{"0000.0000.0002", "up"}}, "eth2": {{"0000.0000.0006", "up"}}, "eth3": {{"0000.0000.0003", "up"}}, "eth4": {{"0000.0000.0005", "up"}},
	}, near); diff != "" || err != nil {
		t.Errorf("neighbours: %v\n%s", err, diff)
	}

	var list []string
	for prefix := range routes(said(t, "route")) {
		list = append(list, prefix.String())
	}
	slices.Sort(list)
	if len(list) != 22 || slices.Contains(list, "10.255.0.1/32") || !slices.Contains(list, "10.255.0.4/32") || !slices.Contains(list, "fd00:de70::4/128") {
		t.Errorf("routes %v", list)
	}

	lsps, err := database(said(t, "database"), names)
	if len(lsps) != 6 || err != nil {
		t.Fatalf("%d LSPs, %v", len(lsps), err)
	}
	if diff := cmp.Diff(LSP{SystemID: "0000.0000.0003", Suffix: "00-00", Sequence: 9, Lifetime: 1159, Reach: []Reach{
		{"0000.0000.0002", 10}, {"0000.0000.0004", 10}, {"0000.0000.0001", 16777214}, {"0000.0000.0005", 10},
	}}, lsps[2]); diff != "" {
		t.Errorf("LSP of r3:\n%s", diff)
	}
}

func TestReadOddities(t *testing.T) {
	const head = "LSP ID                  PduLen  SeqNumber   Chksum  Holdtime  ATT/P/OL\n"
	for name, tt := range map[string]struct {
		text string
		want []LSP
		fail string
	}{
		"overloaded":       {text: head + "0000.0000.0007.00-00 *    164   0x0000000a  0x6bf7    1170    0/0/1\n", want: []LSP{{SystemID: "0000.0000.0007", Suffix: "00-00", Sequence: 10, Lifetime: 1170, Overload: true}}},
		"being purged":     {text: "a.00-00  27 0x00000003  0x0000    (59)    0/0/0\n", want: []LSP{{SystemID: "a", Suffix: "00-00", Sequence: 3, Lifetime: 59}}},
		"second fragment":  {text: "a.00-01  27 0x00000003  0x0000    59    0/0/0\n", want: []LSP{{SystemID: "a", Suffix: "00-01", Sequence: 3, Lifetime: 59}}},
		"name with a dot":  {text: "a.b.00-00  27 0x00000003  0x0000    59    0/0/0\n", want: []LSP{{SystemID: "a.b", Suffix: "00-00", Sequence: 3, Lifetime: 59}}},
		"nothing":          {text: "Area CORE:\n"},
		"no number":        {text: "a.00-00  27 0xzz  0x0000    59    0/0/0\n", fail: "sequence number of a.00-00"},
		"no lifetime":      {text: "a.00-00  27 0x01  0x0000    soon    0/0/0\n", fail: "lifetime of a.00-00"},
		"no identifier":    {text: "a  27 0x01  0x0000    59    0/0/0\n", fail: "is no LSP identifier"},
		"cut off":          {text: "a.00-00  27 0x01  0x0000    59    0/0/0\n  Extended Reachability: 0000\n", fail: "is no reachability"},
		"no metric":        {text: "a.00-00  27 0x01  0x0000    59    0/0/0\n  Extended Reachability: 0000.0000.0001.00 (Metric: none)\n", fail: "metric of 0000.0000.0001.00"},
		"no neighbour":     {text: "a.00-00  27 0x01  0x0000    59    0/0/0\n  Extended Reachability: r2 (Metric: 10)\n", fail: "is no neighbour"},
		"before any":       {text: "  Extended Reachability: 0000.0000.0001.00 (Metric: 10)\n"},
		"pseudonode reach": {text: "a.00-00  27 0x01  0x0000    59    0/0/0\n  Extended Reachability: 0000.0000.0001.0a (Metric: 7)\n", want: []LSP{{SystemID: "a", Suffix: "00-00", Sequence: 1, Lifetime: 59, Reach: []Reach{{"0000.0000.0001", 7}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := database(tt.text, nil)
			if tt.fail != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fail) {
					t.Errorf("error %v, want %q", err, tt.fail)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
	if _, err := circuits("  Interface: eth1, State: Up, Active\n      Metric: many, Active neighbors: 1\n"); err == nil {
		t.Error("a metric that is none is read")
	}
	for _, read := range []func(string) error{
		func(s string) error { _, err := running(s); return err },
		func(s string) error { _, err := neighbours(s); return err },
	} {
		if read("% no JSON") == nil {
			t.Error("what is no JSON is read")
		}
	}
}
