package device

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/detour-net/detour/internal/backbone/authority"
	"github.com/detour-net/detour/internal/config/bounded"
	"github.com/detour-net/detour/internal/network"
)

// TestCertificatesRotate has a router go over to another authority while a channel to it exists, and our files with it.
func TestCertificatesRotate(t *testing.T) {
	dir := t.TempDir()
	before, after := newAuthority(t), newAuthority(t)
	hand(t, dir, before)
	server, address := demanding(t, before, "127.0.0.1:0")
	router := network.Router{Name: "r", Address: address, TLS: network.RouterTLS{CA: "ca.pem", Cert: "cert.pem", Key: "key.pem"}}
	channel, err := dial(router, Options{Dir: dir, ReconnectWithin: 100 * time.Millisecond}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	defer channel.Close()
	ask := func() error {
		_, err := grpc_health_v1.NewHealthClient(channel).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}, grpc.WaitForReady(true))
		return err
	}
	if err := ask(); err != nil {
		t.Fatalf("with the first files: %v", err)
	}
	server.Stop()
	hand(t, dir, after)
	server, _ = demanding(t, after, address)
	defer server.Stop()
	eventually(t, "it is let in with the new files", func() bool { return ask() == nil }) // the first may still meet the old connection
}

func newAuthority(t *testing.T) *authority.Authority {
	t.Helper()
	a, err := authority.New("authority")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// hand writes a client's files of an authority.
func hand(t *testing.T, dir string, by *authority.Authority) {
	t.Helper()
	pair, err := by.Issue("detour", x509.ExtKeyUsageClientAuth)
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := authority.Encode(pair)
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{"ca.pem": by.PEM(), "cert.pem": cert, "key.pem": key} {
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// demanding serves gRPC to clients of an authority.
func demanding(t *testing.T, by *authority.Authority, address string) (server *grpc.Server, at string) {
	t.Helper()
	pair, err := by.Issue("r", x509.ExtKeyUsageServerAuth)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server = grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientCAs: by.Pool(), ClientAuth: tls.RequireAndVerifyClientCert,
	})))
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	go server.Serve(l) //nolint:errcheck // it ends with Stop
	return server, l.Addr().String()
}

// TestPasswordRotates has a password read again once it may be old, and a file that is gone leave the last in use.
func TestPasswordRotates(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	core, logs := observer.New(zap.WarnLevel)
	l := &login{username: "detour", ref: "file:" + file, files: new(bounded.Reader), log: zap.New(core)}
	said := func(what, want string) {
		t.Helper()
		metadata, err := l.GetRequestMetadata(t.Context())
		if err != nil || metadata["username"] != "detour" || metadata["password"] != want {
			t.Errorf("%s: %v, %v; want the password %q", what, metadata, err, want)
		}
	}
	write("one\n")
	said("first", "one")
	write("two\n")
	said("young", "one")
	l.until = time.Time{}
	said("old", "two")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	l.until = time.Time{}
	said("gone", "two")
	if logs.FilterMessageSnippet("stays in use").Len() != 1 {
		t.Errorf("log: %v", logs.All())
	}
}
