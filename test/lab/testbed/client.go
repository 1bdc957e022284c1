//go:build linux

package testbed

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"

	"github.com/detour-net/detour/test/lab/plan"
)

// Dial prepares a channel to a router's agent, with the certificate that the lab made for clients. It connects when it is
// first used.
func (b *Bed) Dial(r *plan.Router) (*grpc.ClientConn, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(b.Dir, fileCert), filepath.Join(b.Dir, fileKey))
	if err != nil {
		return nil, fmt.Errorf("read the clients' certificate: %w", err)
	}
	raw, err := os.ReadFile(filepath.Join(b.Dir, fileCA))
	if err != nil {
		return nil, fmt.Errorf("read the authority's certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("%s holds no PEM certificate", filepath.Join(b.Dir, fileCA))
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, RootCAs: pool, ServerName: r.Name}
	return grpc.NewClient("passthrough:///"+net.JoinHostPort("127.0.0.1", strconv.Itoa(r.Port)),
		grpc.WithTransportCredentials(credentials.NewTLS(config)), grpc.WithNoProxy(), grpc.WithIdleTimeout(0),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second}, MinConnectTimeout: 5 * time.Second,
		}))
}
