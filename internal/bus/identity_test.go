package bus_test

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/bus/bustest"
	"github.com/detour-net/detour/internal/certs"
)

// TestIdentity has servers that know their clients in every way there is, and clients that are known, are somebody else, or do
// not say who they are. Who is not let in is told what would help, by Wait and in the log.
func TestIdentity(t *testing.T) {
	users := &server.Options{Users: []*server.User{{Username: "noc", Password: "sesame"}}}
	user, seed := newUser(t)
	_, otherSeed := newUser(t)
	keys := &server.Options{Nkeys: []*server.NkeyUser{{Nkey: user}}}
	accounts, creds := operated(t)
	_, otherCreds := operated(t)
	const remedy = "nats.credentials, nats.nkey, or nats.user and nats.password"
	for _, c := range []struct {
		name   string
		server *server.Options
		client bus.Config
		want   string // in the error, "" for none
	}{
		{"a password", users, bus.Config{User: "noc", Password: "sesame"}, ""},
		{"a wrong password", users, bus.Config{User: "noc", Password: "Sesame"}, remedy},
		{"another user", users, bus.Config{User: "root", Password: "sesame"}, remedy},
		{"no user", users, bus.Config{}, remedy},
		{"a key instead of a password", users, bus.Config{NKey: seed}, remedy},
		{"an nkey", keys, bus.Config{NKey: seed}, ""},
		{"another nkey", keys, bus.Config{NKey: otherSeed}, remedy},
		{"no nkey", keys, bus.Config{}, remedy},
		{"credentials", accounts, bus.Config{Credentials: creds}, ""},
		{"credentials of another operator", accounts, bus.Config{Credentials: otherCreds}, remedy},
		{"no credentials", accounts, bus.Config{}, remedy},
		{"nobody asks", &server.Options{}, bus.Config{User: "noc", Password: "sesame"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.client.URLs = []string{serve(t, c.server)}
			letsIn(t, c.client, c.want)
		})
	}
}

// TestIdentityFile has a file that holds something else refused before any server is asked.
func TestIdentityFile(t *testing.T) {
	for name, text := range map[string]string{"nothing": "", "no seed": "sesame\n", "half a seed": "SUACSSL3UAHUDXKFSNVUZRF5UHPM\n"} {
		path := file(t, []byte(text))
		conn, err := bus.Connect(bus.Config{URLs: []string{"nats://127.0.0.1:1"}, NKey: path})
		if err == nil {
			_ = conn.Close(within(t))
			t.Fatalf("%s: it connects", name)
		}
		if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "begins with SU") {
			t.Errorf("%s: error %q", name, err)
		}
	}
}

// TestTLS has a server that shows a certificate and wants one of its clients.
func TestTLS(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	known := func(by *authority, cert *tls.Certificate) *certs.Files {
		f := &certs.Files{CA: file(t, by.pem())}
		if cert != nil {
			f.Cert, f.Key = written(t, cert)
		}
		return f
	}
	demanding := &server.Options{TLS: true, TLSVerify: true, TLSTimeout: 5, TLSConfig: &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*ours.issue("127.0.0.1")}, ClientCAs: ours.pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}}
	elsewhere := &server.Options{TLS: true, TLSTimeout: 5, TLSConfig: &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*ours.issue("192.0.2.1")},
	}}
	late := &server.Options{TLS: true, TLSTimeout: 5, TLSConfig: &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*ours.until("127.0.0.1", time.Now().Add(-time.Minute))},
	}}
	client := ours.issue("detour")
	for _, c := range []struct {
		name   string
		server *server.Options
		tls    *certs.Files
		want   string
	}{
		{"all is right", demanding, known(ours, client), ""},
		{"without a certificate", demanding, known(ours, nil), "nats.tls.cert and nats.tls.key"},
		{"with a certificate of another authority", demanding, known(ours, theirs.issue("detour")), "nats.tls.cert and nats.tls.key"},
		{"of another authority than ours", demanding, known(theirs, client), "nats.tls.ca"},
		{"no authority is named", demanding, &certs.Files{}, "nats.tls.ca"},
		{"a server of another name", elsewhere, known(ours, nil), "as its certificate has it"},
		{"a server whose certificate has expired", late, known(ours, nil), "not in force by this machine's clock"},
		{"with a certificate that has expired", demanding, known(ours, ours.until("detour", time.Now().Add(-time.Minute))), "has not expired in nats.tls.cert"},
		{"a server without TLS", &server.Options{}, known(ours, client), "the server speaks no TLS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			letsIn(t, bus.Config{URLs: []string{serve(t, c.server)}, TLS: c.tls}, c.want)
		})
	}
}

// TestRotation has the servers go over to another authority, and the client's files with them: it is let in again without
// being made anew.
func TestRotation(t *testing.T) {
	before, after := newAuthority(t), newAuthority(t)
	secure := func(by *authority, port int) *server.Options {
		return &server.Options{Host: "127.0.0.1", Port: port, NoLog: true, NoSigs: true, TLS: true, TLSVerify: true, TLSTimeout: 5, TLSConfig: &tls.Config{
			MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*by.issue("127.0.0.1")}, ClientCAs: by.pool, ClientAuth: tls.RequireAndVerifyClientCert,
		}}
	}
	first, err := server.NewServer(secure(before, freePort(t)))
	if err != nil {
		t.Fatal(err)
	}
	first.Start()
	if !first.ReadyForConnections(30 * time.Second) {
		t.Fatal("the server does not start")
	}
	files := certs.Files{CA: file(t, before.pem())}
	files.Cert, files.Key = written(t, before.issue("detour"))
	conn := connect(t, bus.Config{URLs: []string{"nats://" + first.Addr().String()}, TLS: &files})
	if err := conn.Wait(within(t)); err != nil {
		t.Fatal(err)
	}
	port := first.Addr().(*net.TCPAddr).Port
	first.Shutdown()
	first.WaitForShutdown()
	waitFor(t, func() bool { return !conn.Connected() })

	cert, key := written(t, after.issue("detour"))
	for from, to := range map[string]string{file(t, after.pem()): files.CA, cert: files.Cert, key: files.Key} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	serve(t, secure(after, port))
	if err := conn.Wait(within(t)); err != nil {
		t.Errorf("it is not let in with the new files: %v", err)
	}
}

// letsIn wants a client to be let in, or to be told what would help.
func letsIn(t *testing.T, c bus.Config, want string) {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	c.Log = zap.New(core)
	conn := connect(t, c)
	if want == "" {
		if err := conn.Wait(within(t)); err != nil {
			t.Error(err)
		}
		return
	}
	waitFor(t, func() bool { return logs.FilterMessage("bus not reached, trying again").Len() > 0 })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := conn.Wait(ctx)
	if err == nil {
		t.Fatal("it is let in")
	}
	said := logs.FilterMessage("bus not reached, trying again").All()[0].ContextMap()["error"].(string)
	for who, text := range map[string]string{"the error": err.Error(), "the log": said} {
		if !strings.Contains(text, want) || strings.Contains(text, "esame") {
			t.Errorf("%s says %q, which lacks %q", who, text, want)
		}
	}
}

// serve starts a server on a free port and returns its URL.
func serve(t *testing.T, with *server.Options) string {
	t.Helper()
	url, _ := startServer(t, with)
	return url
}

// startServer starts one, until the test ends or end is called.
func startServer(t *testing.T, with *server.Options) (url string, end func()) {
	t.Helper()
	o := with.Clone()
	o.Host, o.Port, o.NoLog, o.NoSigs = "127.0.0.1", cmp.Or(o.Port, -1), true, true
	srv, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	end = func() { srv.Shutdown(); srv.WaitForShutdown() }
	t.Cleanup(end)
	if !srv.ReadyForConnections(time.Minute) {
		t.Fatal("the server does not start")
	}
	return "nats://" + srv.Addr().String(), end
}

// freePort is one at which a server may be started twice.
func freePort(t *testing.T) int {
	t.Helper()
	ports, err := bustest.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	return ports[0]
}

// newUser makes a user's key: its public half, and a file with its seed.
func newUser(t *testing.T) (public, seedFile string) {
	t.Helper()
	key, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err = key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := key.Seed()
	if err != nil {
		t.Fatal(err)
	}
	return public, file(t, seed)
}

// operated is a server that trusts an operator, and a credentials file of a user of an account of its.
func operated(t *testing.T) (o *server.Options, credentials string) {
	t.Helper()
	must := func(key nkeys.KeyPair, err error) (nkeys.KeyPair, string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		public, err := key.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		return key, public
	}
	operator, operatorID := must(nkeys.CreateOperator())
	account, accountID := must(nkeys.CreateAccount())
	user, userID := must(nkeys.CreateUser())
	trusted := jwt.NewOperatorClaims(operatorID)
	ofAccount, err := jwt.NewAccountClaims(accountID).Encode(operator)
	if err != nil {
		t.Fatal(err)
	}
	ofUser, err := jwt.NewUserClaims(userID).Encode(account)
	if err != nil {
		t.Fatal(err)
	}
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.FormatUserConfig(ofUser, seed)
	if err != nil {
		t.Fatal(err)
	}
	resolver := &server.MemAccResolver{}
	if err := resolver.Store(accountID, ofAccount); err != nil {
		t.Fatal(err)
	}
	return &server.Options{TrustedOperators: []*jwt.OperatorClaims{trusted}, AccountResolver: resolver}, file(t, text)
}

func file(t *testing.T, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, pool: x509.NewCertPool()}
	a.cert, a.key, _ = a.sign(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, Subject: pkix.Name{CommonName: "authority"}})
	a.pool.AddCert(a.cert)
	return a
}

// issue signs a certificate for a name or an address.
func (a *authority) issue(name string) *tls.Certificate {
	a.t.Helper()
	return a.until(name, time.Now().Add(time.Hour))
}

// until signs one that ends then.
func (a *authority) until(name string, end time.Time) *tls.Certificate {
	a.t.Helper()
	c := &x509.Certificate{NotAfter: end, Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	if ip := net.ParseIP(name); ip != nil {
		c.IPAddresses = []net.IP{ip}
	}
	_, key, raw := a.sign(c)
	return &tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// written are the files of a certificate and its key.
func written(t *testing.T, c *tls.Certificate) (certificate, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return file(t, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})),
		file(t, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func (a *authority) sign(c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey, []byte) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour)
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(time.Hour)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	signed, err := x509.ParseCertificate(raw)
	if err != nil {
		a.t.Fatal(err)
	}
	return signed, key, raw
}
