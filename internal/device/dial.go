package device

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
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
	secure, err := secureTo(r, opts)
	if err != nil {
		return nil, err
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(secure),
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
		l := &login{username: r.Credentials.Username, ref: r.Credentials.Password, dir: opts.Dir, files: opts.files, log: opts.Logger}
		if err := l.read(); err != nil {
			return nil, err
		}
		options = append(options, grpc.WithPerRPCCredentials(l))
	}
	return grpc.NewClient("passthrough:///"+r.Address, options...)
}

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
