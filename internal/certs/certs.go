// Package certs reads certificates, keys and authorities from PEM files, anew for each TLS handshake, so that writing the
// files is all it takes to rotate them. Connections that stand go on as they are.
//
// Files that cannot be used, say because they are being written or because they hang, leave those in use that were good before; the
// log says why, once, and when they are good again. Only at the start bad files are an error.
package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"

	"go.uber.org/zap"

	"github.com/detour-net/detour/internal/config/bounded"
)

// maxFile bounds each file, in bytes: all the authorities that browsers trust take a fifth of it.
const maxFile = 1 << 20

// Files are the PEM files of one side of TLS; "" for none. Cert, which may hold intermediates, and Key belong together.
type Files struct {
	CA   string // who may have signed the other side's certificate; the system's authorities without it
	Cert string
	Key  string
}

// Source is what Files hold. It may be used by several goroutines at once.
type Source struct {
	files  Files
	reader *bounded.Reader
	log    *zap.Logger

	mu    sync.Mutex
	ca    []byte // that roots was made of
	roots *x509.CertPool
	cert  []byte // that pair was made of, key included
	pair  *tls.Certificate

	badCA, badPair bounded.Trouble
}

// Open reads the files for the first time; sources that may have a file in common share the reader. An error begins with "ca" or
// "cert and key", whichever cannot be used.
func Open(files Files, reader *bounded.Reader, log *zap.Logger) (*Source, error) {
	s := &Source{files: files, reader: reader, log: log}
	if (files.Cert == "") != (files.Key == "") {
		return nil, errors.New("cert and key belong together: give both or neither")
	}
	return s, errors.Join(s.readCA(), s.readPair())
}

// Roots are the authorities in force, nil for the system's.
func (s *Source) Roots() *x509.CertPool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(&s.badCA, s.readCA())
	return s.roots
}

// Pair is the certificate in force with its key; one that is empty when there is none.
func (s *Source) Pair() *tls.Certificate {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(&s.badPair, s.readPair())
	if s.pair == nil {
		return &tls.Certificate{}
	}
	return s.pair
}

// Client is the configuration for one handshake with a server.
func (s *Source) Client(server string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: server, RootCAs: s.Roots(),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return s.Pair(), nil },
	}
}

// Server is the configuration of a server, for all its handshakes. It asks no certificate of clients.
func (s *Source) Server(protocols ...string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: protocols,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.Pair(), nil },
	}
}

func (s *Source) keep(bad *bounded.Trouble, err error) {
	bad.Tell(s.log, err, "TLS files cannot be used, those of before stay in force", "TLS files can be used again")
}

func (s *Source) readCA() error {
	if s.files.CA == "" {
		return nil
	}
	raw, _, err := s.reader.Read(s.files.CA, maxFile)
	if err != nil {
		return fmt.Errorf("ca: %w", err)
	}
	if s.roots != nil && bytes.Equal(raw, s.ca) {
		return nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(raw) {
		return fmt.Errorf("ca: %s holds no PEM certificate", s.files.CA)
	}
	s.ca, s.roots = raw, roots
	return nil
}

// readPair takes certificate and key together: while only one of them is written they do not fit, and neither is taken.
func (s *Source) readPair() error {
	if s.files.Cert == "" {
		return nil
	}
	cert, _, err := s.reader.Read(s.files.Cert, maxFile)
	if err != nil {
		return fmt.Errorf("cert and key: %w", err)
	}
	key, _, err := s.reader.Read(s.files.Key, maxFile)
	if err != nil {
		return fmt.Errorf("cert and key: %w", err)
	}
	both := append(cert, key...)
	if s.pair != nil && bytes.Equal(both, s.cert) {
		return nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("cert and key: %s and %s: %w", s.files.Cert, s.files.Key, err)
	}
	s.cert, s.pair = both, &pair
	return nil
}
