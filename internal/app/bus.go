package app

import (
	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/config"
)

// Bus is how to reach the servers that a configuration names. An error names the file of nats.tls that cannot be used.
func Bus(n config.NATS) (bus.Config, error) {
	c := bus.Config{URLs: n.URLs, Credentials: n.Credentials, NKey: n.NKey, User: n.User, Password: n.Password}
	if !n.TLS.Given() {
		return c, nil
	}
	var err error
	c.TLS, err = n.TLS.Client()
	return c, err
}
