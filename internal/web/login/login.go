// Package login signs people in at an OpenID Connect provider and says who they are and what they may do.
//
// It is the code flow (OpenID Connect Core 1.0, section 3.1) with PKCE (RFC 7636), a state and a nonce, all three made anew
// for every attempt. An attempt is kept by the browser that began it, and ends only there. The provider's signature, issuer,
// audience and times are checked by go-oidc; what that leaves to its caller is checked here: the nonce, the authorised party,
// when the token was issued, that it belongs to the access token, and, where whoever it is must show it anew, when they did.
//
// A person is one claim. An e-mail address counts only where the provider says that it has been verified, and in lower case,
// so that nobody is two people by it. Roles are those that the configuration gives to the person's groups; whoever is given
// none does not come in.
//
// The provider need not be there at the start, nor later: it is looked for until it answers, and until then nobody signs in
// this way. Keys that it begins to sign with are fetched when they are first met.
package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"go.uber.org/zap"
	"golang.org/x/oauth2"
)

// Why somebody is not signed in. Each error says more; these are for status codes.
var (
	ErrAway   = errors.New("the provider does not answer")
	ErrDenied = errors.New("not allowed")
)

// Config says where the provider is, how we are known there, and what its people are here.
type Config struct {
	Issuer      string // exactly as the provider spells it
	ClientID    string
	Secret      string
	RedirectURL string // exactly as the provider knows it
	Scopes      []string
	Person      string              // the claim that a person is known by
	Groups      string              // the claim that lists the person's groups
	Roles       map[string][]string // by group
	Now         func() time.Time
	Log         *zap.Logger
}

// Times of a login.
const (
	attemptLasts = 10 * time.Minute // for somebody to type a password, and find a key
	callWithin   = 10 * time.Second
	skew         = time.Minute // by how much the provider's clock may differ from ours
	retryFirst   = time.Second
	retryMost    = time.Minute
)

// Provider is where people sign in.
type Provider struct {
	cfg  Config
	http *http.Client

	mu    sync.Mutex
	known *known // nil until the provider has answered
	away  string // why it has not
}

// known is what the provider says of itself.
type known struct {
	verifier *oidc.IDTokenVerifier
	oauth    oauth2.Config
	leave    string // where people sign out of it, "" if it does not say
}

// New returns a provider that has not been looked for.
func New(c Config) *Provider {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	client := &http.Client{Transport: transport, Timeout: callWithin, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // a secret is sent where the provider said, and nowhere else
	}}
	return &Provider{cfg: c, http: client, away: "it has not been asked yet"}
}

// Run looks for the provider until it answers, and ends with ctx.
func (p *Provider) Run(ctx context.Context) error {
	defer p.http.CloseIdleConnections()
	for pause := retryFirst; ; pause = min(2*pause, retryMost) {
		found, err := p.discover(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if p.settle(found, err); err == nil {
			p.cfg.Log.Info("people can sign in", zap.String("issuer", p.cfg.Issuer))
			<-ctx.Done()
			return nil
		}
		p.cfg.Log.Warn("nobody can sign in at the provider; tokens still work", zap.String("issuer", p.cfg.Issuer), zap.Duration("again_in", pause), zap.Error(err))
		wait := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil
		case <-wait.C:
		}
	}
}

func (p *Provider) settle(found *known, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known, p.away = found, ""; err != nil {
		p.away = err.Error()
	}
}

// discover asks the provider for its addresses and ways.
func (p *Provider) discover(ctx context.Context) (*known, error) {
	// The context also says with which client keys are fetched later; that it ends does not end that.
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.http), p.cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discover %s: %w", p.cfg.Issuer, err)
	}
	var more struct {
		Leave   string   `json:"end_session_endpoint"`
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := found.Claims(&more); err != nil {
		return nil, fmt.Errorf("discover %s: %w", p.cfg.Issuer, err)
	}
	at := found.Endpoint()
	at.AuthStyle = oauth2.AuthStyleInHeader // unless it says otherwise: OpenID Connect Discovery 1.0, section 3
	if slices.Contains(more.Methods, "client_secret_post") {
		at.AuthStyle = oauth2.AuthStyleInParams
	}
	return &known{
		verifier: found.Verifier(&oidc.Config{ClientID: p.cfg.ClientID, Now: func() time.Time { return p.cfg.Now().Add(-skew) }}),
		oauth:    oauth2.Config{ClientID: p.cfg.ClientID, ClientSecret: p.cfg.Secret, Endpoint: at, RedirectURL: p.cfg.RedirectURL, Scopes: append([]string{oidc.ScopeOpenID}, p.cfg.Scopes...)},
		leave:    more.Leave,
	}, nil
}

// provider is what is known of it, or why nothing is.
func (p *Provider) provider() (*known, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		return nil, fmt.Errorf("%w: %s", ErrAway, p.away)
	}
	return p.known, nil
}

// Away says why nobody can sign in, "" if they can.
func (p *Provider) Away() string {
	if _, err := p.provider(); err != nil {
		return err.Error()
	}
	return ""
}

// RedirectURL is where the provider sends people back to.
func (p *Provider) RedirectURL() string { return p.cfg.RedirectURL }

// Leave is where somebody signs out of the provider itself, "" if it has no such place.
func (p *Provider) Leave() string {
	k, err := p.provider()
	if err != nil || k.leave == "" {
		return ""
	}
	return withQuery(k.leave, "client_id", p.cfg.ClientID)
}
