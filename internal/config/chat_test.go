package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	chatRest   = "nats: {embedded: {dir: d}}\ninventory: inventory.yaml\ntopology: topology.yaml\npolicy: policy.yaml\n"
	signing    = "0123456789abcdef0123456789abcdef"
	chatPeople = "people:\n  - {name: ines, slack: U012AB3CD, roles: [approver, operator]}\n  - {name: marc, slack: W012, roles: [approver, noc]}\non_call: [marc, ines]\n"
)

// chatExample is the sample configuration with tokens and people for a chat.
func chatExample(t *testing.T) string {
	t.Helper()
	dir := example(t)
	write(t, dir, "app", "xapp-1-secret\n", 0o600)
	write(t, dir, "people.yaml", chatPeople, 0o644)
	t.Setenv("DETOUR_TEST_BOT", "xoxb-secret")
	return dir
}

func TestLoadChat(t *testing.T) {
	dir := chatExample(t)
	c, err := Load(write(t, dir, "c.yaml", "chat:\n  slack: {app_token: 'file:app', bot_token: 'env:DETOUR_TEST_BOT', channel: C012345}\n  people: people.yaml\n"+chatRest, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&Slack{AppToken: "file:app", BotToken: "env:DETOUR_TEST_BOT", Channel: "C012345", API: "https://slack.com/api/"}, c.Slack); diff != "" {
		t.Errorf("slack (-want +got):\n%s", diff)
	}
	if c.Secrets != (SlackSecrets{App: "xapp-1-secret", Bot: "xoxb-secret"}) || c.Files.People != filepath.Join(dir, "people.yaml") {
		t.Errorf("%+v %s", c.Secrets, c.Files.People)
	}
	want := People{
		People: []Member{{Name: "ines", Slack: "U012AB3CD", Roles: []string{"approver", "operator"}}, {Name: "marc", Slack: "W012", Roles: []string{"approver", "noc"}}},
		OnCall: []string{"marc", "ines"},
	}
	if diff := cmp.Diff(want, c.People); diff != "" {
		t.Errorf("people (-want +got):\n%s", diff)
	}
	var text strings.Builder
	for _, s := range c.Describe() {
		text.WriteString(s.Name + "=" + s.Value + " " + string(s.Source) + "\n")
	}
	for _, want := range []string{"chat.slack.channel=C012345 file", "chat.slack.api=https://slack.com/api/ default", "chat.people=2 people, 2 of them on call file"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("described without %q", want)
		}
	}
	if strings.Contains(text.String(), "secret") {
		t.Error("a secret is described")
	}
}

// TestSlackWays: presses come over a socket, by signed HTTP requests, or both.
func TestSlackWays(t *testing.T) {
	for _, c := range []struct {
		keys string
		want SlackSecrets
		said string
	}{
		{"app_token: 'file:app'", SlackSecrets{App: "xapp-1-secret", Bot: "xoxb-secret"}, "presses come over a socket that is opened from here file"},
		{"signing_secret: 'file:signing'", SlackSecrets{Signing: signing, Bot: "xoxb-secret"}, "presses come over signed HTTP requests to /chat/slack file"},
		{"app_token: 'file:app', signing_secret: 'file:signing'", SlackSecrets{App: "xapp-1-secret", Signing: signing, Bot: "xoxb-secret"}, "a socket that is opened from here, and signed"},
	} {
		dir := chatExample(t)
		write(t, dir, "signing", signing+"\n", 0o600)
		got, err := Load(write(t, dir, "c.yaml", "chat: {slack: {"+c.keys+", bot_token: 'env:DETOUR_TEST_BOT', channel: C012}, people: people.yaml}\n"+chatRest, 0o600))
		if err != nil {
			t.Fatal(err)
		}
		if got.Secrets != c.want {
			t.Errorf("%s: %+v", c.keys, got.Secrets)
		}
		var text strings.Builder
		for _, s := range got.Describe() {
			text.WriteString(s.Name + "=" + s.Value + " " + string(s.Source) + "\n")
		}
		if !strings.Contains(text.String(), c.said) || strings.Contains(text.String(), signing) {
			t.Errorf("%s is described without %q, or with the secret:\n%s", c.keys, c.said, &text)
		}
	}
}

func TestLoadChatRefuses(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"empty", "chat: {}", []string{"chat: people is missing", "chat: slack and mattermost are missing"}},
		{"tokens written down", "chat: {slack: {app_token: xapp-1-secret, bot_token: xoxb-secret, channel: C012}, people: people.yaml}",
			[]string{"chat.slack.app_token: a secret is named as file:PATH or env:NAME", "chat.slack.bot_token: a secret is named"}},
		{"tokens confused", "chat: {slack: {app_token: 'env:DETOUR_TEST_BOT', bot_token: 'file:app', channel: C012}, people: people.yaml}",
			[]string{"app_token: it does not begin with xapp-", "bot_token: it does not begin with xoxb-"}},
		{"a token that is not there", "chat: {slack: {app_token: 'env:DETOUR_NOT_SET', bot_token: 'file:none', channel: C012}, people: people.yaml}",
			[]string{"DETOUR_NOT_SET is not set", "none: no such file"}},
		{"a channel's name", "chat: {slack: {app_token: 'file:app', bot_token: 'env:DETOUR_TEST_BOT', channel: '#noc'}, people: people.yaml}", []string{`chat.slack.channel: "#noc": want a channel's id`}},
		{"in clear", "chat: {slack: {app_token: 'file:app', bot_token: 'env:DETOUR_TEST_BOT', channel: C012, api: 'http://slack.example/api/'}, people: people.yaml}", []string{"chat.slack.api: want https"}},
		{"no folder", "chat: {slack: {app_token: 'file:app', bot_token: 'env:DETOUR_TEST_BOT', channel: C012, api: 'https://slack.com/api'}, people: people.yaml}", []string{"ends in /"}},
		{"people that are not there", "chat: {slack: {app_token: 'file:app', bot_token: 'env:DETOUR_TEST_BOT', channel: C012}, people: none.yaml}", []string{"chat.people: ", "none.yaml: no such file"}},
		{"no way in", "chat: {slack: {bot_token: 'env:DETOUR_TEST_BOT', channel: C012}, people: people.yaml}", []string{"chat.slack: give app_token for a socket, or signing_secret"}},
		{"a signing secret of another sort", "chat: {slack: {signing_secret: 'file:app', bot_token: 'env:DETOUR_TEST_BOT', channel: C012}, people: people.yaml}", []string{"chat.slack.signing_secret: it is not 32 of 0-9 and a-f"}},
		{"a signing secret that is not there", "chat: {slack: {signing_secret: 'file:none', bot_token: 'env:DETOUR_TEST_BOT', channel: C012}, people: people.yaml}", []string{"none: no such file"}},
		{"a hand-over at no time", "chat: {handover: {zone: Europe/Berlin}, people: people.yaml}", []string{"chat.handover: at has 0 times"}},
		{"hand-overs at odd times", "chat: {handover: {at: ['6:00', '24:00', '06:00', '06:00', '14.00']}, people: people.yaml}",
			[]string{`chat.handover.at[0]: "6:00"`, `chat.handover.at[1]: "24:00"`, `chat.handover.at[3]: "06:00": want a time of day such as "06:00", each once`, `chat.handover.at[4]: "14.00"`}},
		{"a zone of nowhere", "chat: {handover: {at: ['06:00'], zone: Europe/Nowhere}, people: people.yaml}", []string{`chat.handover.zone: "Europe/Nowhere"`}},
		{"each replica's own zone", "chat: {handover: {at: ['06:00'], zone: Local}, people: people.yaml}", []string{`chat.handover.zone: "Local"`}},
		{"another chat", "chat: {irc: {}}", []string{`unknown key "chat.irc"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(write(t, chatExample(t), "c.yaml", c.text+"\n"+chatRest, 0o600))
			if err == nil {
				t.Fatal("Load took it")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("message lacks %q:\n%v", want, err)
				}
			}
			if strings.Contains(err.Error(), "secret\"") || strings.Contains(err.Error(), "xoxb-secret") || strings.Contains(err.Error(), "xapp-1-secret") {
				t.Errorf("a secret is shown:\n%v", err)
			}
		})
	}
}

func TestPeopleRefuses(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"no name", "people: [{slack: U01, roles: [viewer]}]", "people[0]: name \"\" is missing or given twice"},
		{"name twice", "people: [{name: a, slack: U01, roles: [viewer]}, {name: a, slack: U02, roles: [viewer]}]", `people[1]: name "a" is missing or given twice`},
		{"account twice", "people: [{name: a, slack: U01, roles: [viewer]}, {name: b, slack: U01, roles: [viewer]}]", `people[1]: slack "U01"`},
		{"a display name", "people: [{name: a, slack: ines, roles: [viewer]}]", "want a member id"},
		{"no roles", "people: [{name: a, slack: U01}]", `"a" may do nothing`},
		{"useless roles", "people: [{name: a, slack: U01, roles: [noc]}]", `"a" may do nothing`},
		{"role twice", "people: [{name: a, slack: U01, roles: [viewer, viewer]}]", "people[0].roles[1]"},
		{"on call and nobody", "people: [{name: a, slack: U01, roles: [viewer]}]\non_call: [b]", `on_call[0]: "b" is none of the people`},
		{"on call twice", "people: [{name: a, slack: U01, roles: [viewer]}]\non_call: [a, a]", "on_call[1]"},
		{"unknown key", "poeple: []", `unknown key "poeple"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := NewPeopleFile(write(t, t.TempDir(), "people.yaml", c.text, 0o600)).Read()
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "people.yaml:") || len(p.People) > 0 {
				t.Errorf("%d people, err = %v, want place and %q", len(p.People), err, c.want)
			}
		})
	}
	path := write(t, t.TempDir(), "people.yaml", chatPeople, 0o600)
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := NewPeopleFile(path).Read(); err == nil || !strings.Contains(err.Error(), "may be written by everybody") {
		t.Errorf("a table that everybody may write: %v", err)
	}
	if _, err := NewPeopleFile(filepath.Join(t.TempDir(), "none.yaml")).Read(); err == nil {
		t.Error("a table that is not there was read")
	}
}

// Whoever can link their account at the console need not be known by it beforehand; where nobody can, everybody must.
func TestPeopleWithoutAccounts(t *testing.T) {
	t.Setenv("DETOUR_TEST_BOT", "xoxb-secret")
	const chat = "chat:\n  slack: {app_token: 'file:app', bot_token: 'env:DETOUR_TEST_BOT', channel: C012345}\n  people: people.yaml\n"
	for oidc, want := range map[string]string{
		"":                                  "\"nora\" has no account: give slack, mattermost or both; without auth.oidc nobody can link one",
		"auth:\n oidc:\n" + goodOIDC + "\n": "",
	} {
		dir := example(t)
		write(t, dir, "app", "xapp-1-secret", 0o600)
		write(t, dir, "client", "a secret of the client's\n", 0o600)
		write(t, dir, "people.yaml", "people:\n  - {name: nora, roles: [approver]}\n  - {name: marc, slack: U02, roles: [approver]}\n  - {name: zoe, roles: [viewer]}\n", 0o644)
		c, err := Load(write(t, dir, "c.yaml", chat+oidc+chatRest, 0o600))
		switch {
		case want == "" && (err != nil || len(c.People.People) != 3):
			t.Errorf("%v", err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%v, want %q", err, want)
		}
	}
}
