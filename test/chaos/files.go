package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/network"
)

const domain = "chaos"

// Budgets of the policy: what may stand at once. There are always more sick links than that.
const (
	budgetNetwork = 2
	budgetDevice  = 1
)

// policyFile has seconds where production has minutes, and few incidents that have to wait for a person.
var policyFile = template.Must(template.New("policy").Parse(`rules:
  - name: sick-links
    match: {kinds: [link-errors], min_severity: minor}
    remediation: link-drain
    with: {style: soft, settle: 100ms}
    autonomy: auto
budgets:
  in_flight: {network: {{.Network}}, site: 2, device: {{.Device}}, bundle: 1, site-pair: 2}
  rates: [{per: 1h, at_most: 60}]
max_age: {default: 10m}
future_skew: 30s
breaker: {failed_verifications: 10, within: 1s}
verify: {worst_link_permil: 1000}
cause: {wait: 0s}
facts: {unproven: refuse}
prospect: {missing: refuse, worst_permil: 1000, survive_permil: 2000, new_violations: 1000, loops: allow, worth: 0}
clocks:
  set_deadline: {{.Deadline}}
  margin: {{.Margin}}
  fresh: 6s
  observe_every: 300ms
  verify_within: 20s
  look_every: 150ms
  look_for: 1h
  undo_attempts: 100
  hold: 400ms
  hold_max: 1h
  renew_every: 400ms
  clear_for: 200ms
  probation: 400ms
  cool_down: 2s
  override: 300ms
`))

// How long a Set may take, and what is waited after that before anybody else looks.
const (
	setDeadline = 1500 * time.Millisecond
	setMargin   = 500 * time.Millisecond
)

// configFile is that of one replica. It names every server of the bus, so three copies are kept of each stream.
var configFile = template.Must(template.New("config").Parse(`mode: live
domain: {{.Domain}}
replica: {name: r{{.N}}, rank: {{.N}}}
nats:
  urls: [{{range $n, $url := .URLs}}{{if $n}}, {{end}}"{{$url}}"{{end}}]
  replicas: {{len .URLs}}
  sync_always: true
listen: {http: "127.0.0.1:0"}
telemetry: {interval: 300ms}
inventory: inventory.yaml
topology: topology.yaml
policy: policy.yaml
auth: {tokens: "file:tokens.yaml"}
`))

// tokenFile holds the token of the one person there is.
const tokenFile = "token"

// writeFiles writes what all replicas share.
func (s *site) writeFiles(routers []network.Router) error {
	secret := make([]byte, 16)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	for name, text := range map[string]any{
		tokenFile: hex.EncodeToString(secret), "tokens.yaml": "tokens:\n  - {name: alice, roles: [operator, viewer], token: \"file:" + tokenFile + "\"}\n",
		"policy.yaml": filled{policyFile, map[string]any{"Network": budgetNetwork, "Device": budgetDevice, "Deadline": setDeadline, "Margin": setMargin}},
	} {
		if err := s.write(name, text); err != nil {
			return err
		}
	}
	return backbone.WriteFiles(s.dir, routers, s.net.Topology().Links)
}

// filled is a template with what goes into it.
type filled struct {
	*template.Template
	with any
}

func (s *site) write(name string, what any) error {
	var b bytes.Buffer
	switch w := what.(type) {
	case filled:
		if err := w.Execute(&b, w.with); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	default:
		fmt.Fprint(&b, w)
	}
	return os.WriteFile(s.path(name), b.Bytes(), 0o600)
}

// path is that of a file of the site.
func (s *site) path(name ...string) string {
	return filepath.Join(append([]string{s.dir}, name...)...)
}

// urls puts a scheme before addresses.
func urls(addresses []string) []string {
	return strings.Fields("nats://" + strings.Join(addresses, " nats://"))
}
