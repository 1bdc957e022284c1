//go:build linux

package testbed

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/detour-net/detour/internal/backbone/authority"
	"github.com/detour-net/detour/test/lab/plan"
)

// answering accepts connections, and does with each what answer does, until the test ends. It returns its port.
func answering(t *testing.T, answer func(net.Conn)) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				answer(conn)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// TestListens tells a router's agent from whoever else has its port: another lab's agent, another router's, or nobody that
// speaks TLS.
func TestListens(t *testing.T) {
	auth, err := authority.New("a lab")
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := authority.New("another lab")
	if err != nil {
		t.Fatal(err)
	}
	b := &Bed{&plan.Lab{Dir: t.TempDir()}}
	cert, key, err := issue(auth, "detour", x509.ExtKeyUsageClientAuth)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{fileCA: auth.PEM(), fileCert: cert, fileKey: key} {
		if err := os.WriteFile(filepath.Join(b.Dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	agent := func(auth *authority.Authority, name string) func(net.Conn) {
		pair, err := auth.Issue(name, x509.ExtKeyUsageServerAuth)
		if err != nil {
			t.Fatal(err)
		}
		config := &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: auth.Pool(), ClientAuth: tls.RequireAndVerifyClientCert}
		return func(conn net.Conn) { _ = tls.Server(conn, config).Handshake() }
	}
	for name, tt := range map[string]struct {
		answer func(net.Conn)
		want   bool
	}{
		"its agent":            {agent(auth, "a"), true},
		"another router's":     {agent(auth, "b"), false},
		"another lab's":        {agent(stranger, "a"), false},
		"it hangs up":          {func(net.Conn) {}, false},
		"it speaks otherwise":  {func(c net.Conn) { _, _ = c.Write([]byte("220 ready\r\n")) }, false},
		"it says nothing ever": {func(c net.Conn) { _, _ = c.Read(make([]byte, 1<<16)); _, _ = c.Read(make([]byte, 1)) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := &plan.Router{Name: "a", Port: answering(t, tt.answer)}
			config, err := b.clientTLS(r)
			if err != nil {
				t.Fatal(err)
			}
			is := func() bool { return listens(t.Context(), r, config) }
			if !tt.want {
				if is() {
					t.Error("it is taken for the agent")
				}
				return
			}
			for deadline := time.Now().Add(time.Minute); !is(); {
				if time.Now().After(deadline) {
					t.Fatal("it is not taken for the agent")
				}
			}
		})
	}
	config, err := b.clientTLS(&plan.Router{Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	if listens(t.Context(), &plan.Router{Name: "a", Port: 1}, config) {
		t.Error("nobody is taken for the agent")
	}
}
