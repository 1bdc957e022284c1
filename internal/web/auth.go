package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/detour-net/detour/events"
)

// Role is what a caller may do. Roles are sets: none but Admin includes another, and any of them may read.
type Role string

// The roles.
const (
	Viewer   Role = "viewer"   // reads
	Operator Role = "operator" // freezes, thaws, aborts, undrains, begins and ends maintenance, proves routers
	Approver Role = "approver" // approves and rejects plans
	Admin    Role = "admin"    // everything
)

// Roles returns every role.
func Roles() []Role { return []Role{Viewer, Operator, Approver, Admin} }

// Token lets its bearer in.
type Token struct {
	Name   string   // who the bearer is: the name on the record
	Roles  []string // the roles above, and any others that the policy's approvals speak of
	SHA256 [32]byte // of the token itself, which is kept nowhere
}

// NewToken is the Token of a secret.
func NewToken(name, secret string, roles ...string) Token {
	return Token{Name: name, Roles: roles, SHA256: sha256.Sum256([]byte(secret))}
}

// Auth says who may call.
type Auth struct {
	Tokens []Token

	// LocalViewer lets a caller on this machine read without a token. It is meant for a listener on a loopback address.
	LocalViewer bool
}

// check finds what would let nobody in, or the wrong one.
func (a Auth) check() error {
	names, secrets := map[string]bool{}, map[[32]byte]string{}
	for _, t := range a.Tokens {
		known := slices.ContainsFunc(Roles(), func(r Role) bool { return slices.Contains(t.Roles, string(r)) })
		switch {
		case t.Name == "":
			return fmt.Errorf("a token has no name: give it the name of the person or program that bears it")
		case names[t.Name]:
			return fmt.Errorf("two tokens are named %q: approvals are counted by name, give each its own", t.Name)
		case secrets[t.SHA256] != "":
			return fmt.Errorf("tokens %q and %q are the same secret", secrets[t.SHA256], t.Name)
		case t.SHA256 == sha256.Sum256(nil):
			return fmt.Errorf("token %q is empty", t.Name)
		case !known:
			return fmt.Errorf("token %q has the roles %q and with them may do nothing: give it at least one of %q", t.Name, t.Roles, Roles())
		}
		names[t.Name], secrets[t.SHA256] = true, t.Name
	}
	return nil
}

// identify says who is calling, by the token in the header or, without one, by where the call comes from.
func (a Auth) identify(r *http.Request) (who events.Person, ok bool) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return events.Person{Name: "local", Role: []string{string(Viewer)}, Via: via(r)}, a.LocalViewer && local(r)
	}
	scheme, secret, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return events.Person{}, false
	}
	t, ok := a.holder(strings.TrimSpace(secret))
	if !ok {
		return events.Person{}, false
	}
	return events.Person{Name: t.Name, Role: Expand(t.Roles), Via: via(r)}, true
}

// holder finds whose secret it is. Every token is compared, in constant time, whichever fits.
func (a Auth) holder(secret string) (found Token, ok bool) {
	sum := sha256.Sum256([]byte(secret))
	for _, t := range a.Tokens {
		if subtle.ConstantTimeCompare(sum[:], t.SHA256[:]) == 1 {
			found, ok = t, true
		}
	}
	return found, ok
}

// named finds a token by the name of its bearer.
func (a Auth) named(name string) (Token, bool) {
	n := slices.IndexFunc(a.Tokens, func(t Token) bool { return t.Name == name })
	if n < 0 {
		return Token{}, false
	}
	return a.Tokens[n], true
}

// Expand spells out what admin includes, so that the record, and the policy's list of approvers, need not know.
func Expand(roles []string) []string {
	if !slices.Contains(roles, string(Admin)) {
		return slices.Clone(roles)
	}
	all := slices.Clone(roles)
	for _, r := range Roles() {
		if !slices.Contains(all, string(r)) {
			all = append(all, string(r))
		}
	}
	return all
}

// may reports whether a caller may use a route that needs role.
func may(who events.Person, role Role) bool {
	if role == Viewer {
		return slices.ContainsFunc(Roles(), func(r Role) bool { return slices.Contains(who.Role, string(r)) })
	}
	return slices.Contains(who.Role, string(role))
}

// ViaHeader names the channel that a person uses: one of "cli" and "console". Anything else is "api".
const ViaHeader = "Detour-Via"

func via(r *http.Request) string {
	if v := r.Header.Get(ViaHeader); v == "cli" || v == "console" {
		return v
	}
	return "api"
}

// local reports whether the caller is on this machine and speaks to it by a local name. The second half keeps out a page
// in a local browser whose own name was made to resolve to this machine.
func local(r *http.Request) bool {
	return !proxied(r) && loopback(r.RemoteAddr) && loopback(r.Host)
}

// proxied reports whether somebody passes on a request, whose caller may be anywhere. Most who do say so; one that is set up to
// say nothing, as nginx is by default, is known by the version of HTTP that it speaks.
func proxied(r *http.Request) bool {
	for name := range r.Header {
		if name == "Forwarded" || name == "Via" || name == "X-Real-Ip" || strings.HasPrefix(name, "X-Forwarded-") {
			return true
		}
	}
	return !r.ProtoAtLeast(1, 1)
}

func loopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
