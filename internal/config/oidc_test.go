package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const goodOIDC = `  issuer: https://login.example.net/realms/noc
  client_id: detour
  client_secret: file:client
  redirect_url: https://detour.example.net/auth/callback
  roles: {noc: [operator, approver], leads: [admin, lead]}
`

func loadOIDC(t *testing.T, section string) (*Config, error) {
	t.Helper()
	dir := example(t)
	write(t, dir, "client", "a secret of the client's\n", 0o600)
	const rest = "nats: {embedded: {dir: d}}\ninventory: inventory.yaml\ntopology: topology.yaml\npolicy: policy.yaml\nauth:\n oidc:\n"
	return Load(write(t, dir, "detour.yaml", rest+section, 0o600))
}

func TestOIDC(t *testing.T) {
	c, err := loadOIDC(t, goodOIDC)
	if err != nil {
		t.Fatal(err)
	}
	want := &OIDC{
		Issuer: "https://login.example.net/realms/noc", ClientID: "detour", ClientSecret: "file:client", RedirectURL: "https://detour.example.net/auth/callback",
		Scopes: []string{"profile", "email"}, Person: "email", Groups: "groups", Roles: map[string][]string{"noc": {"operator", "approver"}, "leads": {"admin", "lead"}},
	}
	if diff := cmp.Diff(want, c.Auth.OIDC); diff != "" || c.LoginSecret != "a secret of the client's" {
		t.Errorf("secret %q (-want +got):\n%s", c.LoginSecret, diff)
	}
	for _, s := range c.Describe() {
		if strings.Contains(s.Value, "of the client's") {
			t.Errorf("%s shows the secret", s.Name)
		}
	}
	if c, err := loadOIDC(t, strings.NewReplacer("https://login.example.net", "http://127.0.0.1:5556", "https://detour.example.net", "http://localhost").Replace(goodOIDC)); err != nil {
		t.Errorf("on this machine: %v, %+v", err, c)
	}
}

func TestOIDCRefuses(t *testing.T) {
	for name, c := range map[string]struct{ old, text, want string }{
		"issuer in clear":        {"https://login", "http://login", "auth.oidc.issuer: want https"},
		"issuer with a query":    {"realms/noc", "realms/noc?x=1", "auth.oidc.issuer: \"https://login.example.net/realms/noc?x=1\": want a URL"},
		"no issuer":              {"issuer: https://login.example.net/realms/noc", "issuer: ''", "auth.oidc.issuer: \"\": want a URL"},
		"redirect in clear":      {"https://detour", "http://detour", "auth.oidc.redirect_url: want https"},
		"redirect elsewhere":     {"/auth/callback", "/auth/callback/", "the console takes people back at /auth/callback"},
		"no client":              {"client_id: detour", "client_id: ''", "client_id is missing"},
		"a secret written down":  {"file:client", "hunter2-hunter2", "auth.oidc.client_secret: a secret is named as file:PATH or env:NAME"},
		"no roles":               {"roles: {noc: [operator, approver], leads: [admin, lead]}", "roles: {}", "roles is missing"},
		"a group without":        {"[operator, approver]", "[lead]", "group \"noc\" may do nothing"},
		"a role twice":           {"[operator, approver]", "[operator, operator]", "group \"noc\" has the role \"operator\""},
		"openid":                 {"client_id:", "scopes: [openid, email]\n  client_id:", "auth.oidc.scopes[0]"},
		"no scope for addresses": {"client_id:", "scopes: [profile]\n  client_id:", "without the scope email"},
		"no claim's name":        {"client_id:", "person: 'e mail'\n  client_id:", "auth.oidc.person: \"e mail\" cannot be"},
		"an unknown key":         {"client_id:", "audience: x\n  client_id:", "unknown key"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(goodOIDC, c.old, c.text, 1)
			if text == goodOIDC {
				t.Fatal("nothing is spoilt")
			}
			if _, err := loadOIDC(t, text); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "detour.yaml:") {
				t.Errorf("%v, want a place and %q", err, c.want)
			} else if strings.Contains(err.Error(), "of the client's") {
				t.Errorf("the secret is shown: %v", err)
			}
		})
	}
}
