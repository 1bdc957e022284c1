package app

import (
	"time"

	"go.uber.org/zap"

	"github.com/detour-net/detour/internal/config"
	"github.com/detour-net/detour/internal/web/login"
)

// openLogin makes the provider at which people sign in, nil if the configuration names none. It asks nothing before it runs.
func openLogin(c *config.Config, log *zap.Logger) *login.Provider {
	o := c.Auth.OIDC
	if o == nil {
		return nil
	}
	return login.New(login.Config{
		Issuer: o.Issuer, ClientID: o.ClientID, Secret: c.LoginSecret, RedirectURL: o.RedirectURL, Scopes: o.Scopes, Person: o.Person, Groups: o.Groups, Roles: o.Roles,
		Now: time.Now, Log: log,
	})
}
