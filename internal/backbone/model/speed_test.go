package model

import (
	"math"
	"testing"
)

func TestEthernetSpeed(t *testing.T) {
	for bps, want := range map[int64]string{
		10e6: "SPEED_10MB", 100e6: "SPEED_100MB", 1e9: "SPEED_1GB", 2.5e9: "SPEED_2500MB", 10e9: "SPEED_10GB", 400e9: "SPEED_400GB",
		0: "", -1e9: "", 100e6 + 1: "", 7: "", 10e9 + 1: "", 622e6: "", 3e9: "", 1000e9: "", math.MaxInt64: "", math.MinInt64: "",
	} {
		if want != "" {
			want = "openconfig-if-ethernet:" + want
		}
		if got := EthernetSpeed(bps).Text(); got != want {
			t.Errorf("%d bit/s: %q, want %q", bps, got, want)
		}
	}
	schema, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	node, _, err := schema.Resolve(Elems{E("interfaces"), E("interface", "name", "e1"), E("ethernet"), E("state"), E("port-speed")})
	if err != nil || node.Writable {
		t.Errorf("port-speed: %+v, %v", node, err)
	}
}
