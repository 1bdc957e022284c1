// Package logintest is an OpenID Connect provider on loopback for tests of those who sign in at one: oauth2-proxy's mockoidc,
// which is by other authors, with users whose tokens can be bent, and answers that can be tampered with on the way.
package logintest

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oauth2-proxy/mockoidc"
	"go.uber.org/zap"

	"github.com/detour-net/detour/internal/web/login"
)

// Provider is a provider that runs until the test ends.
type Provider struct {
	*mockoidc.MockOIDC

	mu     sync.Mutex
	tamper map[string]func(answer map[string]any) // by path
	status map[string]int
	asked  []url.Values // of the authorization endpoint
}

// Settle returns once p says that it is away for a reason that has these words, or, without any, that people can sign in. It ends
// the test if p does not for a minute.
func Settle(tb testing.TB, p *login.Provider, away string) {
	tb.Helper()
	over, look := time.After(time.Minute), time.NewTicker(5*time.Millisecond)
	defer look.Stop()
	for {
		if why := p.Away(); away == "" && why == "" || away != "" && strings.Contains(why, away) {
			return
		}
		select {
		case <-look.C:
		case <-over:
			tb.Fatalf("waited in vain for the provider: it is away because of %q, want %q", p.Away(), away)
		}
	}
}

// Start starts a provider at a free address.
func Start(tb testing.TB) *Provider {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return StartAt(tb, l)
}

// StartAt starts a provider on l.
func StartAt(tb testing.TB, l net.Listener) *Provider {
	tb.Helper()
	m, err := mockoidc.NewServer(nil)
	if err != nil {
		tb.Fatal(err)
	}
	p := &Provider{MockOIDC: m, tamper: map[string]func(map[string]any){}, status: map[string]int{}}
	if err := m.AddMiddleware(p.between); err != nil {
		tb.Fatal(err)
	}
	if err := m.Start(l, nil); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := m.Shutdown(); err != nil {
			tb.Error(err)
		}
	})
	return p
}

// Client is the configuration of who is known at the provider, by whose groups "noc" approves and operates, and "desk" looks.
func (p *Provider) Client(redirect string) login.Config {
	return login.Config{
		Issuer: p.Issuer(), ClientID: p.ClientID, Secret: p.ClientSecret, RedirectURL: redirect, Scopes: []string{"email", "groups"},
		Person: "email", Groups: "groups", Roles: map[string][]string{"noc": {"approver", "operator"}, "desk": {"viewer"}, "root": {"admin"}},
		Now: time.Now, Log: zap.NewNop(),
	}
}

// Tamper changes every answer of the endpoint at path from now on; a status other than 0 is answered instead of it.
func (p *Provider) Tamper(path string, status int, change func(answer map[string]any)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tamper[path], p.status[path] = change, status
}

// Asked is what the authorization endpoint was last asked.
func (p *Provider) Asked() url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[len(p.asked)-1]
}

// between stands between the provider and whoever asks it.
func (p *Provider) between(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		change, status := p.tamper[r.URL.Path], p.status[r.URL.Path]
		if r.URL.Path == mockoidc.AuthorizationEndpoint {
			p.asked = append(p.asked, r.URL.Query())
		}
		p.mu.Unlock()
		if status != 0 {
			w.WriteHeader(status)
			return
		}
		if change == nil {
			next.ServeHTTP(w, r)
			return
		}
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		body := rec.Body.Bytes()
		var answer map[string]any
		if json.Unmarshal(body, &answer) == nil {
			change(answer)
			body, _ = json.Marshal(answer) // it was JSON before
		}
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(rec.Code)
		_, _ = bytes.NewReader(body).WriteTo(w)
	})
}

// Rotate makes the provider sign with another key, and know only that.
func (p *Provider) Rotate(tb testing.TB) *mockoidc.Keypair {
	tb.Helper()
	was := p.Keypair
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	if p.Keypair, err = mockoidc.NewKeypair(key); err != nil {
		tb.Fatal(err)
	}
	return was
}

// User is somebody who signs in at once, without being asked anything.
type User struct {
	Email  string
	Groups []string
	Bend   func(claims jwt.MapClaims) // what the token says; nil to leave it
}

// ID is the user's subject.
func (u User) ID() string { return "subject of " + u.Email }

// Userinfo is nothing: nobody asks.
func (u User) Userinfo([]string) ([]byte, error) { return []byte("{}"), nil }

// Claims are what the token says. The provider has verified the address.
func (u User) Claims(_ []string, base *mockoidc.IDTokenClaims) (jwt.Claims, error) {
	c := jwt.MapClaims{
		"iss": base.Issuer, "sub": u.ID(), "aud": []string(base.Audience), "exp": base.ExpiresAt.Unix(), "iat": base.IssuedAt.Unix(), "nbf": base.NotBefore.Unix(),
		"nonce": base.Nonce, "email": u.Email, "email_verified": true, "groups": u.Groups,
	}
	if u.Bend != nil {
		u.Bend(c)
	}
	return c, nil
}

// Visit does what a browser does that is sent to the provider, and returns what it is sent back with.
func Visit(tb testing.TB, address string) url.Values {
	tb.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, address, nil)
	if err != nil {
		tb.Fatal(err)
	}
	resp, err := client.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		tb.Fatalf("the provider sends nobody back: status %d: %v", resp.StatusCode, err)
	}
	return back.Query()
}
