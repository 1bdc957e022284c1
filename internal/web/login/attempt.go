package login

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Attempt is one way to the provider and back. Whoever keeps it meanwhile must not be able to change it, nor anybody else to
// read it.
type Attempt struct {
	State    string        `json:"state"`
	Nonce    string        `json:"nonce"`
	Verifier string        `json:"verifier"`
	Begun    time.Time     `json:"begun"`
	Within   time.Duration `json:"within,omitempty"` // 0, or how long ago whoever it is may have shown who they are
	To       string        `json:"to"`               // where they want to go afterwards
}

// Identity is who has signed in.
type Identity struct {
	Name  string
	Roles []string
	Shown time.Time // when they last showed who they are; the zero time if the provider does not say
}

// Begin begins an attempt and returns where to send the browser. With within, whoever has shown who they are longer ago than
// that must show it anew.
func (p *Provider) Begin(to string, within time.Duration) (Attempt, string, error) {
	k, err := p.provider()
	if err != nil {
		return Attempt{}, "", err
	}
	a := Attempt{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Begun: p.cfg.Now().UTC(), Within: within, To: to}
	options := []oauth2.AuthCodeOption{oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)}
	if within > 0 {
		options = append(options, oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(within.Seconds()))))
	}
	return a, k.oauth.AuthCodeURL(a.State, options...), nil
}

// Finish ends an attempt with what the browser has brought back. The error is ErrAway or ErrDenied, or says what is wrong
// with the answer.
func (p *Provider) Finish(ctx context.Context, a Attempt, answer url.Values) (Identity, error) {
	k, err := p.provider()
	if err != nil {
		return Identity{}, err
	}
	if err := p.returned(a, answer); err != nil {
		return Identity{}, err
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, p.http), callWithin)
	defer cancel()
	granted, err := k.oauth.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return Identity{}, refusal("exchange the code", err)
	}
	raw, ok := granted.Extra("id_token").(string)
	if !ok {
		return Identity{}, errors.New("the provider sent no id_token")
	}
	token, err := k.verifier.Verify(ctx, raw)
	if err != nil {
		return Identity{}, fmt.Errorf("verify the id_token: %w", err)
	}
	if err := p.belongs(a, token, granted.AccessToken); err != nil {
		return Identity{}, fmt.Errorf("verify the id_token: %w", err)
	}
	return p.identity(a, token)
}

// returned checks what came with the browser, before anything is asked of the provider.
func (p *Provider) returned(a Attempt, answer url.Values) error {
	age := p.cfg.Now().Sub(a.Begun)
	switch {
	case a.State == "" || subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(a.State)) != 1:
		return errors.New("this is not the answer to what this browser asked")
	case age > attemptLasts:
		return fmt.Errorf("it took longer than %s", attemptLasts)
	case age < -skew:
		return fmt.Errorf("it was begun %s ahead of now: the clocks of two replicas differ", -age.Round(time.Second))
	case answer.Has("iss") && answer.Get("iss") != p.cfg.Issuer: // RFC 9207, section 2.4
		return errors.New("the answer is another provider's")
	case answer.Get("error") == "access_denied":
		return fmt.Errorf("%w: the provider says access_denied", ErrDenied)
	case answer.Has("error"):
		return fmt.Errorf("the provider says %q", answer.Get("error"))
	case answer.Get("code") == "":
		return errors.New("the provider sent no code")
	}
	return nil
}

// refusal tells an answer of the provider's from none. The answer's body is not shown: it may repeat what was sent.
func refusal(what string, err error) error {
	var no *oauth2.RetrieveError
	switch {
	case errors.As(err, &no) && no.Response.StatusCode >= 500:
		return fmt.Errorf("%w: %s: status %d", ErrAway, what, no.Response.StatusCode)
	case errors.As(err, &no):
		return fmt.Errorf("%s: the provider says %q, status %d", what, no.ErrorCode, no.Response.StatusCode)
	}
	return fmt.Errorf("%w: %s: %w", ErrAway, what, err)
}

// belongs checks what go-oidc leaves to its caller: that the token is of this attempt, for us, of now, and of this access
// token.
func (p *Provider) belongs(a Attempt, token *oidc.IDToken, access string) error {
	var more struct {
		Party string `json:"azp"`
	}
	if err := token.Claims(&more); err != nil {
		return fmt.Errorf("read its claims: %w", err)
	}
	ahead := token.IssuedAt.Sub(p.cfg.Now())
	switch {
	case subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(a.Nonce)) != 1:
		return errors.New("its nonce is not that of this attempt")
	case len(token.Audience) > 1 && more.Party == "", more.Party != "" && more.Party != p.cfg.ClientID:
		return fmt.Errorf("it is for %q, not for us alone", token.Audience)
	case token.Subject == "":
		return errors.New("it is about nobody")
	case ahead > skew:
		return fmt.Errorf("it was issued %s ahead of now: the provider's clock or ours is wrong", ahead.Round(time.Second))
	case token.IssuedAt.Before(a.Begun.Add(-skew)):
		return fmt.Errorf("it was issued %s before it was asked for: it is an old one, or a clock is wrong", a.Begun.Sub(token.IssuedAt).Round(time.Second))
	}
	if token.AccessTokenHash != "" {
		if err := token.VerifyAccessToken(access); err != nil {
			return fmt.Errorf("it belongs to another access token: %w", err)
		}
	}
	return nil
}

// withQuery adds a parameter to a URL, "" for one that is none.
func withQuery(address, name, value string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}
