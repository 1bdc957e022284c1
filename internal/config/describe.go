package config

import (
	"fmt"
	"strings"

	"github.com/detour-net/detour/policy"
)

// Setting is one line of Describe.
type Setting struct {
	policy.Limit
	Changes Changes `json:"changes_by"`
}

// Changes is how another value takes effect on a replica that runs.
type Changes string

// How values change.
const (
	BySaving  Changes = "saving it"      // the file is looked at once a second, or on SIGHUP
	ByRestart Changes = "a restart"      // it is read at the start alone
	ByUpgrade Changes = "another binary" // nothing that anybody writes changes it
)

// Describe lists every setting and every limit in force, the policy's and the binary's ceiling included, each with where it
// comes from and how it changes. It shows no secret.
func (c *Config) Describe() []Setting {
	var list []Setting
	add := func(name string, value any) {
		source := policy.FromDefault
		if c.doc.Has(name) {
			source = policy.FromFile
		}
		list = append(list, Setting{policy.Limit{Name: name, Value: fmt.Sprint(value), Source: source}, ByRestart})
	}
	add("mode", c.Mode)
	add("domain", c.Domain)
	add("replica.name", c.Replica.Name)
	add("replica.rank", c.Replica.Rank)
	if e := c.NATS.Embedded; e != nil {
		add("nats.embedded.dir", e.Dir)
		add("nats.embedded.port", e.Port)
	} else {
		add("nats.urls", strings.Join(c.NATS.URLs, ", "))
		for _, way := range [][2]string{{"nats.credentials", c.NATS.Credentials}, {"nats.nkey", c.NATS.NKey}, {"nats.user", c.NATS.User}} {
			if way[1] != "" {
				add(way[0], way[1])
			}
		}
		add("nats.sync_always", c.NATS.SyncAlways)
		add("nats.replicas", c.NATS.Replicas)
		add("nats.streams", c.NATS.Streams)
		if c.NATS.APIPrefix != "" {
			add("nats.api_prefix", c.NATS.APIPrefix)
		}
	}
	add("listen.http", c.Listen.HTTP)
	add("listen.tls", c.Listen.TLS != nil)
	if c.Listen.Admin != "" {
		add("listen.admin", c.Listen.Admin)
	}
	add("auth.tokens", fmt.Sprintf("%d tokens", len(c.Tokens)))
	if c.SessionKey == nil {
		add("auth.session_key", "none: sessions at the console are of one replica")
	} else {
		add("auth.session_key", fmt.Sprintf("%d bytes", len(c.SessionKey)))
	}
	add("auth.fresh", c.Auth.Fresh)
	add("auth.oidc", c.Auth.OIDC.describe())
	c.describeChats(add)
	c.describeNotify(add)
	c.describeCheckpoints(add)
	add("telemetry.interval", c.Telemetry.Interval)
	add("log.level", c.Log.Level)
	if c.Traces.OTLP != "" {
		add("traces.otlp", c.Traces.OTLP)
	}
	add("inventory", fmt.Sprintf("%d routers", len(c.Network.Routers)))
	add("topology", fmt.Sprintf("%d links", len(c.Network.Links)))
	if c.Files.Traffic == "" {
		add("traffic", "none: what a drain does is bounded by the loads of links")
	} else {
		add("traffic", fmt.Sprintf("%d demands, %d bit/s", len(c.Traffic.Demands), c.Traffic.Total()))
	}
	add("policy", fmt.Sprintf("%d rules, digest %s", len(c.Policy.Rules()), c.Policy.Digest().Short()))
	for _, l := range c.Policy.Limits() {
		changes := BySaving
		if l.Source == policy.Compiled {
			changes = ByUpgrade
		}
		list = append(list, Setting{l, changes})
	}
	return list
}

// describeChats lists what is in force of the chats.
func (c *Config) describeChats(add func(name string, value any)) {
	if c.Slack == nil && c.Mattermost == nil {
		add("chat", "none: people decide at the command line or by the API")
		return
	}
	if c.Slack != nil {
		add("chat.slack.channel", c.Slack.Channel)
		add("chat.slack.api", c.Slack.API)
		add("chat.slack", "presses come over "+c.Secrets.Ways())
	}
	if m := c.Mattermost; m != nil {
		add("chat.mattermost.url", m.URL)
		add("chat.mattermost.channel", m.Channel)
		add("chat.mattermost.callback", m.Callback)
		what := "presses come to "
		if m.Command != "" {
			what = "presses and commands come to "
		}
		add("chat.mattermost", what+m.Callback+MattermostPath)
	}
	add("chat.handover", c.Handover)
	for n, o := range c.OnCall {
		add(index("chat.on_call", n), o.Describe())
	}
	add("chat.people", fmt.Sprintf("%d people, %d of them on call", len(c.People.People), len(c.People.OnCall)))
}
