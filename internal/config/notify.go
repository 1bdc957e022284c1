package config

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/detour-net/detour/internal/notify"
	"github.com/detour-net/detour/internal/notify/pagerduty"
)

// Notify says who is told of incidents, without being able to answer.
type Notify struct {
	Console   string     `yaml:"console"` // where people reach the console, without a slash at its end
	PagerDuty *PagerDuty `yaml:"pagerduty"`
	Teams     *Teams     `yaml:"teams"`
}

// When says of which situations somebody is told, and how badly each is.
type When map[notify.Situation]notify.Severity

// PagerDuty is one service there.
type PagerDuty struct {
	RoutingKey string `yaml:"routing_key"` // file:PATH or env:NAME of its integration key
	URL        string `yaml:"url"`         // default pagerduty.Address
	When       When   `yaml:"when"`        // default WhenDefault
}

// Teams is one channel there.
type Teams struct {
	Webhook string `yaml:"webhook"` // file:PATH or env:NAME of the workflow's address
	When    When   `yaml:"when"`    // default WhenDefault
}

// WhenDefault is of what somebody is told unless the configuration says otherwise.
func WhenDefault() When {
	return When{notify.Asking: notify.Own, notify.Stuck: notify.Critical, notify.Failed: notify.Warning, notify.Frozen: notify.Warning}
}

// String lists the situations in their order.
func (w When) String() string {
	var list []string
	for _, s := range notify.Situations() {
		if severity, ok := w[s]; ok {
			list = append(list, fmt.Sprintf("%s: %s", s, severity))
		}
	}
	return strings.Join(list, ", ")
}

// NotifySecrets are the key and the address themselves, "" for none. They are printed nowhere.
type NotifySecrets struct{ RoutingKey, Webhook string }

// notify checks the section and reads its secrets.
func (s section) notify(n *Notify) (secrets NotifySecrets) {
	if n == nil {
		return secrets
	}
	s.base("notify.console", n.Console, "sessions at the console would cross the network in clear")
	if n.PagerDuty == nil && n.Teams == nil {
		s.bad("notify", "pagerduty and teams are missing: name at least one of them, or leave notify out")
	}
	if p := n.PagerDuty; p != nil {
		if p.URL == "" {
			p.URL = pagerduty.Address
		}
		s.base("notify.pagerduty.url", p.URL, "the routing key would cross the network in clear")
		p.When = s.when("notify.pagerduty.when", p.When)
		secrets.RoutingKey = s.secret("notify.pagerduty.routing_key", p.RoutingKey, 1)
		if secrets.RoutingKey != "" && !regexp.MustCompile(`^[0-9A-Za-z]{32}$`).MatchString(secrets.RoutingKey) {
			s.bad("notify.pagerduty.routing_key", "it is not 32 letters and digits: it is another sort of key")
		}
	}
	if t := n.Teams; t != nil {
		t.When = s.when("notify.teams.when", t.When)
		secrets.Webhook = s.secret("notify.teams.webhook", t.Webhook, 1)
		if secrets.Webhook != "" && !addressable(secrets.Webhook) {
			s.bad("notify.teams.webhook", "what it names is no https address: Teams shows it when the workflow is made")
		}
	}
	return secrets
}

// when checks what is told, and puts the default in the place of nothing.
func (s section) when(key string, w When) When {
	if len(w) == 0 {
		return WhenDefault()
	}
	for _, situation := range slices.Sorted(maps.Keys(w)) {
		at := key + "." + string(situation)
		if !slices.Contains(notify.Situations(), situation) {
			s.bad(at, "%q is no situation; want one of %v", situation, notify.Situations())
		}
		if !slices.Contains(notify.Severities(), w[situation]) {
			s.bad(at, "%q: want one of %v; own is the incident's", w[situation], notify.Severities())
		}
		if situation == notify.Frozen && w[situation] == notify.Own {
			s.bad(at, "own is an incident's severity, and a freeze is of none")
		}
	}
	return w
}

// addressable reports whether a secret is an address that can be asked without showing it to the network.
func addressable(secret string) bool {
	u, err := url.Parse(secret)
	return err == nil && u.Host != "" && u.User == nil && (u.Scheme == "https" || u.Scheme == "http" && Listen{HTTP: u.Host}.Local())
}

// describeNotify lists what is in force of the notifications.
func (c *Config) describeNotify(add func(name string, value any)) {
	n := c.Notify
	if n == nil {
		add("notify", "none: nobody is called")
		return
	}
	add("notify.console", n.Console)
	if n.PagerDuty != nil {
		add("notify.pagerduty.url", n.PagerDuty.URL)
		add("notify.pagerduty.when", n.PagerDuty.When)
	}
	if n.Teams != nil {
		add("notify.teams.when", n.Teams.When)
	}
}
