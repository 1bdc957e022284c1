package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/internal/notify"
)

const notifyGood = "notify: {console: 'https://detour.example.net', pagerduty: {routing_key: 'file:pd', when: {stuck: critical, asking: own}}, teams: {webhook: 'file:hook'}}"

// notifyExample is the sample configuration with the secrets of notifications.
func notifyExample(t *testing.T) string {
	t.Helper()
	dir := example(t)
	write(t, dir, "pd", "0123456789abcdef0123456789ABCDEF\n", 0o600)
	write(t, dir, "hook", "https://prod.example.com/workflows/1?sig=secret\n", 0o600)
	write(t, dir, "short", "secret\n", 0o600)
	write(t, dir, "clear", "http://prod.example.com/workflows/1?sig=secret\n", 0o600)
	return dir
}

func TestLoadNotify(t *testing.T) {
	c, err := Load(write(t, notifyExample(t), "c.yaml", notifyGood+"\n"+chatRest, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	want := &Notify{
		Console:   "https://detour.example.net",
		PagerDuty: &PagerDuty{RoutingKey: "file:pd", URL: "https://events.pagerduty.com/v2/enqueue", When: When{notify.Stuck: notify.Critical, notify.Asking: notify.Own}},
		Teams:     &Teams{Webhook: "file:hook", When: When{notify.Stuck: notify.Critical, notify.Asking: notify.Own, notify.Failed: notify.Warning, notify.Frozen: notify.Warning}},
	}
	if diff := cmp.Diff(want, c.Notify); diff != "" {
		t.Errorf("notify (-want +got):\n%s", diff)
	}
	if c.NotifySecrets != (NotifySecrets{RoutingKey: "0123456789abcdef0123456789ABCDEF", Webhook: "https://prod.example.com/workflows/1?sig=secret"}) {
		t.Errorf("%+v", c.NotifySecrets)
	}
	var text strings.Builder
	for _, s := range c.Describe() {
		text.WriteString(s.Name + "=" + s.Value + " " + string(s.Source) + "\n")
	}
	for _, want := range []string{
		"notify.console=https://detour.example.net file", "notify.pagerduty.url=https://events.pagerduty.com/v2/enqueue default",
		"notify.pagerduty.when=asking: own, stuck: critical file", "notify.teams.when=asking: own, stuck: critical, failed: warning, frozen: warning default",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("described without %q:\n%s", want, text.String())
		}
	}
	if strings.Contains(text.String(), "secret") || strings.Contains(text.String(), "abcdef") {
		t.Error("a secret is described")
	}
	c, err = Load(write(t, notifyExample(t), "c.yaml", chatRest, 0o600))
	if err != nil || c.Notify != nil || c.NotifySecrets != (NotifySecrets{}) {
		t.Errorf("without: %+v %v", c.Notify, err)
	}
}

func TestLoadNotifyRefuses(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"nobody", notifyGood, "notify: {console: 'https://detour.example.net'}", "notify: pagerduty and teams are missing"},
		{"no console", "console: 'https://detour.example.net', ", "", `notify.console: "": want a URL`},
		{"a console in clear", "https://detour", "http://detour", "notify.console: want https: sessions at the console would cross the network in clear"},
		{"a key written down", "'file:pd'", "0123456789abcdef0123456789abcdef", "notify.pagerduty.routing_key: a secret is named as file:PATH or env:NAME"},
		{"another sort of key", "file:pd", "file:short", "notify.pagerduty.routing_key: it is not 32 letters and digits"},
		{"no key", "routing_key: 'file:pd', ", "", "notify.pagerduty.routing_key: a secret is named"},
		{"PagerDuty in clear", "routing_key", "url: 'http://events.example.com/v2', routing_key", "notify.pagerduty.url: want https"},
		{"no webhook", "webhook: 'file:hook'", "", "notify.teams.webhook: a secret is named"},
		{"a webhook that is none", "file:hook", "file:short", "notify.teams.webhook: what it names is no https address"},
		{"a webhook in clear", "file:hook", "file:clear", "notify.teams.webhook: what it names is no https address"},
		{"another situation", "stuck: critical", "stucked: critical", `notify.pagerduty.when.stucked: "stucked" is no situation; want one of [asking waiting acting stuck failed frozen]`},
		{"another severity", "stuck: critical", "stuck: major", `notify.pagerduty.when.stuck: "major": want one of [critical error warning info own]`},
		{"a freeze's own severity", "stuck: critical", "frozen: own", "notify.pagerduty.when.frozen: own is an incident's severity"},
		{"an unknown key", "teams: {", "teams: {channel: x, ", `unknown key "notify.teams.channel"`},
		{"another channel", "teams: {", "mail: {", `unknown key "notify.mail"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(notifyGood, c.old, c.new, 1)
			_, err := Load(write(t, notifyExample(t), "c.yaml", text+"\n"+chatRest, 0o600))
			if text == notifyGood || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("err = %v, want %q", err, c.want)
			}
			if strings.Contains(err.Error(), "sig=secret") || strings.Contains(err.Error(), "it has 6") {
				t.Errorf("a secret is shown:\n%v", err)
			}
		})
	}
}
