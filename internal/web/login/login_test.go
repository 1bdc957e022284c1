package login_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/oauth2-proxy/mockoidc"
	"go.uber.org/goleak"

	"github.com/detour-net/detour/internal/web/login"
	"github.com/detour-net/detour/internal/web/login/logintest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const redirect = "http://127.0.0.1:8080/auth/callback"

// run runs p until the test ends.
func run(t *testing.T, p *login.Provider) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
}

// ready is a provider and a client that knows it.
func ready(t *testing.T, more ...func(*login.Config)) (*logintest.Provider, *login.Provider) {
	t.Helper()
	op := logintest.Start(t)
	c := op.Client(redirect)
	for _, f := range more {
		f(&c)
	}
	p := login.New(c)
	run(t, p)
	logintest.Settle(t, p, "")
	return op, p
}

// signIn goes to the provider as a user, and comes back.
func signIn(t *testing.T, op *logintest.Provider, p *login.Provider, u logintest.User, within time.Duration) (login.Identity, error) {
	t.Helper()
	op.QueueUser(u)
	a, where, err := p.Begin("/", within)
	if err != nil {
		t.Fatal(err)
	}
	return p.Finish(t.Context(), a, logintest.Visit(t, where))
}

var ines = logintest.User{Email: "Ines@Example.net", Groups: []string{"noc", "staff"}}

// bent is Ines with a token that says something else.
func bent(claim string, value any) logintest.User {
	u := ines
	u.Bend = func(c jwt.MapClaims) {
		if c[claim] = value; value == nil {
			delete(c, claim)
		}
	}
	return u
}

func TestSignIn(t *testing.T) {
	op, p := ready(t)
	got, err := signIn(t, op, p, ines, 0)
	if diff := cmp.Diff(login.Identity{Name: "ines@example.net", Roles: []string{"approver", "operator"}}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	q := op.Asked()
	for name, want := range map[string]string{"redirect_uri": redirect, "response_type": "code", "code_challenge_method": "S256", "scope": "openid email groups", "max_age": ""} {
		if q.Get(name) != want {
			t.Errorf("asked with %s %q, want %q", name, q.Get(name), want)
		}
	}
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		was := q.Get(name)
		if _, err := signIn(t, op, p, ines, 0); err != nil {
			t.Fatal(err)
		}
		if was == "" || op.Asked().Get(name) == was {
			t.Errorf("%s %q is used twice", name, was)
		}
	}
}

// Every token that is not for us, not of now, not of this attempt or not the provider's is refused, and so is everybody of whom
// it cannot be told who they are and what they may do.
func TestTokens(t *testing.T) {
	op, p := ready(t)
	us, now := op.ClientID, time.Now()
	for name, c := range map[string]struct {
		user   logintest.User
		within time.Duration
		want   string // "" if they may come in
		denied bool
	}{
		"another nonce":         {user: bent("nonce", "guessed"), want: "nonce"},
		"no nonce":              {user: bent("nonce", nil), want: "nonce"},
		"another audience":      {user: bent("aud", "somebody"), want: "audience"},
		"one audience of two":   {user: bent("aud", []string{us, "somebody"}), want: "not for us alone"},
		"another party":         {user: bent("azp", "somebody"), want: "not for us alone"},
		"our party":             {user: bent("azp", us)},
		"another issuer":        {user: bent("iss", "https://login.example.net"), want: "different provider"},
		"about nobody":          {user: bent("sub", nil), want: "about nobody"},
		"expired":               {user: bent("exp", now.Add(-2*time.Minute).Unix()), want: "expired"},
		"expired by a skew":     {user: bent("exp", now.Add(-20*time.Second).Unix())},
		"issued ahead":          {user: bent("iat", now.Add(3*time.Minute).Unix()), want: "clock"},
		"issued ahead by less":  {user: bent("iat", now.Add(20*time.Second).Unix())},
		"issued before":         {user: bent("iat", now.Add(-3*time.Minute).Unix()), want: "before it was asked for"},
		"not yet":               {user: bent("nbf", now.Add(time.Hour).Unix()), want: "nbf"},
		"another access token":  {user: bent("at_hash", "AAAA"), want: "access token"},
		"address not verified":  {user: bent("email_verified", false), want: "not verified", denied: true},
		"nothing of the sort":   {user: bent("email_verified", nil), want: "not verified", denied: true},
		"verified, as text":     {user: bent("email_verified", "true")},
		"verified by a number":  {user: bent("email_verified", 1), want: "not verified", denied: true},
		"no address":            {user: bent("email", nil), want: `claim "email"`, denied: true},
		"a name with an escape": {user: bent("email", "ines\x1b[31m@example.net"), want: "cannot be anybody's name", denied: true},
		"a name that looks so":  {user: bent("email", "in\u0435s@example.net"), want: "cannot be anybody's name", denied: true},
		"a name of another's":   {user: bent("email", "Local"), want: "cannot be anybody's name", denied: true},
		"no list of groups":     {user: bent("groups", nil), want: `claim "groups"`, denied: true},
		"groups by number":      {user: bent("groups", []int{1}), want: "no list of groups", denied: true},
		"a group as text":       {user: bent("groups", "noc")},
		"no group of ours":      {user: bent("groups", []string{"staff", "Noc"}), want: "none of the groups", denied: true},
		"shown now":             {user: bent("auth_time", now.Unix()), within: time.Minute},
		"shown long ago":        {user: bent("auth_time", now.Add(-3*time.Minute).Unix()), within: time.Minute, want: "too long ago", denied: true},
		"shown in the future":   {user: bent("auth_time", now.Add(time.Hour).Unix()), want: "in the future"},
		"shown nobody says":     {user: ines, within: time.Minute, want: "auth_time", denied: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := signIn(t, op, p, c.user, c.within)
			switch {
			case c.want == "" && err != nil:
				t.Fatal(err)
			case c.want == "":
				if got.Name != "ines@example.net" || len(got.Roles) != 2 {
					t.Errorf("%+v", got)
				}
			case err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, login.ErrDenied) != c.denied || errors.Is(err, login.ErrAway):
				t.Errorf("%+v, %v, want %q, denied %t", got, err, c.want, c.denied)
			}
		})
	}
}

// What comes back with the browser is held against what this browser was sent away with.
func TestAnswers(t *testing.T) {
	op, p := ready(t)
	for name, c := range map[string]struct {
		change func(*login.Attempt, url.Values)
		want   string
	}{
		"forged state":         {func(_ *login.Attempt, q url.Values) { q.Set("state", "forged") }, "not the answer"},
		"no state":             {func(_ *login.Attempt, q url.Values) { q.Del("state") }, "not the answer"},
		"another browser":      {func(a *login.Attempt, _ url.Values) { *a = login.Attempt{} }, "not the answer"},
		"neither":              {func(a *login.Attempt, q url.Values) { *a = login.Attempt{}; q.Del("state") }, "not the answer"},
		"too late":             {func(a *login.Attempt, _ url.Values) { a.Begun = a.Begun.Add(-11 * time.Minute) }, "longer than 10m"},
		"ahead of its time":    {func(a *login.Attempt, _ url.Values) { a.Begun = a.Begun.Add(2 * time.Minute) }, "ahead of now"},
		"another provider's":   {func(_ *login.Attempt, q url.Values) { q.Set("iss", "https://login.example.net") }, "another provider"},
		"refused there":        {func(_ *login.Attempt, q url.Values) { q.Set("error", "access_denied") }, "access_denied"},
		"in trouble":           {func(_ *login.Attempt, q url.Values) { q.Set("error", "<script>") }, `"<script>"`},
		"no code":              {func(_ *login.Attempt, q url.Values) { q.Del("code") }, "no code"},
		"a guessed code":       {func(_ *login.Attempt, q url.Values) { q.Set("code", "guessed") }, "invalid_grant"},
		"without the verifier": {func(a *login.Attempt, _ url.Values) { a.Verifier = strings.Repeat("x", 43) }, "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			op.QueueUser(ines)
			a, where, err := p.Begin("/", 0)
			if err != nil {
				t.Fatal(err)
			}
			back := logintest.Visit(t, where)
			c.change(&a, back)
			if got, err := p.Finish(t.Context(), a, back); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v, %v, want %q", got, err, c.want)
			}
		})
	}
}

// A code counts once.
func TestReplayedCode(t *testing.T) {
	op, p := ready(t)
	op.QueueUser(ines)
	a, where, err := p.Begin("/", 0)
	if err != nil {
		t.Fatal(err)
	}
	back := logintest.Visit(t, where)
	if _, err := p.Finish(t.Context(), a, back); err != nil {
		t.Fatal(err)
	}
	if got, err := p.Finish(t.Context(), a, back); err == nil {
		t.Errorf("it counts again: %+v", got)
	}
}

// Keys that the provider begins to sign with are taken; one that it has never published is not, nor is no signature.
func TestSignatures(t *testing.T) {
	op, p := ready(t)
	if _, err := signIn(t, op, p, ines, 0); err != nil {
		t.Fatal(err)
	}
	was := op.Rotate(t)
	if _, err := signIn(t, op, p, ines, 0); err != nil {
		t.Errorf("after the keys were changed: %v", err)
	}
	claims := func(answer map[string]any) jwt.MapClaims {
		c := jwt.MapClaims{}
		if _, _, err := jwt.NewParser().ParseUnverified(answer["id_token"].(string), c); err != nil {
			t.Error(err)
		}
		return c
	}
	sign := func(method jwt.SigningMethod, key any) func(map[string]any) {
		return func(answer map[string]any) {
			signed, err := jwt.NewWithClaims(method, claims(answer)).SignedString(key)
			if err != nil {
				t.Error(err)
			}
			answer["id_token"] = signed
		}
	}
	for name, change := range map[string]func(map[string]any){
		"none":            sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType),
		"our own secret":  sign(jwt.SigningMethodHS256, []byte(op.ClientSecret)),
		"a key of before": sign(jwt.SigningMethodRS256, was.PrivateKey),
		"no token at all": func(answer map[string]any) { delete(answer, "id_token") },
		"half of one":     func(answer map[string]any) { answer["id_token"] = answer["id_token"].(string)[:20] },
	} {
		t.Run(name, func(t *testing.T) {
			op.Tamper(mockoidc.TokenEndpoint, 0, change)
			if got, err := signIn(t, op, p, ines, 0); err == nil || errors.Is(err, login.ErrAway) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// A provider that is not there at the start is looked for until it is; one that goes away later is said to be away.
func TestAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	op, err := mockoidc.NewServer(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := login.New(login.Config{Issuer: "http://" + addr + mockoidc.IssuerBase, ClientID: op.ClientID, Now: time.Now, Log: (&logintest.Provider{MockOIDC: op}).Client("").Log})
	if _, _, err := p.Begin("/", 0); !errors.Is(err, login.ErrAway) {
		t.Errorf("before it was asked: %v", err)
	}
	if _, err := p.Finish(t.Context(), login.Attempt{}, url.Values{}); !errors.Is(err, login.ErrAway) {
		t.Errorf("before it was asked: %v", err)
	}
	run(t, p)
	logintest.Settle(t, p, "refused")
	if l, err = net.Listen("tcp", addr); err != nil {
		t.Fatal(err)
	}
	there := logintest.StartAt(t, l)
	logintest.Settle(t, p, "")
	there.Tamper(mockoidc.TokenEndpoint, http.StatusServiceUnavailable, nil)
	a, _, err := p.Begin("/", 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Finish(t.Context(), a, url.Values{"state": {a.State}, "code": {"x"}}); !errors.Is(err, login.ErrAway) {
		t.Errorf("it answers 503: %v", err)
	}
}

// Where the provider says where to sign out of it, people are told.
func TestLeave(t *testing.T) {
	if _, p := ready(t); p.Leave() != "" {
		t.Errorf("it says nothing, and yet %s", p.Leave())
	}
	op := logintest.Start(t)
	op.Tamper(mockoidc.DiscoveryEndpoint, 0, func(answer map[string]any) { answer["end_session_endpoint"] = "https://login.example.net/out?x=1" })
	p := login.New(op.Client(redirect))
	run(t, p)
	logintest.Settle(t, p, "")
	u, err := url.Parse(p.Leave())
	if err != nil || u.Host != "login.example.net" || u.Query().Get("client_id") != op.ClientID || u.Query().Get("x") != "1" {
		t.Errorf("%v: %s", err, p.Leave())
	}
}

// The secret goes where the provider wants it, and into no error.
func TestSecretIsNotShown(t *testing.T) {
	op, p := ready(t, func(c *login.Config) { c.Secret = "not-the-secret-of-anybody" })
	_, err := signIn(t, op, p, ines, 0)
	if err == nil || strings.Contains(err.Error(), "not-the-secret") || slices.Contains([]string{""}, err.Error()) {
		t.Errorf("%v", err)
	}
}
