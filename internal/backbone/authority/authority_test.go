package authority

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
)

func TestWhomItVouchesFor(t *testing.T) {
	ours, err := New("ours")
	if err != nil {
		t.Fatal(err)
	}
	other, err := New("other")
	if err != nil {
		t.Fatal(err)
	}
	router, err := ours.Issue("den", x509.ExtKeyUsageServerAuth)
	if err != nil {
		t.Fatal(err)
	}
	client, err := ours.Issue("client", x509.ExtKeyUsageClientAuth)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := Stranger()
	if err != nil {
		t.Fatal(err)
	}
	server := x509.VerifyOptions{Roots: ours.Pool(), DNSName: "den"}
	for name, tt := range map[string]struct {
		pair    tls.Certificate
		options x509.VerifyOptions
		good    bool
	}{
		"router":             {router, server, true},
		"by its address":     {router, x509.VerifyOptions{Roots: ours.Pool(), DNSName: "127.0.0.1"}, true},
		"under another name": {router, x509.VerifyOptions{Roots: ours.Pool(), DNSName: "kcy"}, false},
		"another authority":  {router, x509.VerifyOptions{Roots: other.Pool(), DNSName: "den"}, false},
		"client":             {client, x509.VerifyOptions{Roots: ours.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, true},
		"client as router":   {client, server, false},
		"stranger":           {stranger, x509.VerifyOptions{Roots: ours.Pool()}, false},
	} {
		leaf, err := x509.ParseCertificate(tt.pair.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := leaf.Verify(tt.options); (err == nil) != tt.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	cert, key, err := Encode(router)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		t.Errorf("what is encoded cannot be read: %v", err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(ours.PEM()) {
		t.Error("the authority's own certificate cannot be read")
	}
}
