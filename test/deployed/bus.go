package deployed

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/detour-net/detour/internal/backbone/authority"
	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/bus/bustest"
	"github.com/detour-net/detour/internal/certs"
)

// patience bounds every wait for something that must come. None is expected to come near.
const patience = 2 * time.Minute

// Who may speak on the bus, as deployments/nats/accounts.conf has it.
const (
	publisher = "publisher@detour"
	service   = "service@detour"
	auditor   = "auditor@detour"
	setup     = "setup@detour"
	admin     = "admin@detour"
)

// apiPrefix is where everybody but the administrator finds JetStream's API.
const apiPrefix = "DETOUR.API"

// trunk is the bus as it is deployed: three servers with the files of deployments/nats, in processes of their own, and the
// authority that says who is who.
type trunk struct {
	dir     string
	auth    *authority.Authority
	servers *bustest.Servers
	cluster int // port on which the first server listens for others
}

// raiseTrunk starts the servers with their data and certificates below dir; conf is deployments/nats/server.conf. Close ends
// them.
func raiseTrunk(dir, conf string) (*trunk, error) {
	auth, err := authority.New("detour bus")
	if err != nil {
		return nil, err
	}
	b := &trunk{dir: dir, auth: auth}
	if err := os.WriteFile(b.path("ca.pem"), auth.PEM(), 0o600); err != nil {
		return nil, err
	}
	places, err := bustest.Places(dir, 3)
	if err != nil {
		return nil, err
	}
	for i := range places {
		p := &places[i]
		server, err := b.write(p.Name, &x509.Certificate{
			Subject: pkix.Name{CommonName: p.Name}, DNSNames: []string{p.Name, "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		})
		if err != nil {
			return nil, err
		}
		p.Config = conf
		if p.Env, err = environment(*p, server); err != nil {
			return nil, err
		}
	}
	b.cluster = places[0].Cluster
	b.servers, err = bustest.StartAt(places)
	return b, err
}

// environment is what deployments/nats/server.conf refers to.
func environment(p bustest.Place, own certs.Files) (map[string]string, error) {
	var routes []string
	for _, port := range p.Routes {
		routes = append(routes, fmt.Sprintf("nats://localhost:%d", port))
	}
	list, err := json.Marshal(routes)
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"NATS_NAME": p.Name, "NATS_HOST": "127.0.0.1", "NATS_PORT": strconv.Itoa(p.Port), "NATS_CLUSTER_PORT": strconv.Itoa(p.Cluster), "NATS_HTTP_PORT": "-1",
		"NATS_ROUTES": string(list), "NATS_DATA": p.Dir, "NATS_CA": own.CA, "NATS_CERT": own.Cert, "NATS_KEY": own.Key,
	}, nil
}

func (b *trunk) close() { b.servers.KillAll() }

func (b *trunk) path(name string) string { return filepath.Join(b.dir, name) }

// write makes a certificate, and the files of whoever has it.
func (b *trunk) write(name string, like *x509.Certificate) (certs.Files, error) {
	files := certs.Files{CA: b.path("ca.pem"), Cert: b.path(name + ".pem"), Key: b.path(name + ".key")}
	signed, err := b.auth.IssueLike(like)
	if err != nil {
		return files, err
	}
	cert, key, err := authority.Encode(signed)
	if err != nil {
		return files, err
	}
	if err := os.WriteFile(files.Cert, cert, 0o600); err != nil {
		return files, err
	}
	return files, os.WriteFile(files.Key, key, 0o600)
}

// identity makes the certificate of one of those who may speak.
func (b *trunk) identity(who string) (certs.Files, error) {
	return b.write(who, &x509.Certificate{
		Subject: pkix.Name{CommonName: who}, EmailAddresses: []string{who}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

// connect is a connection of who to the bus, past the replicas.
func (b *trunk) connect(ctx context.Context, who string) (*bus.Conn, error) {
	files, err := b.identity(who)
	if err != nil {
		return nil, err
	}
	c := bus.Config{URLs: b.servers.URLs(), TLS: &files, Name: who, APIPrefix: apiPrefix}
	if who == admin {
		c.APIPrefix = ""
	}
	conn, err := bus.Connect(c)
	if err != nil {
		return nil, err
	}
	return conn, conn.Wait(ctx)
}
