package bustest

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"path/filepath"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/detour-net/detour/internal/bus"
)

// Place is where one server of several listens, on 127.0.0.1, and keeps what it is told.
type Place struct {
	Name    string
	Dir     string
	Port    int
	Cluster int   // port for the other servers, 0: it is alone
	Routes  []int // those of all

	// Unsynced has the server sync what it writes when it pleases, as NATS does that was not told otherwise.
	Unsynced bool

	// Config is the file of a server that is configured as its operators do, "" for Options; Env is what it refers to.
	Config string
	Env    map[string]string
}

// Places makes room for n servers with their data below dir; they form a cluster if there is more than one. An error says
// that no ports are free.
func Places(dir string, n int) ([]Place, error) {
	ports, err := FreePorts(2 * n)
	if err != nil {
		return nil, err
	}
	var list []Place
	for i := range n {
		name := fmt.Sprintf("s%d", i)
		p := Place{Name: name, Dir: filepath.Join(dir, name), Port: ports[i]}
		if n > 1 {
			p.Cluster, p.Routes = ports[n+i], ports[n:]
		}
		list = append(list, p)
	}
	return list, nil
}

// maxStore is what a server may set aside for its streams, in bytes, however large its disk is.
const maxStore = 16 << 30

// options are those of the server in this process, whose environment has what is in Env.
func (p Place) options() (*server.Options, error) {
	if p.Config == "" {
		return p.Options(), nil
	}
	o, err := server.ProcessConfigFile(p.Config)
	if err != nil {
		return nil, fmt.Errorf("configuration of server %s: %w", p.Name, err)
	}
	o.NoSigs = true
	return o, nil
}

// Options have everything on disk, and every write synced unless that is not wanted.
func (p Place) Options() *server.Options {
	o := &server.Options{
		ServerName: p.Name, Host: "127.0.0.1", Port: p.Port, NoLog: true, NoSigs: true,
		JetStream: true, StoreDir: p.Dir, JetStreamMaxStore: maxStore, SyncAlways: !p.Unsynced, MaxPayload: bus.MaxPayload,
	}
	if p.Cluster > 0 {
		o.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: p.Cluster, PoolSize: -1, NoAdvertise: true}
		for _, port := range p.Routes {
			o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", port)})
		}
	}
	return o
}

// URL is where clients reach the server.
func (p Place) URL() string { return "nats://" + p.Address() }

// Address is its host and port.
func (p Place) Address() string { return fmt.Sprintf("127.0.0.1:%d", p.Port) }

// Ports that Linux gives to nobody who does not ask for them by number (net.ipv4.ip_local_port_range is 32768 to 60999).
const (
	firstPort = 12_000
	lastPort  = 32_000
)

// FreePorts are n ports of 127.0.0.1 that nobody listens on, for servers that are started there more than once. One that the
// system chooses would not do: while its server is away, a client that tries to reach it may be given it as its own, meets
// itself, and keeps it.
func FreePorts(n int) ([]int, error) {
	var ports []int
	for tries := 0; len(ports) < n; tries++ {
		random, err := rand.Int(rand.Reader, big.NewInt(lastPort-firstPort))
		if err != nil {
			return nil, fmt.Errorf("find free ports: %w", err)
		}
		port := firstPort + int(random.Int64())
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		switch {
		case err == nil:
			defer l.Close()
			ports = append(ports, port)
		case tries > 100+n:
			return nil, fmt.Errorf("find free ports: %w", err)
		}
	}
	return ports, nil
}
