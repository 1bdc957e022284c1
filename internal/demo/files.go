package demo

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"github.com/detour-net/detour/internal/backbone"
)

const domain = "demo"

// policyFile has every clock shortened: what takes minutes in production takes seconds here.
var policyFile = template.Must(template.New("policy").Parse(`# The clocks are a demonstration's: far too short for a real network.
rules:
  - name: sick-links
    match: {kinds: [link-errors, link-flap, silent-loss, optical-degrade{{with .Cured}}, {{.}}{{end}}], min_severity: minor}
    remediation: link-drain
    with: {style: soft, settle: 300ms}
    autonomy: {{.Autonomy}}
approvals: {expiry: {{.Expiry}}}
budgets:
{{- range .Budgets}}
  {{.}}
{{- end}}
  rates: [{per: 10m, at_most: 20}]
facts: {unproven: {{if .Prove}}refuse{{else}}allow{{end}}} # in production a router that no canary was run on is refused
clocks:
  set_deadline: 2s
  margin: 1s
  fresh: 2s
  observe_every: 200ms
  verify_within: 6s
  look_every: 300ms
  look_for: 1m
  hold: 4s
  hold_max: 10m
  renew_every: 4s
  clear_for: 2s
  probation: 4s
  cool_down: 1s
  override: 5s
`))

var configFile = template.Must(template.New("config").Parse(`mode: live
domain: {{.Domain}}
replica: {name: {{.Name}}, rank: {{.Rank}}}
nats: {urls: ["{{.Bus}}"], sync_always: true}
listen: {http: "{{.Listen}}"}
telemetry: {interval: 200ms}
inventory: inventory.yaml
topology: topology.yaml
traffic: traffic.csv
policy: policy.yaml
auth: {tokens: "file:tokens.yaml"}
`))

var trafficFile = template.Must(template.New("traffic").Parse(`from,to,bps,class
{{- range .}}
{{.From}},{{.To}},{{.IPv4}},ipv4
{{.From}},{{.To}},{{.IPv6}},ipv6
{{- end}}
`))

// writeFiles writes the configuration as a user would have it.
func (s *stage) writeFiles(o Options, with settings) error {
	routers, err := s.net.Inventory(s.dir)
	if err != nil {
		return err
	}
	var traffic, policy bytes.Buffer
	err = errors.Join(trafficFile.Execute(&traffic, s.net.Traffic()), policyFile.Execute(&policy, with), backbone.WriteFiles(s.dir, routers, s.net.Topology().Links))
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	files := map[string][]byte{
		"traffic.csv": traffic.Bytes(), "policy.yaml": policy.Bytes(), "token": []byte(hex.EncodeToString(random(16))),
		"tokens.yaml": []byte("tokens:\n  - {name: alice, roles: [operator, approver, admin], token: \"file:token\"}\n"),
	}
	for n := range max(1, with.Children) {
		var c bytes.Buffer
		listen := o.Listen
		if n > 0 {
			listen = "127.0.0.1:0"
		}
		err := configFile.Execute(&c, map[string]any{"Domain": domain, "Name": fmt.Sprintf("replica-%d", n), "Rank": n, "Bus": s.server.URL(), "Listen": listen})
		if err != nil {
			return fmt.Errorf("write the configuration: %w", err)
		}
		files[fmt.Sprintf("detour-%d.yaml", n)] = c.Bytes()
	}
	for name, raw := range files {
		if err := os.WriteFile(filepath.Join(s.dir, name), raw, 0o600); err != nil {
			return err
		}
	}
	return nil
}
