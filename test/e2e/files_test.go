package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/chatops/mattermost/mattermosttest"
	"github.com/detour-net/detour/internal/chatops/slack/slacktest"
	"github.com/detour-net/detour/internal/network"
)

const domain = "e2e"

// How long a Set may take, and what is waited after that. They are many times what a Set takes, so that a busy machine is
// not mistaken for a router that does not answer.
const (
	setDeadline = 5 * time.Second
	setMargin   = 2 * time.Second
)

// rules is what a stage's policy departs in from the usual one.
type rules struct {
	Autonomy string            // of soft drains, auto if empty
	Click    bool              // approves soft drains
	Quorum   int               // of approvals, 1 if 0
	Expiry   time.Duration     // of approvals, ten minutes if 0
	InFlight int               // in the network and in each other scope but a router's, 2 if 0
	Mode     string            // live if empty
	MaxAge   time.Duration     // of anomalies, a minute if 0
	Loss     float64           // of sick links, sickness if 0: so much that they are drained at once
	Settle   time.Duration     // of each step of a drain, 100 ms if 0
	Modelled bool              // it is computed what drains do: routers have the same levels and families
	Edge     bool              // the inventory names the edge ports of routers
	Prospect string            // the limits on that, openLimits if empty
	Clocks   map[string]string // in place of the usual ones
}

func (r rules) withDefaults() rules {
	def := func(have *string, or string) {
		if *have == "" {
			*have = or
		}
	}
	def(&r.Autonomy, "auto")
	def(&r.Mode, "live")
	def(&r.Prospect, openLimits)
	if r.Quorum == 0 {
		r.Quorum = 1
	}
	if r.Expiry == 0 {
		r.Expiry = 10 * time.Minute
	}
	if r.InFlight == 0 {
		r.InFlight = 2
	}
	if r.MaxAge == 0 {
		r.MaxAge = time.Minute
	}
	if r.Loss == 0 {
		r.Loss = sickness
	}
	if r.Settle == 0 {
		r.Settle = 100 * time.Millisecond
	}
	clocks := map[string]string{
		"set_deadline": setDeadline.String(), "margin": setMargin.String(), "fresh": "6s", "observe_every": "100ms", "verify_within": "20s", "look_every": "150ms",
		"look_for": "30s", "undo_attempts": "20", "hold": "400ms", "hold_max": "1h", "renew_every": "400ms", "clear_for": "200ms",
		"probation": "400ms", "cool_down": "100ms", "override": "300ms",
	}
	for name, value := range r.Clocks {
		clocks[name] = value
	}
	r.Clocks = clocks
	return r
}

// The limits on what drains do: none, where other things are attacked, and the usual ones of a network with routers that
// hang off by two links.
const (
	openLimits  = "{missing: allow, worst_permil: 1000, survive_permil: 2000, new_violations: 1000, loops: allow, worth: 0}"
	usualLimits = "{missing: refuse, edge: allow, worth: 0}"
)

var policyFile = template.Must(template.New("policy").Parse(`rules:
  - name: soft
    match: {kinds: [link-errors, link-flap, optical-degrade], min_severity: minor}
    remediation: link-drain
    with: {style: soft, settle: {{.Settle}}}
    autonomy: {{.Autonomy}}
    click: {{.Click}}
  - name: hard
    match: {kinds: [silent-loss], min_severity: minor}
    remediation: link-drain
    with: {style: hard, settle: {{.Settle}}}
    autonomy: approve
  - name: nudge
    match: {kinds: [congestion], min_severity: minor}
    remediation: isis-metric
    with: {raise_by: 1000}
    autonomy: {{.Autonomy}}
approvals: {quorum: {{.Quorum}}, roles: [approver], expiry: {{.Expiry}}}
budgets:
  in_flight: {network: {{.InFlight}}, site: {{.InFlight}}, device: 2, bundle: 1, site-pair: {{.InFlight}}}
  rates: [{per: 1h, at_most: 60}]
max_age: {default: {{.MaxAge}}}
future_skew: 2s
breaker: {failed_verifications: 10, within: 1s}
verify: {worst_link_permil: 1000}
cause: {wait: 0s}
facts: {unproven: allow}
prospect: {{.Prospect}}
clocks:
{{- range $name, $value := .Clocks}}
  {{$name}}: {{$value}}
{{- end}}
`))

// tokens are the people: what they may do, and on whose behalf tests call.
var people = map[string]string{
	"alice": "operator, approver, admin", "bob": "operator, approver", "dave": "approver", "oscar": "operator", "carol": "viewer",
}

// writeFiles writes what all replicas share.
func (s *stage) writeFiles() {
	s.t.Helper()
	s.describe(s.net.Topology().Links)
	traffic := "from,to,bps\n"
	for _, d := range s.net.Traffic() {
		traffic += fmt.Sprintf("%s,%s,%d\n", d.From, d.To, d.IPv4+d.IPv6)
	}
	s.write("traffic.csv", traffic)
	s.write("policy.yaml", fill(s.t, policyFile, s.rules))
	var tokens strings.Builder
	tokens.WriteString("tokens:\n")
	for name, roles := range people {
		secret := make([]byte, 16)
		if _, err := rand.Read(secret); err != nil {
			s.t.Fatal(err)
		}
		s.write("token-"+name, hex.EncodeToString(secret))
		fmt.Fprintf(&tokens, "  - {name: %s, roles: [%s], token: \"file:token-%s\"}\n", name, roles, name)
	}
	s.write("tokens.yaml", tokens.String())
	s.write("people.yaml", chatPeople)
	s.write("slack-app", slacktest.AppToken)
	s.write("slack-bot", slacktest.BotToken)
	s.write("slack-signing", slacktest.Signing)
	s.write("mattermost-bot", mattermosttest.Token)
	s.write("mattermost-secret", strings.Repeat("s", 32))
}

// describe writes the inventory, and a topology of these links.
func (s *stage) describe(links []network.Link) {
	s.t.Helper()
	if err := backbone.WriteFiles(s.dir, s.routers, links); err != nil {
		s.t.Fatal(err)
	}
}

// chats is the configuration of the chats.
func (s *stage) chats() string {
	var chats []string
	if s.slack != nil {
		in := "app_token: 'file:slack-app'"
		if s.signed {
			in = "signing_secret: 'file:slack-signing'"
		}
		chats = append(chats, fmt.Sprintf("slack: {%s, bot_token: 'file:slack-bot', channel: %s, api: %q}", in, slacktest.Channel, s.slack.URL()))
	}
	if s.mattermost != nil {
		chats = append(chats, fmt.Sprintf("mattermost: {url: %q, token: 'file:mattermost-bot', channel: %s, secret: 'file:mattermost-secret', callback: %q}",
			s.mattermost.URL(), mattermosttest.Channel, s.balance()))
	}
	if chats == nil {
		return ""
	}
	if s.rota != "" {
		s.write("rota.yaml", s.rota)
		chats = append(chats, "on_call: [{rota: rota.yaml}]")
	}
	if s.shift != "" {
		chats = append(chats, fmt.Sprintf("handover: {at: [%q]}", s.shift))
	}
	return "chat: {" + strings.Join(append(chats, "people: people.yaml"), ", ") + "}\n"
}

// writeConfig writes the configuration of replica n with a bus section, and returns its path.
func (s *stage) writeConfig(n int, nats string) string {
	s.t.Helper()
	more := ""
	if s.rules.Modelled {
		more += "traffic: traffic.csv\n"
	}
	if s.collector != "" {
		more += fmt.Sprintf("traces: {otlp: %q}\n", s.collector)
	}
	more += s.chats() + s.notify() + s.audit
	return s.write(fmt.Sprintf("detour-%d.yaml", n), fmt.Sprintf(`mode: %s
domain: %s
replica: {name: r%d, rank: %d}
nats: %s
listen: {http: "127.0.0.1:0"}
telemetry: {interval: 100ms}
inventory: inventory.yaml
topology: topology.yaml
policy: policy.yaml
auth: {tokens: "file:tokens.yaml"%s}
%s`, s.rules.Mode, domain, n, n, nats, s.oidc(), more))
}

func (s *stage) write(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

func fill(t testing.TB, tmpl *template.Template, with any) string {
	t.Helper()
	var b bytes.Buffer
	if err := tmpl.Execute(&b, with); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
