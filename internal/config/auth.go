package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/config/bounded"
	"github.com/detour-net/detour/internal/config/strict"
	"github.com/detour-net/detour/internal/web/seal"
)

// Auth says who may call the HTTP API.
type Auth struct {
	Tokens     string `yaml:"tokens"`      // "file:PATH" of a tokens file
	SessionKey string `yaml:"session_key"` // file:PATH or env:NAME of a secret that all replicas are given; none: whoever signs in does so at one replica
	OIDC       *OIDC  `yaml:"oidc"`        // nil: people sign in with tokens
	// Fresh is how long ago whoever approves more than a click may have signed in, and how long what the provider said that
	// somebody may do counts; 15m if not given.
	Fresh events.Duration `yaml:"fresh"`
}

// auth checks the section and reads the key of sessions, nil without one.
func (s section) auth(a Auth) (sessionKey []byte) {
	if d := a.Fresh.Std(); d < time.Minute || d > time.Hour {
		s.bad("auth.fresh", "%s: want 1m0s to 1h0m0s", d)
	}
	if a.SessionKey == "" {
		return nil
	}
	secret, err := Secret(a.SessionKey, s.dir)
	switch {
	case err != nil:
		s.bad("auth.session_key", "%s", err)
	case len(secret) < seal.MinSecret:
		s.bad("auth.session_key", "it is shorter than %d bytes, which can be guessed; for example: openssl rand -hex 32", seal.MinSecret)
	}
	return []byte(secret)
}

// Token lets its bearer in. Only the digest of the secret is kept; whoever compares, compares digests in constant time.
type Token struct {
	Name   string // of the person or program that bears it: the name on the record
	Roles  []string
	SHA256 [sha256.Size]byte
}

// tokensFile is the absolute path of the tokens file.
func (s section) tokensFile(ref, self string) string {
	if ref == "" {
		return ""
	}
	path, ok := strings.CutPrefix(ref, "file:")
	if !ok || path == "" {
		s.bad("auth.tokens", "want file:PATH of a tokens file; tokens do not belong into this one")
		return ""
	}
	return s.named("auth.tokens", path, self, true)
}

// writtenToken is one entry of a tokens file: "tokens", a list of these.
type writtenToken struct {
	Name   string   `yaml:"name"`
	Roles  []string `yaml:"roles"`
	SHA256 string   `yaml:"sha256"` // hexadecimal digest of the token
	Secret string   `yaml:"token"`  // or where the token is: file:PATH or env:NAME
}

// loadTokens reads a tokens file. No message shows a secret.
func loadTokens(path string) ([]Token, error) {
	raw, info, err := new(bounded.Reader).Read(path, strict.MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	if err := private(path, info); err != nil {
		return nil, err
	}
	var f struct {
		Tokens []writtenToken `yaml:"tokens"`
	}
	doc, err := strict.Read(path, raw, &f)
	if err != nil {
		return nil, err
	}
	tokens := make([]Token, len(f.Tokens))
	names, digests := map[string]bool{}, map[[sha256.Size]byte]bool{}
	for i, w := range f.Tokens {
		at := index("tokens", i)
		t := Token{Name: w.Name, Roles: w.Roles}
		if t.SHA256, err = w.digest(path); err != nil {
			doc.Bad(at, "token of %q: %s", w.Name, err)
		} else if digests[t.SHA256] {
			doc.Bad(at, "token of %q: somebody else has the same; give each person their own", w.Name)
		}
		if w.Name == "" || names[w.Name] {
			doc.Bad(at, "name %q is missing or given twice; it stands on the record", w.Name)
		}
		if len(w.Roles) == 0 {
			doc.Bad(at, "token of %q has no roles; want some of %s", w.Name, strings.Join(Roles(), ", "))
		}
		for n, role := range w.Roles {
			if !plain.MatchString(role) || slices.Contains(w.Roles[:n], role) {
				doc.Bad(fmt.Sprintf("%s.roles[%d]", at, n), "role %q: want plain names, each once", role)
			}
		}
		if !slices.ContainsFunc(w.Roles, func(r string) bool { return slices.Contains(Roles(), r) }) && len(w.Roles) > 0 {
			doc.Bad(at+".roles", "token of %q may do nothing; want at least one of %s", w.Name, strings.Join(Roles(), ", "))
		}
		names[w.Name], digests[t.SHA256] = true, true
		tokens[i] = t
	}
	return tokens, doc.Err()
}

// Roles are the roles that the API knows; a token may carry others that a policy's approvals speak of.
func Roles() []string { return []string{"viewer", "operator", "approver", "admin"} }

func (w writtenToken) digest(path string) (sum [sha256.Size]byte, err error) {
	if (w.SHA256 == "") == (w.Secret == "") {
		return sum, fmt.Errorf("give exactly one of sha256 (hexadecimal) and token (file:PATH or env:NAME)")
	}
	if w.Secret != "" {
		secret, err := Secret(w.Secret, filepath.Dir(path))
		if err != nil {
			return sum, err
		}
		const shortest = 16
		if len(secret) < shortest {
			return sum, fmt.Errorf("it is shorter than %d bytes, which can be guessed", shortest)
		}
		return sha256.Sum256([]byte(secret)), nil
	}
	raw, err := hex.DecodeString(w.SHA256)
	if err != nil || len(raw) != sha256.Size {
		return sum, fmt.Errorf("sha256 wants %d hexadecimal digits", 2*sha256.Size)
	}
	return [sha256.Size]byte(raw), nil
}
