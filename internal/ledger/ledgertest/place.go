package ledgertest

import (
	"fmt"
	"net"
	"net/url"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/detour-net/detour/internal/bus"
)

// place is where one server of several listens and keeps what it is told.
type place struct {
	Name    string
	Dir     string
	Port    int
	Cluster int   // port for the other servers, 0: it is alone
	Routes  []int // those of all
}

// places makes room for n servers, which form a cluster if there is more than one.
func places(t *testing.T, n int) []place {
	t.Helper()
	ports := freePorts(t, 2*n)
	var list []place
	for i := range n {
		p := place{Name: fmt.Sprintf("s%d", i), Dir: t.TempDir(), Port: ports[i]}
		if n > 1 {
			p.Cluster, p.Routes = ports[n+i], ports[n:]
		}
		list = append(list, p)
	}
	return list
}

// options have everything on disk and every write synced.
func (p place) options() *server.Options {
	o := &server.Options{
		ServerName: p.Name, Host: "127.0.0.1", Port: p.Port, NoLog: true, NoSigs: true,
		JetStream: true, StoreDir: p.Dir, SyncAlways: true, MaxPayload: bus.MaxPayload,
	}
	if p.Cluster > 0 {
		o.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: p.Cluster, PoolSize: -1}
		for _, port := range p.Routes {
			o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", port)})
		}
	}
	return o
}

func (p place) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", p.Port) }

func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}
