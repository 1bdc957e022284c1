package app

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/config"
)

// TestBus hands on everything that a configuration says of the servers.
func TestBus(t *testing.T) {
	n := config.NATS{URLs: []string{"tls://n1:4222"}, Credentials: "c", NKey: "k", User: "u", Password: "p"}
	got, err := Bus(n)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(bus.Config{URLs: n.URLs, Credentials: "c", NKey: "k", User: "u", Password: "p"}, got); diff != "" {
		t.Errorf("bus (-want +got):\n%s", diff)
	}
	n.TLS.CA = filepath.Join(t.TempDir(), "ca.pem")
	if _, err := Bus(n); err == nil || !strings.Contains(err.Error(), "nats.tls.ca: ") {
		t.Errorf("an authority that is not there: %v", err)
	}
}
