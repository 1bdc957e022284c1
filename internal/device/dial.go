package device

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/internal/network"
)

// maxReply bounds one message from a router; gRPC's own 4 MiB are too few for a large configuration.
const maxReply = 64 << 20

// dial prepares the one channel to a router. It connects when it is first used.
func dial(r network.Router, opts Options) (*grpc.ClientConn, error) {
	if r.Address == "" {
		return nil, errors.New("no address: give host:port of its gNMI server in the inventory")
	}
	if _, _, err := net.SplitHostPort(r.Address); err != nil {
		return nil, fmt.Errorf("address %q: want host:port: %w", r.Address, err)
	}
	tlsConfig, err := tlsOf(r, opts.Dir)
	if err != nil {
		return nil, err
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(credentials.NewTLS(tlsConfig)),
		grpc.WithStatsHandler(sentWatch{}),
		grpc.WithUserAgent("detour"),
		grpc.WithNoProxy(),
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithIdleTimeout(0),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxReply)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.3, MaxDelay: opts.ReconnectWithin},
			MinConnectTimeout: 5 * time.Second,
		}),
	}
	if r.Credentials.Username != "" {
		password, err := secret(r.Credentials.Password, opts.Dir)
		if err != nil {
			return nil, fmt.Errorf("password of user %s: %w", r.Credentials.Username, err)
		}
		options = append(options, grpc.WithPerRPCCredentials(login{r.Credentials.Username, password}))
	}
	return grpc.NewClient("passthrough:///"+r.Address, options...)
}

func tlsOf(r network.Router, dir string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: r.TLS.ServerName}
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(r.Address) // checked by the caller
	}
	if r.TLS.CA != "" {
		pem, err := os.ReadFile(within(dir, r.TLS.CA))
		if err != nil {
			return nil, fmt.Errorf("tls.ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca: %s holds no PEM certificate", within(dir, r.TLS.CA))
		}
	}
	if (r.TLS.Cert == "") != (r.TLS.Key == "") {
		return nil, errors.New("tls.cert and tls.key belong together: give both or neither")
	}
	if r.TLS.Cert != "" {
		pair, err := tls.LoadX509KeyPair(within(dir, r.TLS.Cert), within(dir, r.TLS.Key))
		if err != nil {
			return nil, fmt.Errorf("tls.cert and tls.key: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func within(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

// secret resolves "file:PATH" or "env:NAME". The secret itself appears in no error.
func secret(ref, dir string) (string, error) {
	scheme, rest, ok := strings.Cut(ref, ":")
	switch {
	case ok && scheme == "file":
		raw, err := os.ReadFile(within(dir, rest))
		if err != nil {
			return "", err
		}
		return strings.TrimRight(string(raw), "\r\n"), nil
	case ok && scheme == "env":
		value, set := os.LookupEnv(rest)
		if !set {
			return "", fmt.Errorf("environment variable %s is not set", rest)
		}
		return value, nil
	}
	return "", errors.New("want file:PATH or env:NAME, never the password itself")
}

// login puts user name and password into each RPC's metadata, as gNMI's authentication section asks.
type login struct{ username, password string }

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (l login) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"username": l.username, "password": l.password}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (login) RequireTransportSecurity() bool { return true }

// explain says for people what is wrong between Detour and a router, and what would help. It decides nothing.
func explain(r network.Router, err error) error {
	if err == nil {
		return nil
	}
	where := fmt.Sprintf("router %s at %s", r.Name, r.Address)
	st := status.Convert(err)
	text := st.Message()
	switch {
	case st.Code() == codes.Unauthenticated:
		return fmt.Errorf("%s does not accept the credentials of user %q: check credentials in the inventory: %w",
			where, r.Credentials.Username, err)
	case strings.Contains(text, "x509:"):
		return fmt.Errorf("%s shows a certificate that is not trusted: check tls.ca and tls.server_name in the inventory: %w", where, err)
	case strings.Contains(text, "remote error: tls:"):
		return fmt.Errorf("%s does not accept Detour's own certificate: check tls.cert and tls.key in the inventory: %w", where, err)
	case strings.Contains(text, "connection refused"):
		return fmt.Errorf("%s refuses connections: is its gNMI server enabled on that port: %w", where, err)
	case st.Code() == codes.DeadlineExceeded:
		return fmt.Errorf("%s does not answer in time: %w", where, err)
	case st.Code() == codes.Unavailable && r.TLS.Cert == "":
		// With TLS 1.3 a router that misses our certificate may simply hang up.
		return fmt.Errorf("%s ends the connection; if it demands a certificate, give tls.cert and tls.key in the inventory: %w", where, err)
	}
	return fmt.Errorf("%s: %w", where, err)
}
