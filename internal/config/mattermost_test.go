package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	mattermostChannel = "channel2ab3cd4ef5gh6ij7kl8"
	mattermostAccount = "account2ab3cd4ef5gh6ij7kl8"
)

// mattermostExample is the sample configuration with what a Mattermost needs beside it.
func mattermostExample(t *testing.T) string {
	t.Helper()
	dir := chatExample(t)
	write(t, dir, "bot", "bot-secret\n", 0o600)
	write(t, dir, "own", strings.Repeat("k", minSecret)+"\n", 0o600)
	write(t, dir, "short", "a-short-secret\n", 0o600)
	write(t, dir, "spaced", "spaced secret "+strings.Repeat("k", minSecret)+"\n", 0o600)
	write(t, dir, "people.yaml", "people: [{name: ines, mattermost: "+mattermostAccount+", roles: [approver]}, {name: marc, slack: U012, mattermost: marc2ab3cd4ef5gh6ij7kl8mn9, roles: [viewer]}]\n", 0o644)
	return dir
}

const mattermostGood = "chat: {mattermost: {url: 'https://chat.example.net/mm', token: 'file:bot', channel: " + mattermostChannel + ", secret: 'file:own', callback: 'https://detour.example.net'}, people: people.yaml}"

func TestLoadMattermost(t *testing.T) {
	c, err := Load(write(t, mattermostExample(t), "c.yaml", mattermostGood+"\n"+chatRest, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	want := &Mattermost{URL: "https://chat.example.net/mm", Token: "file:bot", Channel: mattermostChannel, Secret: "file:own", Callback: "https://detour.example.net"}
	if diff := cmp.Diff(want, c.Mattermost); diff != "" || c.Slack != nil {
		t.Errorf("slack %v, mattermost (-want +got):\n%s", c.Slack, diff)
	}
	if c.MattermostSecrets != (MattermostSecrets{Token: "bot-secret", Secret: strings.Repeat("k", minSecret)}) || c.People.People[0].Mattermost != mattermostAccount {
		t.Errorf("%+v %+v", c.MattermostSecrets, c.People)
	}
	var text strings.Builder
	for _, s := range c.Describe() {
		text.WriteString(s.Name + "=" + s.Value + " " + string(s.Source) + "\n")
	}
	for _, want := range []string{
		"chat.mattermost.channel=" + mattermostChannel + " file", "chat.mattermost.url=https://chat.example.net/mm file",
		"chat.mattermost=presses come to https://detour.example.net/chat/mattermost file", "chat.people=2 people, 0 of them on call file",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("described without %q", want)
		}
	}
	if strings.Contains(text.String(), "secret") || strings.Contains(text.String(), "kkkk") || strings.Contains(text.String(), "chat.slack") {
		t.Errorf("described:\n%s", text.String())
	}
}

// TestLoadMattermostCommand: the token of a command is read from where it is, and is not shown.
func TestLoadMattermostCommand(t *testing.T) {
	dir := mattermostExample(t)
	write(t, dir, "command", "tiptop\n", 0o600)
	for name, want := range map[string]string{"file:command": "", "file:spaced": "it has spaces or line ends in it", "file:nowhere": "chat.mattermost.command_token"} {
		c, err := Load(write(t, dir, "c.yaml", strings.Replace(mattermostGood, "callback:", "command_token: '"+name+"', callback:", 1)+"\n"+chatRest, 0o600))
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for _, s := range c.Describe() {
			text.WriteString(s.Name + "=" + s.Value + "\n")
		}
		if c.MattermostSecrets.Command != "tiptop" || !strings.Contains(text.String(), "presses and commands come to https://detour.example.net") || strings.Contains(text.String(), "tiptop") {
			t.Errorf("%+v\n%s", c.MattermostSecrets, text.String())
		}
	}
}

func TestLoadBothChats(t *testing.T) {
	both := strings.Replace(mattermostGood, "chat: {", "chat: {slack: {app_token: 'file:app', bot_token: 'env:DETOUR_TEST_BOT', channel: C012}, ", 1)
	c, err := Load(write(t, mattermostExample(t), "c.yaml", both+"\n"+chatRest, 0o600))
	if err != nil || c.Slack == nil || c.Mattermost == nil || c.Secrets.App == "" || c.MattermostSecrets.Token == "" {
		t.Errorf("%+v %v", c, err)
	}
}

func TestLoadMattermostRefuses(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"no url", "url: 'https://chat.example.net/mm', ", "", `chat.mattermost.url: "": want a URL`},
		{"a slash too many", "net/mm'", "net/mm/'", "chat.mattermost.url: \"https://chat.example.net/mm/\": want a URL that does not end in /"},
		{"a query", "net/mm'", "net/mm?x=1'", "chat.mattermost.url"},
		{"a password in it", "https://chat", "https://u:secret@chat", "chat.mattermost.url"},
		{"in clear", "https://chat", "http://chat", "chat.mattermost.url: want https: the token would cross the network in clear"},
		{"presses in clear", "https://detour", "http://detour", "chat.mattermost.callback: want https: what is pressed would cross the network in clear"},
		{"no callback", ", callback: 'https://detour.example.net'", "", `chat.mattermost.callback: "": want a URL`},
		{"a channel's name", mattermostChannel, "town-square", `chat.mattermost.channel: "town-square": want a channel's id`},
		{"a token written down", "'file:bot'", "bot-secret", "chat.mattermost.token: a secret is named as file:PATH or env:NAME"},
		{"no secret", ", secret: 'file:own'", "", "chat.mattermost.secret: a secret is named"},
		{"a short secret", "file:own", "file:short", "chat.mattermost.secret: it has 14 characters, want at least 32"},
		{"a secret with spaces", "file:own", "file:spaced", "chat.mattermost.secret: it has spaces or line ends in it"},
		{"an unknown key", "{url:", "{team: x, url:", `unknown key "chat.mattermost.team"`},
		{"nobody", ", people: people.yaml", "", "chat: people is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(mattermostGood, c.old, c.new, 1)
			_, err := Load(write(t, mattermostExample(t), "c.yaml", text+"\n"+chatRest, 0o600))
			if text == mattermostGood || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("err = %v, want %q", err, c.want)
			}
			if strings.Contains(err.Error(), "spaced secret") || strings.Contains(err.Error(), "a-short-secret") || strings.Contains(err.Error(), "u:secret") {
				t.Errorf("a secret is shown:\n%v", err)
			}
		})
	}
}

func TestPeopleOfTwoChats(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a username", "people: [{name: a, mattermost: ines, roles: [viewer]}]", `mattermost "ines": want a user id`},
		{"account twice", "people: [{name: a, mattermost: " + mattermostAccount + ", roles: [viewer]}, {name: b, mattermost: " + mattermostAccount + ", roles: [viewer]}]", "people[1]: mattermost"},
		{"a good and a bad one", "people: [{name: a, slack: U012, mattermost: x, roles: [viewer]}]", `people[0]: mattermost "x"`},
	} {
		if _, err := NewPeopleFile(write(t, t.TempDir(), "people.yaml", c.text, 0o600)).Read(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	good := "people: [{name: a, slack: U012, roles: [viewer]}, {name: b, mattermost: " + mattermostAccount + ", roles: [viewer]}, {name: c, slack: U013, roles: [viewer]}]"
	if _, err := NewPeopleFile(write(t, t.TempDir(), "people.yaml", good, 0o600)).Read(); err != nil {
		t.Error(err)
	}
}
