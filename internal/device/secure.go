package device

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc/credentials"

	"github.com/detour-net/detour/internal/certs"
	"github.com/detour-net/detour/internal/config/bounded"
	"github.com/detour-net/detour/internal/network"
)

// passwordLasts is how long a router's password is used before it is read again.
const passwordLasts = 10 * time.Second

// maxPassword bounds the file of a router's password, in bytes.
const maxPassword = 64 << 10

// secureTo is TLS to a router, with what its files hold at each handshake.
func secureTo(r network.Router, opts Options) (credentials.TransportCredentials, error) {
	server := r.TLS.ServerName
	if server == "" {
		server, _, _ = net.SplitHostPort(r.Address) // checked by the caller
	}
	if (r.TLS.Cert == "") != (r.TLS.Key == "") {
		return nil, errors.New("tls.cert and tls.key belong together: give both or neither")
	}
	files := certs.Files{CA: within(opts.Dir, r.TLS.CA), Cert: within(opts.Dir, r.TLS.Cert), Key: within(opts.Dir, r.TLS.Key)}
	source, err := certs.Open(files, opts.files, opts.Logger.With(zap.String("router", r.Name)))
	if err != nil {
		return nil, fmt.Errorf("tls.%w", err)
	}
	return rotated{credentials.NewTLS(source.Client(server)), source, server}, nil
}

// rotated are gRPC's TLS credentials, made anew for each handshake.
type rotated struct {
	credentials.TransportCredentials
	source *certs.Source
	server string
}

// ClientHandshake implements credentials.TransportCredentials.
func (c rotated) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return credentials.NewTLS(c.source.Client(c.server)).ClientHandshake(ctx, authority, conn)
}

// Clone implements credentials.TransportCredentials.
func (c rotated) Clone() credentials.TransportCredentials { return c }

// within is a path as seen from a folder; "" stays so.
func within(dir, name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

// secret resolves "file:PATH" or "env:NAME". The secret itself appears in no error.
func secret(files *bounded.Reader, ref, dir string) (string, error) {
	scheme, rest, ok := strings.Cut(ref, ":")
	switch {
	case ok && scheme == "file":
		raw, _, err := files.Read(within(dir, rest), maxPassword)
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

// login puts user name and password into each RPC's metadata, as gNMI's authentication section asks. The password is read
// again every passwordLasts, so that it can be rotated; one that cannot be read leaves the last in use, which the log says once. An
// RPC that finds its file hang waits for that as long as the reader does, later ones not at all.
type login struct {
	username string
	ref, dir string // of the password, see secret
	files    *bounded.Reader
	log      *zap.Logger

	mu       sync.Mutex
	password string
	until    time.Time // it is used without reading it again
	bad      bounded.Trouble
}

func (l *login) read() error {
	password, err := secret(l.files, l.ref, l.dir)
	if err != nil {
		return fmt.Errorf("password of user %s: %w", l.username, err)
	}
	l.password = password
	return nil
}

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (l *login) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); now.After(l.until) {
		l.until = now.Add(passwordLasts)
		l.bad.Tell(l.log, l.read(), "the password of before stays in use", "the password can be read again")
	}
	return map[string]string{"username": l.username, "password": l.password}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (*login) RequireTransportSecurity() bool { return true }
