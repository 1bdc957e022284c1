package app

import (
	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/certs"
	"github.com/detour-net/detour/internal/config"
)

// Bus is how to reach the servers that a configuration names.
func Bus(n config.NATS) bus.Config {
	c := bus.Config{URLs: n.URLs, Credentials: n.Credentials, NKey: n.NKey, User: n.User, Password: n.Password, PasswordFile: n.PasswordFile, APIPrefix: n.APIPrefix}
	if n.TLS.Given() {
		c.TLS = &certs.Files{CA: n.TLS.CA, Cert: n.TLS.Cert, Key: n.TLS.Key}
	}
	return c
}
