package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestBadConfig has serve and config check refuse a configuration that is not in order: with exit code 2, and the place
// where it stands.
func TestBadConfig(t *testing.T) {
	t.Parallel()
	s := raiseBare(t, rules{})
	good := s.writeConfig(0, "{embedded: {dir: ./nats}}")
	if a := run(t, "", "config", "check", good); a.code != 0 {
		t.Fatalf("exit %d: %s", a.code, a.err)
	}
	type broken struct {
		name, file, old, new string
		place                string // FILE:LINE:COLUMN as a pattern
		want                 string
	}
	for _, b := range []broken{
		{"an unknown key", "detour-0.yaml", "telemetry:", "telemetri:", `detour-0\.yaml:6:1`, "telemetri"},
		{"an unknown key below", "detour-0.yaml", "rank: 0", "ranc: 0", `detour-0\.yaml:3:21`, "ranc"},
		{"two documents", "detour-0.yaml", "policy: policy.yaml", "policy: policy.yaml\n---\nmode: live", `detour-0\.yaml:\d+:\d+`, "document"},
		{"a key twice", "detour-0.yaml", "mode: live", "mode: live\nmode: live", `detour-0\.yaml:2:1`, "mode"},
		{"a cycle", "detour-0.yaml", "policy: policy.yaml", "policy: detour-0.yaml", `detour-0\.yaml:9:9`, "cycle"},
		{"an anchor that contains itself", "policy.yaml", "approvals: {", "approvals: &a {x: *a, ", `policy\.yaml:\d+:\d+`, ""},
		{"a missing file", "detour-0.yaml", "topology.yaml", "nowhere.yaml", `detour-0\.yaml:8:11`, "no such file"},
		{"no YAML", "topology.yaml", "links:", "links: [", `topology\.yaml:\d+:\d+`, ""},
		{"a mode that is none", "detour-0.yaml", "mode: live", "mode: alive", `detour-0\.yaml:1:7`, "want dry-run or live"},
		{"no bus", "detour-0.yaml", "nats: {embedded: {dir: ./nats}}", "nats: {}", `detour-0\.yaml:4:`, "embedded"},
		{"a bus that loses writes", "detour-0.yaml", "{embedded: {dir: ./nats}}", `{urls: ["nats://127.0.0.1:4222"]}`, `detour-0\.yaml:4:`, "sync_always"},
		{"a secret in the open", "detour-0.yaml", "{embedded: {dir: ./nats}}", `{urls: ["nats://me:secret@127.0.0.1:4222"], sync_always: true}`, `detour-0\.yaml:4:`, "a secret stands in the URL"},
		{"beyond the ceiling", "policy.yaml", "device: 2", "device: 3", `policy\.yaml:\d+:\d+`, "ceiling"},
		{"a remediation that nobody has", "policy.yaml", "remediation: isis-metric", "remediation: prayer", `policy\.yaml:\d+:\d+`, "prayer"},
		{"parameters that it does not take", "policy.yaml", "style: hard", "style: harder", `policy\.yaml:\d+:\d+`, "harder"},
		{"a duration without unit", "policy.yaml", "margin: " + setMargin.String(), "margin: 500", `policy\.yaml:\d+:\d+`, "500"},
		{"a router that links nothing known", "topology.yaml", "device: dub\n", "device: dubb\n", `topology\.yaml:\d+:\d+`, "dubb"},
		{"a password in the open", "inventory.yaml", "password: file:", "password: ", `inventory\.yaml:\d+:\d+`, "secret"},
		{"a role that may do nothing", "tokens.yaml", "roles: [viewer]", "roles: [spectator]", `tokens\.yaml:\d+:\d+`, "may do nothing"},
	} {
		t.Run(b.name, func(t *testing.T) {
			dir := t.TempDir()
			copyFiles(t, s.dir, dir)
			path := filepath.Join(dir, b.file)
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(raw), b.old) {
				t.Fatalf("%s does not have %q", b.file, b.old)
			}
			if err := os.WriteFile(path, []byte(strings.Replace(string(raw), b.old, b.new, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"config", "check", filepath.Join(dir, "detour-0.yaml")}, {"serve", "--config", filepath.Join(dir, "detour-0.yaml")}} {
				a := run(t, "", args...)
				if a.code != 2 || !strings.Contains(a.err, b.want) || !regexp.MustCompile(b.place).MatchString(a.err) {
					t.Errorf("%s: exit %d, want 2, at %s, with %q:\n%s", args[0], a.code, b.place, b.want, a.err)
				}
			}
			if _, err := os.Stat(filepath.Join(dir, "nats")); err == nil {
				t.Error("it began to run: there is a data directory")
			}
		})
	}
	if a := run(t, "", "serve", "--config", filepath.Join(s.dir, "nowhere.yaml")); a.code != 2 || !strings.Contains(a.err, "nowhere.yaml") {
		t.Errorf("no configuration at all: exit %d, %q", a.code, a.err)
	}
	if a := run(t, "", "serve"); a.code != 2 || !strings.Contains(a.err, "--config") {
		t.Errorf("no configuration named: exit %d, %q", a.code, a.err)
	}
}

func copyFiles(t *testing.T, from, to string) {
	t.Helper()
	list, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range list {
		if !entry.Type().IsRegular() {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(from, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, entry.Name()), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
