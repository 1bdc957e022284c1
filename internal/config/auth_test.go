package config

import (
	"crypto/sha256"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLoadTokens(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DETOUR_TEST_TOKEN", "sixteen-bytes-of-env")
	write(t, dir, "bob", "sixteen-bytes-of-file\n", 0o600)
	path := write(t, dir, "tokens.yaml", fmt.Sprintf(`tokens:
  - {name: alice, roles: [approver, noc], sha256: %x}
  - {name: bob, roles: [operator], token: "file:bob"}
  - {name: probe, roles: [viewer], token: "env:DETOUR_TEST_TOKEN"}
`, sha256.Sum256([]byte("a"))), 0o640)
	got, err := loadTokens(path)
	if err != nil {
		t.Fatal(err)
	}
	want := []Token{
		{"alice", []string{"approver", "noc"}, sha256.Sum256([]byte("a"))},
		{"bob", []string{"operator"}, sha256.Sum256([]byte("sixteen-bytes-of-file"))},
		{"probe", []string{"viewer"}, sha256.Sum256([]byte("sixteen-bytes-of-env"))},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tokens (-want +got):\n%s", diff)
	}
}

func TestLoadTokensRefuses(t *testing.T) {
	digest := fmt.Sprintf("%x", sha256.Sum256([]byte("a")))
	tests := []struct{ name, text, want string }{
		{"a token written down", "tokens: [{name: a, roles: [viewer], token: super-secret-value}]", "tokens[0]: token of \"a\": a secret is named as file:PATH or env:NAME"},
		{"neither", "tokens: [{name: a, roles: [viewer]}]", "give exactly one of sha256 (hexadecimal) and token"},
		{"both", "tokens: [{name: a, roles: [viewer], token: 'env:X', sha256: " + digest + "}]", "give exactly one of sha256"},
		{"short digest", "tokens: [{name: a, roles: [viewer], sha256: abcd}]", "sha256 wants 64 hexadecimal digits"},
		{"no name", "tokens: [{roles: [viewer], sha256: " + digest + "}]", "is missing or given twice"},
		{"name twice", "tokens:\n  - {name: a, roles: [viewer], sha256: " + digest + "}\n  - {name: a, roles: [viewer], sha256: " + strings.Repeat("0", 64) + "}", `name "a" is missing or given twice`},
		{"secret twice", "tokens:\n  - {name: a, roles: [viewer], sha256: " + digest + "}\n  - {name: b, roles: [viewer], sha256: " + digest + "}", `token of "b": somebody else has the same`},
		{"no roles", "tokens: [{name: a, sha256: " + digest + "}]", `token of "a" has no roles`},
		{"useless roles", "tokens: [{name: a, roles: [noc], sha256: " + digest + "}]", `token of "a" may do nothing`},
		{"variable not set", "tokens: [{name: a, roles: [viewer], token: 'env:DETOUR_NOT_SET'}]", "environment variable DETOUR_NOT_SET is not set"},
		{"unknown key", "tokens: [{name: a, role: viewer}]", "unknown key \"tokens[0].role\""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := loadTokens(write(t, t.TempDir(), "tokens.yaml", tt.text, 0o600))
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "tokens.yaml:") {
				t.Errorf("err = %v, want place and %q", err, tt.want)
			}
		})
	}
}

func TestSecret(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "ok", "s3cret\r\n", 0o600)
	write(t, dir, "empty", "\n", 0o600)
	write(t, dir, "open", "s3cret", 0o644)
	t.Setenv("DETOUR_TEST_SECRET", "from-env")
	tests := []struct{ ref, want, err string }{
		{"file:ok", "s3cret", ""},
		{"env:DETOUR_TEST_SECRET", "from-env", ""},
		{"file:empty", "", "is empty"},
		{"file:none", "", "none"},
		{"env:DETOUR_NOT_SET", "", "is not set"},
		{"s3cret", "", "never written down"},
		{"file:", "", "never written down"},
		{"", "", "never written down"},
	}
	if runtime.GOOS != "windows" {
		tests = append(tests, struct{ ref, want, err string }{"file:open", "", "may be read by everybody (mode 0644): chmod"})
	}
	for _, tt := range tests {
		got, err := Secret(tt.ref, dir)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("Secret(%q) = %q, %v; want %q, %q", tt.ref, got, err, tt.want, tt.err)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("Secret(%q) shows the secret: %v", tt.ref, err)
		}
	}
}

func TestTokensFileIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no modes of this kind")
	}
	path := write(t, t.TempDir(), "tokens.yaml", "tokens: []", 0o600)
	if err := os.Chmod(path, 0o604); err != nil {
		t.Fatal(err)
	}
	if _, err := loadTokens(path); err == nil || !strings.Contains(err.Error(), "chmod") {
		t.Errorf("err = %v", err)
	}
}

// The key of sessions is a secret like any other: named, not written down, and long enough.
func TestSessionKey(t *testing.T) {
	dir := example(t)
	write(t, dir, "key", strings.Repeat("k", 32)+"\n", 0o600)
	write(t, dir, "short", strings.Repeat("k", 31), 0o600)
	write(t, dir, "open", strings.Repeat("k", 32), 0o644)
	const rest = "nats: {embedded: {dir: d}}\ninventory: inventory.yaml\ntopology: topology.yaml\npolicy: policy.yaml\nauth: "
	for auth, want := range map[string]string{
		"{session_key: 'file:key', fresh: 5m}": "",
		"{session_key: 'file:short'}":          "auth.session_key: it is shorter than 32 bytes",
		"{session_key: 'file:open'}":           "may be read by everybody",
		"{session_key: kkkkkkkkkkkkkkkkkkkk}":  "never written down here",
		"{fresh: 30s}":                         "auth.fresh: 30s: want 1m0s to 1h0m0s",
		"{fresh: 2h}":                          "auth.fresh: 2h0m0s: want",
	} {
		c, err := Load(write(t, dir, "detour.yaml", rest+auth+"\n", 0o600))
		switch {
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", auth, err, want)
		case want == "" && err != nil:
			t.Errorf("%s: %v", auth, err)
		case want == "":
			if string(c.SessionKey) != strings.Repeat("k", 32) || c.Auth.Fresh.Std() != 5*time.Minute {
				t.Errorf("%q, %s", c.SessionKey, c.Auth.Fresh)
			}
			for _, s := range c.Describe() {
				if strings.Contains(s.Value, "kkk") {
					t.Errorf("%s shows the key", s.Name)
				}
			}
		}
	}
	c, err := Load(write(t, dir, "detour.yaml", rest+"{}\n", 0o600))
	if err != nil || c.SessionKey != nil || c.Auth.Fresh.Std() != 15*time.Minute {
		t.Errorf("not given: %v, %s, %v", c.SessionKey, c.Auth.Fresh, err)
	}
}
