package agent

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"go.uber.org/zap/zaptest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/internal/backbone/authority"
)

// serve runs an agent's server over TLS and returns a client of it for each set of certificates.
func serve(t *testing.T, r *router) (client func(certificates ...tls.Certificate) gpb.GNMIClient, auth *authority.Authority) {
	t.Helper()
	auth, err := authority.New("test")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	own, err := auth.Issue("a", x509.ExtKeyUsageServerAuth)
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := authority.Encode(own)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{fileCert: cert, fileKey: key, fileCA: auth.PEM()} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config, err := Credentials(dir)
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	a, err := New(Config{Name: "a", Dir: dir, Daemon: r, Kernel: r, Logger: zaptest.NewLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, a, address, config) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return func(certificates ...tls.Certificate) gpb.GNMIClient {
		conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
			RootCAs: auth.Pool(), ServerName: "a", Certificates: certificates,
		})))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return gpb.NewGNMIClient(conn)
	}, auth
}

func TestWhoIsLetIn(t *testing.T) {
	client, auth := serve(t, newRouter())
	friend, err := auth.Issue("client", x509.ExtKeyUsageClientAuth)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := authority.Stranger()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		certificates []tls.Certificate
		code         codes.Code
	}{
		"a friend":   {[]tls.Certificate{friend}, codes.OK},
		"nobody":     {nil, codes.Unavailable},
		"a stranger": {[]tls.Certificate{stranger}, codes.Unavailable},
	} {
		c := client(tt.certificates...)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, err := c.Capabilities(ctx, &gpb.CapabilityRequest{}, grpc.WaitForReady(tt.code == codes.OK))
		cancel()
		if status.Code(err) != tt.code {
			t.Errorf("%s: %v, want %v", name, err, tt.code)
		}
	}
}

// TestStream follows an adjacency and a metric that somebody changes at the router itself, until isisd is gone.
func TestStream(t *testing.T) {
	r := newRouter()
	client, auth := serve(t, r)
	friend, err := auth.Issue("client", x509.ExtKeyUsageClientAuth)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	stream, err := client(friend).Subscribe(ctx, grpc.WaitForReady(true))
	if err != nil {
		t.Fatal(err)
	}
	list := &gpb.SubscriptionList{Mode: gpb.SubscriptionList_STREAM, Encoding: gpb.Encoding_JSON_IETF}
	for _, path := range []string{
		isis + "/interfaces/interface[interface-id=*]/levels/level[level-number=2]/adjacencies/adjacency[system-id=*]/state/adjacency-state",
		isis + "/interfaces/interface[interface-id=eth2]/levels/level[level-number=2]/afi-safi/af[afi-name=IPV4][safi-name=UNICAST]/state/metric",
	} {
		list.Subscription = append(list.Subscription, &gpb.Subscription{Path: parse(t, path), Mode: gpb.SubscriptionMode_ON_CHANGE})
	}
	if err := stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: list}}); err != nil {
		t.Fatal(err)
	}
	// next returns the next notification; the message that says that all was told has none.
	next := func() *gpb.Notification {
		for {
			resp, err := stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			if n := resp.GetUpdate(); n != nil {
				return n
			}
		}
	}
	if n := next(); len(n.GetUpdate()) != 3 {
		t.Errorf("at first %d updates, want 2 adjacencies and a metric", len(n.GetUpdate()))
	}
	if err := r.SetUp("eth1", false); err != nil {
		t.Fatal(err)
	}
	if n := next(); len(n.GetDelete()) != 1 {
		t.Errorf("an interface is down: %v, want its adjacency deleted", n)
	}
	r.spoil(func(r *router) { r.config.Interfaces["eth2"] = frrMetric(77) })
	if n := next(); len(n.GetUpdate()) != 1 || string(n.GetUpdate()[0].GetVal().GetJsonIetfVal()) != "77" {
		t.Errorf("a metric was changed at the router: %v", n)
	}
	r.spoil(func(r *router) { r.down = true })
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("isisd is gone, and the stream says %v", err)
	}
}
