package config

import (
	"net/url"
	"regexp"
	"strings"
)

// Mattermost is one channel of a server.
type Mattermost struct {
	URL      string `yaml:"url"`           // of the server, without a slash at its end
	Token    string `yaml:"token"`         // file:PATH or env:NAME of the bot's token
	Channel  string `yaml:"channel"`       // its id
	Secret   string `yaml:"secret"`        // file:PATH or env:NAME of what buttons are signed with: of our own making, the same at every replica
	Command  string `yaml:"command_token"` // file:PATH or env:NAME of the token of the slash command /detour; "": there is none
	Callback string `yaml:"callback"`      // where the server reaches this service, without a slash at its end: it asks for MattermostPath there
}

// MattermostPath is where Mattermost reports what is pressed.
const MattermostPath = "/chat/mattermost"

// MattermostSecrets are the secrets themselves. They are printed nowhere.
type MattermostSecrets struct{ Token, Secret, Command string }

// minSecret is the least length of a secret of our own making, in characters.
const minSecret = 32

var mattermostID = regexp.MustCompile(`^[a-z0-9]{26}$`)

// mattermost checks the section and reads its secrets.
func (s section) mattermost(c *Chat) (secrets MattermostSecrets) {
	m := c.Mattermost
	if m == nil {
		return secrets
	}
	s.base("chat.mattermost.url", m.URL, "the token would cross the network in clear")
	s.base("chat.mattermost.callback", m.Callback, "what is pressed would cross the network in clear")
	if !mattermostID.MatchString(m.Channel) {
		s.bad("chat.mattermost.channel", "%q: want a channel's id of 26 letters and digits; Mattermost shows it at the end of the channel's View Info", m.Channel)
	}
	secrets.Token = s.secret("chat.mattermost.token", m.Token, 1)
	secrets.Secret = s.secret("chat.mattermost.secret", m.Secret, minSecret)
	if m.Command != "" {
		secrets.Command = s.secret("chat.mattermost.command_token", m.Command, 1)
	}
	return secrets
}

// base checks an address that paths are put behind. In clear it may only be on this machine, since otherwise risk.
func (s section) base(key, text, risk string) {
	u, err := url.Parse(text)
	if err == nil && u.User != nil {
		text = u.Redacted()
	}
	switch {
	case err != nil || u.Host == "" || strings.HasSuffix(text, "/") || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		s.bad(key, "%q: want a URL that does not end in /, for example https://detour.example.net", text)
	case u.Scheme != "https" && !(u.Scheme == "http" && Listen{HTTP: u.Host}.Local()):
		s.bad(key, "want https: %s", risk)
	}
}

// secret reads a secret of at least so many characters, none of them a space.
func (s section) secret(key, ref string, least int) string {
	secret, err := Secret(ref, s.dir)
	switch {
	case err != nil:
		s.bad(key, "%s", err)
	case len(secret) < least:
		s.bad(key, "it has %d characters, want at least %d", len(secret), least)
	case strings.ContainsAny(secret, " \t\r\n"):
		s.bad(key, "it has spaces or line ends in it")
	}
	return secret
}
