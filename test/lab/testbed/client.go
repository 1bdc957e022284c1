//go:build linux

package testbed

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"

	"github.com/detour-net/detour/test/lab/plan"
)

// clientTLS is how clients of a router's agent are let in, and know it.
func (b *Bed) clientTLS(r *plan.Router) (*tls.Config, error) {
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
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, RootCAs: pool, ServerName: r.Name}, nil
}

// Dial prepares a channel to a router's agent, with the certificate that the lab made for clients. It connects when it is
// first used.
func (b *Bed) Dial(r *plan.Router) (*grpc.ClientConn, error) {
	config, err := b.clientTLS(r)
	if err != nil {
		return nil, err
	}
	return grpc.NewClient("passthrough:///"+r.Address(),
		grpc.WithTransportCredentials(credentials.NewTLS(config)), grpc.WithNoProxy(), grpc.WithIdleTimeout(0),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second}, MinConnectTimeout: 5 * time.Second,
		}))
}
