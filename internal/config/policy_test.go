package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/config/strict"
)

// TestParsePolicy takes a policy later as Load takes it at the start, and refuses what Load would refuse.
func TestParsePolicy(t *testing.T) {
	dir := example(t)
	c, err := Load(filepath.Join(dir, "detour.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := NewPolicyFile(c.Files.Policy).Read()
	if err != nil {
		t.Fatal(err)
	}
	if c.PolicyBytes != events.DigestBytes(raw) {
		t.Error("it is not told which bytes were read")
	}
	p, err := c.ParsePolicy(raw)
	if err != nil || p.Digest() != c.Policy.Digest() {
		t.Fatalf("the same bytes are another policy: %v", err)
	}
	const rule = "rules: [{name: x, match: {kinds: [link-errors]}, remediation: "
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"a misspelt key", "rulse: []\n", []string{"policy.yaml:1:1: unknown key \"rulse\"", "    1 | rulse: []\n        ^"}},
		{"half of a file", string(raw[:len(raw)/2]) + "\n  - {na", []string{"policy.yaml:"}},
		{"a remediation that nobody has", rule + "pray}]\n", []string{"policy.yaml:1:", "pray"}},
		{"a condition that does not compile", rule + "link-drain, when: 'lnik.name == \"x\"'}]\n", []string{"policy.yaml:1:", "lnik", "^"}},
		{"a link that nobody has", "keep: {never: [lab-a-lab-b-9]}\n", []string{"policy.yaml:1:16: keep.never[0]: \"lab-a-lab-b-9\" is no link"}},
		{"a window of what nobody has", "windows: [{name: w, scope: 'site:attic', every: day, at: '01:00', duration: 1h}]\n", []string{"policy.yaml:1:28: windows[0].scope: nothing of the network is in \"site:attic\""}},
		{"a router that nobody has", "keep: {depends_on: [lab-z]}\n", []string{"policy.yaml:1:21: keep.depends_on[0]: \"lab-z\" is no router"}},
		{"telemetry would be too slow", "clocks: {fresh: 1s}\n", []string{"detour.yaml:", "telemetry.interval: 2s: the policy acts only on what is at most 1s old", "policy.yaml"}},
		{"above the ceiling", "budgets: {in_flight: {device: 3}}\n", []string{"policy.yaml:1:", "ceiling"}},
		{"no text", "\xff\xfe", []string{"not UTF-8"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := c.ParsePolicy([]byte(tt.text))
			if err == nil {
				t.Fatal("it was taken")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("message lacks %q:\n%v", want, err)
				}
			}
			if _, again := c.ParsePolicy([]byte(tt.text)); again == nil || again.Error() != err.Error() {
				t.Errorf("the second time it says:\n%v\nand at first:\n%v", again, err)
			}
			if _, err := c.ParsePolicy(raw); err != nil {
				t.Errorf("what is in order is refused afterwards: %v", err)
			}
		})
	}
}

// TestPolicyFile reads no more than can be parsed.
func TestPolicyFile(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "policy.yaml", "", 0o600)
	if err := os.WriteFile(path, bytes.Repeat([]byte("#"), strict.MaxBytes+100), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewPolicyFile(path).Read(); err == nil || !strings.Contains(err.Error(), "more than 16777216 bytes") {
		t.Errorf("err = %v", err)
	}
	for _, place := range []string{dir, filepath.Join(dir, "none.yaml")} {
		if _, err := NewPolicyFile(place).Read(); err == nil || !strings.Contains(err.Error(), place) {
			t.Errorf("%s: %v", place, err)
		}
	}
}
