package main

import (
	"testing"

	"github.com/detour-net/detour/internal/bus/bustest"
)

// TestPorts gives no port to two sites, nor any of those of a site that was refused one.
func TestPorts(t *testing.T) {
	var beside ports
	one, other := []bustest.Place{{Port: 1, Cluster: 4}, {Port: 2, Cluster: 5}}, []bustest.Place{{Port: 7}}
	for _, c := range []struct {
		name   string
		places []bustest.Place
		want   bool
	}{
		{"the first", one, true},
		{"another, alone", other, true},
		{"a client's port that is taken", []bustest.Place{{Port: 8}, {Port: 2}}, false},
		{"a server's port that is taken", []bustest.Place{{Port: 5, Cluster: 9}}, false},
		{"ports of those that were refused", []bustest.Place{{Port: 8, Cluster: 9}}, true},
	} {
		if got := beside.claim(c.places); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
	beside.release(one)
	if !beside.claim(one) || beside.claim(other) {
		t.Error("what is given back is not free, or more is")
	}
	var none *ports
	for range 2 {
		if !none.claim(one) {
			t.Error("with no site besides, ports are not free")
		}
	}
	none.release(one)
}
