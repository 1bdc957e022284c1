package config

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// OIDC is a provider at which people sign in at the console.
type OIDC struct {
	Issuer       string              `yaml:"issuer"` // exactly as the provider spells it
	ClientID     string              `yaml:"client_id"`
	ClientSecret string              `yaml:"client_secret"` // file:PATH or env:NAME
	RedirectURL  string              `yaml:"redirect_url"`  // exactly as the provider knows it: the console's address, and CallbackPath
	Scopes       []string            `yaml:"scopes"`        // beside openid; profile and email if not given
	Person       string              `yaml:"person"`        // the claim that is a person's name here; email if not given
	Groups       string              `yaml:"groups"`        // the claim that lists groups; groups if not given
	Roles        map[string][]string `yaml:"roles"`         // of each group
}

// CallbackPath is where the console takes people back from the provider.
const CallbackPath = "/auth/callback"

// email is both a scope and the claim that comes with it.
const email = "email"

// claimName is what a claim can be called: a name, or a URL.
var claimName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_:./-]{0,127}$`)

// oidc checks the section and reads the client's secret.
func (s section) oidc(o *OIDC) (secret string) {
	if o == nil {
		return ""
	}
	if o.Scopes == nil {
		o.Scopes = []string{"profile", email}
	}
	for claim, otherwise := range map[*string]string{&o.Person: email, &o.Groups: "groups"} {
		if *claim == "" {
			*claim = otherwise
		}
	}
	s.secureURL("auth.oidc.issuer", o.Issuer, "https://login.example.net")
	if u := s.secureURL("auth.oidc.redirect_url", o.RedirectURL, "https://detour.example.net"+CallbackPath); u != nil && u.Path != CallbackPath {
		s.bad("auth.oidc.redirect_url", "its path is %q: the console takes people back at %s", u.Path, CallbackPath)
	}
	if o.ClientID == "" {
		s.bad("auth.oidc", "client_id is missing: the provider gives one to each of those who use it")
	}
	secret, err := Secret(o.ClientSecret, s.dir)
	if err != nil {
		s.bad("auth.oidc.client_secret", "%s", err)
	}
	for n, scope := range o.Scopes {
		if !claimName.MatchString(scope) || slices.Contains(o.Scopes[:n], scope) || scope == "openid" {
			s.bad(index("auth.oidc.scopes", n), "%q: want names, each once, and without openid, which is always asked for", scope)
		}
	}
	for key, claim := range map[string]string{"person": o.Person, "groups": o.Groups} {
		if !claimName.MatchString(claim) {
			s.bad("auth.oidc."+key, "%q cannot be the name of a claim", claim)
		}
	}
	if o.Person == email && !slices.Contains(o.Scopes, email) {
		s.bad("auth.oidc.scopes", "without the scope email nobody is known by their address")
	}
	s.groupRoles(o.Roles)
	return secret
}

// secureURL checks that what is sent to an address cannot be read on the way; nil if it cannot be used.
func (s section) secureURL(key, text, example string) *url.URL {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		s.bad(key, "%q: want a URL, for example %s", text, example)
		return nil
	case u.Scheme != "https" && !(u.Scheme == "http" && (Listen{HTTP: withPort(u)}).Local()):
		s.bad(key, "want https: what lets people in would cross the network in clear")
		return nil
	}
	return u
}

func withPort(u *url.URL) string {
	if u.Port() == "" {
		return u.Host + ":80"
	}
	return u.Host
}

func (s section) groupRoles(groups map[string][]string) {
	if len(groups) == 0 {
		s.bad("auth.oidc", "roles is missing: say which groups have which of the roles %s, or nobody could come in", strings.Join(Roles(), ", "))
	}
	for group, roles := range groups {
		if group == "" {
			s.bad("auth.oidc.roles", "a group has no name")
		}
		if !slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(Roles(), r) }) {
			s.bad("auth.oidc.roles", "group %q may do nothing; want at least one of the roles %s", group, strings.Join(Roles(), ", "))
		}
		for n, role := range roles {
			if !plain.MatchString(role) || slices.Contains(roles[:n], role) {
				s.bad("auth.oidc.roles", "group %q has the role %q: want plain names, each once", group, role)
			}
		}
	}
}

// describe is the provider for people.
func (o *OIDC) describe() string {
	if o == nil {
		return "none: people sign in with tokens"
	}
	return fmt.Sprintf("%s, people by %s, roles of %d groups", o.Issuer, o.Person, len(o.Roles))
}
