package config

import (
	"crypto/rand"
	"path/filepath"
	"strings"
	"testing"

	"github.com/detour-net/detour/internal/ledger/checkpoint"
)

const checkpointsGood = "checkpoints: {key: 'file:a.key', next: {key: 'file:b.key', from: 2000}, every: 1m, file: notes, http: {url: 'https://store.example.net/b', s3: {region: r, access_key: me, secret_key: 'file:word'}}, nats: {urls: ['nats://elsewhere:4222'], user: detour, password: 'file:word'}}"

// checkpointsExample is the sample configuration with keys.
func checkpointsExample(t *testing.T) string {
	t.Helper()
	dir := example(t)
	for name, domain := range map[string]string{"a.key": "default", "b.key": "default", "west.key": "west"} {
		key, _, err := checkpoint.NewKey(rand.Reader, domain)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, name, key+"\n", 0o600)
	}
	write(t, dir, "word", "hidden\n", 0o600)
	return dir
}

func TestLoadCheckpoints(t *testing.T) {
	dir := checkpointsExample(t)
	c, err := Load(write(t, dir, "c.yaml", checkpointsGood+"\n"+chatRest, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	if s := c.Signing; s.Signer == nil || s.Signer.Next == nil || s.Signer.Next.From != 2000 || s.Trusted.Domain() != "default" || s.SecretKey != "hidden" || s.NATS.Password != "hidden" {
		t.Errorf("%+v", s)
	}
	if c.Checkpoints.File != filepath.Join(dir, "notes") {
		t.Errorf("file %s", c.Checkpoints.File)
	}
	var text strings.Builder
	for _, s := range c.Describe() {
		text.WriteString(s.Name + "=" + s.Value + " " + string(s.Source) + "\n")
	}
	for _, want := range []string{
		"checkpoints.every=1m0s file", "checkpoints.next.from=2000 file", "checkpoints.http.url=https://store.example.net/b file", "checkpoints.nats.urls=nats://elsewhere:4222 file",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("described without %q:\n%s", want, text.String())
		}
	}
	if strings.Contains(text.String(), "hidden") || strings.Contains(text.String(), "PRIVATE") {
		t.Error("a secret is described")
	}
	c, err = Load(write(t, dir, "c.yaml", "checkpoints: {key: 'file:a.key', file: /x/notes}\n"+chatRest, 0o600))
	if err != nil || c.Checkpoints.Every.String() != "5m0s" || c.Checkpoints.File != "/x/notes" || c.Signing.Signer.Next != nil {
		t.Errorf("the least: %+v, %v", c, err)
	}
}

func TestLoadCheckpointsRefuses(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"nowhere", checkpointsGood, "checkpoints: {key: 'file:a.key'}", "checkpoints: file, http and nats are missing"},
		{"no key", "key: 'file:a.key', ", "", "checkpoints.key: a secret is named"},
		{"a key written down", "'file:a.key'", "PRIVATE+KEY", "checkpoints.key: a secret is named as file:PATH or env:NAME"},
		{"no key at all", "file:a.key", "file:word", "checkpoints.key: it is no key"},
		{"another domain's key", "file:a.key", "file:west.key", "checkpoints.key: the key is one for detour.v1.ledger.west, want one for detour.v1.ledger.default"},
		{"another domain's next key", "file:b.key", "file:west.key", "checkpoints.key: the next key"},
		{"a next key from nowhere on", ", from: 2000", "", "checkpoints.next.from: want the position"},
		{"too often", "every: 1m", "every: 10ms", "checkpoints.every: 10ms: want 1s to 24h"},
		{"a store in clear", "https://store", "http://store", "checkpoints.http.url: want https"},
		{"a query", "example.net/b", "example.net/b?x=1", "checkpoints.http.url"},
		{"two ways to sign", "http: {", "http: {bearer: 'file:word', ", "checkpoints.http.s3: want region"},
		{"no region", "region: r, ", "", "checkpoints.http.s3: want region"},
		{"no servers", "urls: ['nats://elsewhere:4222'], ", "", "checkpoints.nats: urls is missing"},
		{"a server by another name", "nats://elsewhere", "http://elsewhere", "checkpoints.nats.urls[0]: want a URL"},
		{"a password in the URL", "nats://elsewhere", "nats://a:hidden@elsewhere", "use checkpoints.nats.credentials"},
		{"two identities", "user: detour", "nkey: 'file:word', user: detour", "checkpoints.nats: credentials, nkey and user exclude each other"},
		{"an unknown key", "every: 1m", "each: 1m", `unknown key "checkpoints.each"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(checkpointsGood, c.old, c.new, 1)
			_, err := Load(write(t, checkpointsExample(t), "c.yaml", text+"\n"+chatRest, 0o600))
			if text == checkpointsGood || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("err = %v, want %q", err, c.want)
			}
		})
	}
}
