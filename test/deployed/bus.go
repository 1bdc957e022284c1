package main

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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

// trunk is the bus as it is deployed: the servers of the composition, in processes of their own, and the authority that says
// who is who.
type trunk struct {
	dir     string
	auth    *authority.Authority
	servers *bustest.Servers
	near    []string // where servers are, in pairs: as the composition calls it, and on this machine
	cluster int      // port on which the first server listens for others
}

// raiseTrunk starts the servers of the composition, with their data and everybody's secrets below dir. close ends them.
func raiseTrunk(dir, deployments string) (*trunk, error) {
	c, err := compose(deployments)
	if err != nil {
		return nil, err
	}
	b := &trunk{dir: dir}
	if b.auth, err = authority.New("detour bus"); err != nil {
		return nil, err
	}
	if err := os.WriteFile(b.path("bus-ca"), b.auth.PEM(), 0o644); err != nil {
		return nil, err
	}
	names := c.named("nats-")
	places, err := bustest.Places(dir, len(names))
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		places[i].Name = name
		b.near = append(b.near, name+":4222", fmt.Sprintf("localhost:%d", places[i].Port), name+":6222", fmt.Sprintf("localhost:%d", places[i].Cluster))
	}
	b.cluster = places[0].Cluster
	for i := range places {
		if err := b.place(c, &places[i], deployments); err != nil {
			return nil, err
		}
	}
	b.servers, err = bustest.StartAt(places)
	return b, err
}

// place has a server of the composition run on this machine, with a certificate of its own.
func (b *trunk) place(c composition, p *bustest.Place, deployments string) error {
	if _, err := b.write(p.Name, &x509.Certificate{
		Subject: pkix.Name{CommonName: p.Name}, DNSNames: []string{p.Name, "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}); err != nil {
		return err
	}
	mounted, err := c.mounted(p.Name, deployments, b.dir, b.dir)
	if err != nil {
		return err
	}
	here := strings.NewReplacer(append(mounted, b.near...)...)
	s := c.Services[p.Name]
	if len(s.Command) != 2 || s.Command[0] != "-c" {
		return fmt.Errorf("service %s: command is %q, want -c FILE", p.Name, s.Command)
	}
	p.Config, p.Env = here.Replace(s.Command[1]), map[string]string{}
	for name, value := range s.Environment {
		p.Env[name] = here.Replace(value)
	}
	p.Env["NATS_HOST"], p.Env["NATS_PORT"], p.Env["NATS_CLUSTER_PORT"], p.Env["NATS_HTTP_PORT"] = "127.0.0.1", strconv.Itoa(p.Port), strconv.Itoa(p.Cluster), "-1"
	return nil
}

func (b *trunk) close() { b.servers.KillAll() }

func (b *trunk) path(name string) string { return filepath.Join(b.dir, name) }

// write makes a certificate, and the files of whoever has it.
func (b *trunk) write(name string, like *x509.Certificate) (certs.Files, error) {
	files := certs.Files{CA: b.path("bus-ca"), Cert: b.path(name + "-cert"), Key: b.path(name + "-key")}
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

// identity makes the certificate of one of those who may speak, in files called as they are before the @.
func (b *trunk) identity(who string) (certs.Files, error) {
	name, _, _ := strings.Cut(who, "@")
	return b.write(name, &x509.Certificate{
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
