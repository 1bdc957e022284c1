package bus

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/nats-io/nats.go"
)

// explain adds to an error of a connection what would help. Others stay as they are.
func explain(err error) error {
	if remedy := remedy(err); remedy != "" {
		return fmt.Errorf("%w; %s", err, remedy)
	}
	return err
}

func remedy(err error) string {
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var alert *net.OpError
	refused := func(target error) bool { return errors.Is(err, target) }
	switch {
	case err == nil:
	case slices.ContainsFunc([]error{nats.ErrAuthorization, nats.ErrNkeysNotSupported}, refused):
		return "the server does not know this client: give what its administrator has set up in nats.credentials, nats.nkey, or nats.user and nats.password"
	case slices.ContainsFunc([]error{nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired}, refused):
		return "the server knows this client no more: have its administrator issue another nats.credentials"
	case refused(nats.ErrSecureConnWanted):
		return "the server speaks no TLS: leave nats.tls out and write nats:// in nats.urls, or set up TLS on the server"
	case errors.As(err, &authority):
		return "the server's certificate is signed by somebody else: name the file of its authority in nats.tls.ca"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the server's certificate is not in force by this machine's clock: have its administrator issue another, or set the clock"
	case errors.As(err, &name):
		return "write the server's name in nats.urls as its certificate has it"
	case refused(nats.ErrTLS), errors.As(err, &alert) && alert.Op == "remote error": // so crypto/tls calls an alert of the other side
		return "the server does not take this client's certificate: name one that its authority has signed and that has not expired in nats.tls.cert and nats.tls.key"
	}
	return ""
}
