package agent

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// Names of the files that Credentials reads.
const (
	fileCert = "cert.pem"
	fileKey  = "key.pem"
	fileCA   = "ca.pem"
)

// Credentials reads from a folder the certificate that the agent shows, and whom it must find to have signed its clients'.
func Credentials(dir string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, fileCert), filepath.Join(dir, fileKey))
	if err != nil {
		return nil, fmt.Errorf("read the agent's certificate: %w", err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, fileCA))
	if err != nil {
		return nil, fmt.Errorf("read the authority's certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("%s holds no PEM certificate", filepath.Join(dir, fileCA))
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}, nil
}

// Serve runs an agent and its gNMI server until ctx ends. It listens only once there is nothing left of an earlier agent's
// half-done Set.
func Serve(ctx context.Context, a *Agent, address string, config *tls.Config) error {
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(config)))
	gpb.RegisterGNMIServer(server, a)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ready := make(chan struct{})
	var tasks sync.WaitGroup
	defer tasks.Wait()
	tasks.Go(func() { a.Run(ctx, func() { close(ready) }) })
	select {
	case <-ready:
	case <-ctx.Done():
		return nil
	}
	socket, err := net.Listen("tcp", address)
	if err != nil {
		cancel()
		return err
	}
	tasks.Go(func() {
		<-ctx.Done()
		server.Stop()
	})
	err = server.Serve(socket)
	cancel()
	return err
}
