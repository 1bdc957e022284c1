package login

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// emailClaim is who can be reached at an address, which is not yet who somebody is: see verified.
const emailClaim = "email"

// presentable is what may stand on the record as a name: nothing that looks like something else.
var presentable = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._@+|:'/=-]{0,253}$`)

// claims are those of one token, as they came.
type claims map[string]json.RawMessage

func (c claims) text(name string) (s string, ok bool) {
	return s, json.Unmarshal(c[name], &s) == nil && s != ""
}

// verified reports whether the provider has made sure of the e-mail address. Some write a truth as text.
func (c claims) verified() bool {
	value := string(c["email_verified"])
	return value == "true" || value == `"true"`
}

// identity is who the token is about, and what they may do.
func (p *Provider) identity(a Attempt, token *oidc.IDToken) (Identity, error) {
	var all claims
	if err := token.Claims(&all); err != nil {
		return Identity{}, fmt.Errorf("read the claims of the id_token: %w", err)
	}
	name, err := p.name(all)
	if err != nil {
		return Identity{}, err
	}
	roles, err := p.roles(all)
	if err != nil {
		return Identity{}, err
	}
	shown, err := p.shown(a, all)
	return Identity{Name: name, Roles: roles, Shown: shown}, err
}

func (p *Provider) name(all claims) (string, error) {
	name, ok := all.text(p.cfg.Person)
	if p.cfg.Person == emailClaim {
		if name = strings.ToLower(name); ok && !all.verified() {
			return "", fmt.Errorf("%w: the provider has not verified the address %q", ErrDenied, name)
		}
	}
	if !ok {
		return "", fmt.Errorf("%w: the provider does not give the claim %q, by which people are known here", ErrDenied, p.cfg.Person)
	}
	if !presentable.MatchString(name) || strings.HasSuffix(name, " ") || slices.Contains(reserved(), strings.ToLower(name)) {
		return "", fmt.Errorf("%w: %q cannot be anybody's name here", ErrDenied, name)
	}
	return name, nil
}

// reserved are names that somebody else has: who looks from this machine, and the service itself.
func reserved() []string { return []string{"local", "detour"} }

func (p *Provider) roles(all claims) ([]string, error) {
	var groups []string
	if raw, ok := all[p.cfg.Groups]; !ok {
		return nil, fmt.Errorf("%w: the provider does not give the claim %q, which lists groups", ErrDenied, p.cfg.Groups)
	} else if one, ok := all.text(p.cfg.Groups); ok {
		groups = []string{one}
	} else if json.Unmarshal(raw, &groups) != nil {
		return nil, fmt.Errorf("%w: the claim %q is no list of groups", ErrDenied, p.cfg.Groups)
	}
	var roles []string
	for _, g := range groups {
		roles = append(roles, p.cfg.Roles[g]...)
	}
	slices.Sort(roles)
	if roles = slices.Compact(roles); len(roles) == 0 {
		return nil, fmt.Errorf("%w: none of the groups that the provider gives has a role here", ErrDenied)
	}
	return roles, nil
}

// shown is when they showed who they are, which must not be too long ago if this attempt asks for that.
func (p *Provider) shown(a Attempt, all claims) (time.Time, error) {
	var seconds float64
	if err := json.Unmarshal(all["auth_time"], &seconds); err != nil {
		if a.Within > 0 {
			return time.Time{}, fmt.Errorf("%w: the provider does not say when they signed in there (auth_time)", ErrDenied)
		}
		return time.Time{}, nil
	}
	shown, now := time.Unix(int64(seconds), 0).UTC(), p.cfg.Now()
	switch {
	case shown.After(now.Add(skew)):
		return time.Time{}, fmt.Errorf("the provider says that they signed in there in the future, at %s", shown.Format(time.RFC3339))
	case a.Within > 0 && now.Sub(shown) > a.Within+skew:
		return time.Time{}, fmt.Errorf("%w: they signed in at the provider at %s, which is too long ago", ErrDenied, shown.Format(time.RFC3339))
	}
	return shown, nil
}
