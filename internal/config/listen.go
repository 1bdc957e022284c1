package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/detour-net/detour/internal/config/bounded"
)

// Listen says where the HTTP API, the console and the metrics are served.
type Listen struct {
	HTTP     string     `yaml:"http"`     // host:port, default 127.0.0.1:8080; port 0 takes a free one
	TLS      *ServerTLS `yaml:"tls"`      // nil: plain HTTP
	Insecure bool       `yaml:"insecure"` // allow plain HTTP beyond this machine, behind a proxy that speaks TLS
	Admin    string     `yaml:"admin"`    // host:port of this machine where profiles of the process are served, without a token; "" for none
}

// ServerTLS is the certificate of the HTTP server.
type ServerTLS struct {
	Cert string `yaml:"cert"` // PEM file, with intermediates
	Key  string `yaml:"key"`  // PEM file
}

// Local reports whether only this machine can reach the address.
func (l Listen) Local() bool {
	return loopback(l.HTTP)
}

func loopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func (s section) listen(l *Listen) {
	switch {
	case l.Admin == "":
	case !validPort(l.Admin):
		s.bad("listen.admin", "%q: want host:port of this machine, for example 127.0.0.1:6060", l.Admin)
	case !loopback(l.Admin):
		s.bad("listen.admin", "%s is reached from other machines, and asks nobody who they are: give an address of this machine alone, for example 127.0.0.1:6060", l.Admin)
	case l.Admin == l.HTTP && !strings.HasSuffix(l.Admin, ":0"):
		s.bad("listen.admin", "%s is listen.http: give another port", l.Admin)
	}
	if !validPort(l.HTTP) {
		s.bad("listen.http", "%q: want host:port, for example 127.0.0.1:8080", l.HTTP)
		return
	}
	if l.TLS != nil {
		if l.TLS.Cert == "" || l.TLS.Key == "" {
			s.bad("listen.tls", "listen.tls: give cert and key")
			return
		}
		l.TLS.Cert = s.readable("listen.tls.cert", l.TLS.Cert)
		l.TLS.Key = s.readable("listen.tls.key", l.TLS.Key)
		if l.Insecure {
			s.bad("listen.insecure", "contradicts listen.tls; leave one out")
		}
	}
	if l.TLS == nil && !l.Insecure && !l.Local() {
		s.bad("listen.http", "%s is reached from other machines, and tokens would cross the network in clear: give listen.tls, or listen.insecure: true behind a proxy that speaks TLS", l.HTTP)
	}
}

func validPort(hostport string) bool {
	_, port, err := net.SplitHostPort(hostport)
	n, perr := strconv.Atoi(port)
	return err == nil && perr == nil && n >= 0 && n <= 65535
}

// readable is the absolute path of a file that must be there.
func (s section) readable(key, path string) string {
	abs := s.abs(path)
	if _, err := bounded.Stat(abs); err != nil {
		s.bad(key, "%s", err)
	}
	return abs
}

func index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
