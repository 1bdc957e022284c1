package backbone

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"

	"github.com/detour-net/detour/internal/backbone/authority"
	"github.com/detour-net/detour/internal/network"
)

// Names of the files that Inventory writes.
const (
	fileCA       = "ca.pem"
	fileCert     = "client.pem"
	fileKey      = "client.key"
	filePassword = "password"
)

// Inventory writes into a directory, which must exist, what a client needs to be let in: the authority's certificate, a
// client certificate with its key and, if the network wants one, the password. It returns the topology's routers with
// their addresses and with the paths of those files, absolute if dir is.
func (n *Network) Inventory(dir string) ([]network.Router, error) {
	client, err := n.auth.Issue("client", x509.ExtKeyUsageClientAuth)
	if err != nil {
		return nil, fmt.Errorf("backbone: client certificate: %w", err)
	}
	cert, key, err := authority.Encode(client)
	if err != nil {
		return nil, fmt.Errorf("backbone: client certificate: %w", err)
	}
	files := map[string][]byte{
		fileCA:   n.auth.PEM(),
		fileCert: cert, fileKey: key,
	}
	credentials := network.Credentials{}
	if n.config.Username != "" {
		files[filePassword] = []byte(n.config.Password)
		credentials = network.Credentials{Username: n.config.Username, Password: "file:" + filepath.Join(dir, filePassword)}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return nil, fmt.Errorf("backbone: write client files: %w", err)
		}
	}
	routers := append([]network.Router(nil), n.topology.Routers...)
	for i := range routers {
		routers[i].Address = n.routers[i].Address()
		routers[i].Credentials = credentials
		routers[i].EdgePorts = []string{Edge}
		routers[i].TLS = network.RouterTLS{
			CA: filepath.Join(dir, fileCA), Cert: filepath.Join(dir, fileCert), Key: filepath.Join(dir, fileKey), ServerName: routers[i].Name,
		}
	}
	return routers, nil
}

// WriteFiles writes what a service reads of the network into a directory: inventory.yaml, with routers as Inventory returns them,
// and topology.yaml.
func WriteFiles(dir string, routers []network.Router, links []network.Link) error {
	inventory, topology, err := network.Describe(routers, links)
	if err != nil {
		return fmt.Errorf("backbone: describe the network: %w", err)
	}
	for name, raw := range map[string][]byte{"inventory.yaml": inventory, "topology.yaml": topology} {
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			return fmt.Errorf("backbone: write %s: %w", name, err)
		}
	}
	return nil
}

// ClientTLS is the configuration of a client that trusts the network's authority, for the router of that name, and
// carries a certificate of its own.
func (n *Network) ClientTLS(router string) (*tls.Config, error) {
	client, err := n.auth.Issue("client", x509.ExtKeyUsageClientAuth)
	if err != nil {
		return nil, fmt.Errorf("backbone: client certificate: %w", err)
	}
	return &tls.Config{RootCAs: n.auth.Pool(), ServerName: router, Certificates: []tls.Certificate{client}}, nil
}
