// Package client calls a replica's HTTP API. What a call returns is what package api says; what goes wrong is either an
// *api.Problem, which the server said, or an error of reaching it (ErrUnreachable) or of waiting for it (the context's).
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/detour-net/detour/internal/web/api"
)

// ErrUnreachable says that no server answered.
var ErrUnreachable = errors.New("server not reached")

// Config says which server is called, and as whom.
type Config struct {
	Server    string // base URL, for example "https://detour-1:8080"
	TokenFile string // holds the bearer token and nothing else; "" for none
	CAFile    string // PEM file of the authorities that may sign the server's certificate; "" for the system's
	Via       string // the channel that a person uses, for the record: "cli" or "console"
	UserAgent string
}

// Client calls one server. Its methods may be called concurrently.
type Client struct {
	base  *url.URL
	token string
	cfg   Config
	http  *http.Client
}

// maxAnswer bounds an answer that is not a stream, in bytes.
const maxAnswer = 64 << 20

// connectWithin bounds reaching the server.
const connectWithin = 5 * time.Second

// New reads the token and the authorities. Nothing is dialled. Its errors are of the configuration.
func New(c Config) (*Client, error) {
	base, err := url.Parse(c.Server)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, fmt.Errorf("server %q is not a URL such as http://127.0.0.1:8080", c.Server)
	}
	cl := &Client{base: base, cfg: c}
	if c.TokenFile != "" {
		if cl.token, err = readToken(c.TokenFile); err != nil {
			return nil, err
		}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSHandshakeTimeout, transport.ResponseHeaderTimeout = connectWithin, 0
	if c.CAFile != "" {
		if transport.TLSClientConfig, err = authorities(c.CAFile); err != nil {
			return nil, err
		}
	}
	// A redirect could carry the token to another server.
	cl.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return cl, nil
}

func readToken(file string) (string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read token file: %w", err)
	}
	token := strings.TrimSpace(string(raw))
	if token == "" || strings.ContainsAny(token, " \t\r\n") {
		return "", fmt.Errorf("token file %s: want the token and nothing else, on one line", file)
	}
	return token, nil
}

func authorities(file string) (*tls.Config, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("authorities %s: no certificate in PEM form", file)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// Close gives idle connections up.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// send asks and returns the answer if it is one of success; the caller closes its body.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, body any, header http.Header) (*http.Response, error) {
	target, err := url.Parse(strings.TrimSuffix(c.base.String(), "/") + path)
	if err != nil {
		return nil, fmt.Errorf("address of %s: %w", path, err)
	}
	target.RawQuery = query.Encode()
	var payload io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		payload = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, target.String(), payload)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	set := func(name, value string) {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	set("User-Agent", c.cfg.UserAgent)
	set("Detour-Via", c.cfg.Via)
	if body != nil {
		set("Content-Type", "application/json")
	}
	if c.token != "" {
		set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s %s: %w", method, path, ctx.Err())
		}
		return nil, fmt.Errorf("%w at %s: %w", ErrUnreachable, c.base.Redacted(), bare(err))
	}
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, problemIn(resp)
}

// bare strips what http.Client puts in front of an error, which repeats the address.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// problemIn is the problem that an answer carries, or one that says what came instead.
func problemIn(resp *http.Response) error {
	p := &api.Problem{}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err == nil && media == api.ContentTypeProblem && json.Unmarshal(raw, p) == nil {
		return p
	}
	return &api.Problem{
		Type: api.ProblemInternal, Title: "The server answered " + resp.Status, Status: resp.StatusCode,
		Detail: "the answer is not one of Detour's", Remedy: "check the server's address, and what stands between",
	}
}

// call asks and decodes the answer.
func call[T any](ctx context.Context, c *Client, method, path string, query url.Values, body any) (T, error) {
	var answer T
	resp, err := c.send(ctx, method, path, query, body, nil)
	if err != nil {
		return answer, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&answer); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return answer, fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	return answer, nil
}
