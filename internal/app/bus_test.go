package app

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/certs"
	"github.com/detour-net/detour/internal/config"
)

// TestBus hands on everything that a configuration says of the servers.
func TestBus(t *testing.T) {
	n := config.NATS{URLs: []string{"tls://n1:4222"}, Credentials: "c", NKey: "k", User: "u", Password: "p", PasswordFile: "f", APIPrefix: "a"}
	want := bus.Config{URLs: n.URLs, Credentials: "c", NKey: "k", User: "u", Password: "p", PasswordFile: "f", APIPrefix: "a"}
	if diff := cmp.Diff(want, Bus(n)); diff != "" {
		t.Errorf("without TLS (-want +got):\n%s", diff)
	}
	n.TLS = config.ClientTLS{CA: "ca.pem", Cert: "cert.pem", Key: "key.pem"}
	want.TLS = &certs.Files{CA: "ca.pem", Cert: "cert.pem", Key: "key.pem"}
	if diff := cmp.Diff(want, Bus(n)); diff != "" {
		t.Errorf("with TLS (-want +got):\n%s", diff)
	}
}
