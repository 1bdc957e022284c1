package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/detour-net/detour/internal/backbone/authority"
	"github.com/detour-net/detour/internal/certs"
	"github.com/detour-net/detour/internal/config/bounded"
)

// kit is an authority with the files of one side that it vouches for.
type kit struct {
	*authority.Authority
	t *testing.T
}

func newKit(t *testing.T) kit {
	t.Helper()
	a, err := authority.New("authority")
	if err != nil {
		t.Fatal(err)
	}
	return kit{a, t}
}

// write fills the files with a new certificate of the authority.
func (k kit) write(to certs.Files, usage x509.ExtKeyUsage) {
	k.t.Helper()
	pair, err := k.Issue("localhost", usage)
	if err != nil {
		k.t.Fatal(err)
	}
	cert, key, err := authority.Encode(pair)
	if err != nil {
		k.t.Fatal(err)
	}
	for file, raw := range map[string][]byte{to.CA: k.PEM(), to.Cert: cert, to.Key: key} {
		put(k.t, file, raw)
	}
}

func put(t *testing.T, file string, raw []byte) {
	t.Helper()
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

func filesIn(dir string) certs.Files {
	return certs.Files{CA: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
}

func open(t *testing.T, files certs.Files) (*certs.Source, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.WarnLevel)
	s, err := certs.Open(files, new(bounded.Reader), zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	return s, logs
}

// shake is one handshake over a real connection; both sides must be content.
func shake(t *testing.T, server, client *tls.Config) error {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	served := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			served <- err
			return
		}
		defer conn.Close()
		served <- conn.(*tls.Conn).Handshake()
	}()
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if err := tls.Client(raw, client).Handshake(); err != nil {
		raw.Close() // or the server would wait
		<-served
		return err
	}
	return <-served
}

// demanding is a server of an authority that wants a certificate of the same of its clients.
func demanding(t *testing.T, k kit) *tls.Config {
	t.Helper()
	pair, err := k.Issue("localhost", x509.ExtKeyUsageServerAuth)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientCAs: k.Pool(), ClientAuth: tls.RequireAndVerifyClientCert,
	}
}

// TestClientRotates has both authorities and the client's certificate replaced between two handshakes.
func TestClientRotates(t *testing.T) {
	files, before, after := filesIn(t.TempDir()), newKit(t), newKit(t)
	before.write(files, x509.ExtKeyUsageClientAuth)
	s, _ := open(t, files)
	if err := shake(t, demanding(t, before), s.Client("localhost")); err != nil {
		t.Fatalf("with the first files: %v", err)
	}
	after.write(files, x509.ExtKeyUsageClientAuth)
	if err := shake(t, demanding(t, after), s.Client("localhost")); err != nil {
		t.Errorf("with the new files: %v", err)
	}
	if err := shake(t, demanding(t, before), s.Client("localhost")); err == nil {
		t.Error("a server of the old authority is still trusted")
	}
}

// TestServerRotates has one configuration, as a listener keeps it, show the certificate that the file holds.
func TestServerRotates(t *testing.T) {
	files, before, after := filesIn(t.TempDir()), newKit(t), newKit(t)
	before.write(files, x509.ExtKeyUsageServerAuth)
	s, _ := open(t, certs.Files{Cert: files.Cert, Key: files.Key})
	config := s.Server("h2")
	trusting := func(k kit) *tls.Config {
		return &tls.Config{MinVersion: tls.VersionTLS12, ServerName: "localhost", RootCAs: k.Pool()}
	}
	if err := shake(t, config, trusting(before)); err != nil {
		t.Fatalf("with the first files: %v", err)
	}
	after.write(files, x509.ExtKeyUsageServerAuth)
	if err := shake(t, config, trusting(after)); err != nil {
		t.Errorf("with the new files: %v", err)
	}
	if err := shake(t, config, trusting(before)); err == nil {
		t.Error("it still shows the old certificate")
	}
}

// TestBadFilesChangeNothing has files in every state in which somebody who writes them may leave them for a while.
func TestBadFilesChangeNothing(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, f certs.Files){
		"empty authority":        func(t *testing.T, f certs.Files) { put(t, f.CA, nil) },
		"no authority":           func(t *testing.T, f certs.Files) { remove(t, f.CA) },
		"no certificate":         func(t *testing.T, f certs.Files) { remove(t, f.Cert) },
		"no key":                 func(t *testing.T, f certs.Files) { remove(t, f.Key) },
		"half a certificate":     func(t *testing.T, f certs.Files) { put(t, f.Cert, []byte("-----BEGIN CERTIFICATE-----\nMII")) },
		"key of another":         func(t *testing.T, f certs.Files) { otherKey(t, f) },
		"certificate of another": func(t *testing.T, f certs.Files) { otherCertificate(t, f) },
	} {
		t.Run(name, func(t *testing.T) {
			files, k := filesIn(t.TempDir()), newKit(t)
			k.write(files, x509.ExtKeyUsageClientAuth)
			s, logs := open(t, files)
			spoil(t, files)
			if err := shake(t, demanding(t, k), s.Client("localhost")); err != nil {
				t.Errorf("what was good before is not used: %v", err)
			}
			if logs.FilterMessageSnippet("those of before stay in force").Len() == 0 {
				t.Error("nothing is said of it")
			}
			after := newKit(t)
			after.write(files, x509.ExtKeyUsageClientAuth)
			if err := shake(t, demanding(t, after), s.Client("localhost")); err != nil {
				t.Errorf("good files again: %v", err)
			}
		})
	}
}

func remove(t *testing.T, file string) {
	t.Helper()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
}

func otherKey(t *testing.T, f certs.Files) {
	newKit(t).write(certs.Files{CA: f.CA + "x", Cert: f.Cert + "x", Key: f.Key}, x509.ExtKeyUsageClientAuth)
}

func otherCertificate(t *testing.T, f certs.Files) {
	newKit(t).write(certs.Files{CA: f.CA + "x", Cert: f.Cert, Key: f.Key + "x"}, x509.ExtKeyUsageClientAuth)
}

// TestOpenRefuses has files that are bad from the start.
func TestOpenRefuses(t *testing.T) {
	good := filesIn(t.TempDir())
	newKit(t).write(good, x509.ExtKeyUsageClientAuth)
	empty := filepath.Join(t.TempDir(), "empty.pem")
	put(t, empty, nil)
	for says, files := range map[string]certs.Files{
		"ca: open " + good.CA + "x":     {CA: good.CA + "x"},
		"ca: " + empty + " holds no":    {CA: empty},
		"cert and key: open ":           {Cert: good.Cert + "x", Key: good.Key},
		"cert and key: " + empty:        {Cert: empty, Key: good.Key},
		"cert and key belong together":  {Cert: good.Cert},
		"cert and key belong together:": {Key: good.Key},
	} {
		if _, err := certs.Open(files, new(bounded.Reader), zap.NewNop()); err == nil || !strings.HasPrefix(err.Error(), says) {
			t.Errorf("error %v, want %q", err, says)
		}
	}
	if _, err := certs.Open(certs.Files{}, new(bounded.Reader), zap.NewNop()); err != nil {
		t.Errorf("no files at all: %v", err)
	}
}
