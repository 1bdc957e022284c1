package config

import (
	"fmt"
	"net/url"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/detour-net/detour/internal/config/bounded"
	"github.com/detour-net/detour/internal/config/strict"
)

// Chat says where incidents are shown to people, and who may decide there.
type Chat struct {
	Slack      *Slack      `yaml:"slack"`
	Mattermost *Mattermost `yaml:"mattermost"`
	People     string      `yaml:"people"`  // a file; see PeopleFile
	OnCall     []OnCall    `yaml:"on_call"` // who is called; after them, or without any, those whom People says

	Handover *Handover `yaml:"handover"` // nil: none is told by itself
}

// Slack is one channel of a workspace.
type Slack struct {
	AppToken string `yaml:"app_token"`      // file:PATH or env:NAME of the token that opens the socket
	Signing  string `yaml:"signing_secret"` // the same of the secret with which Slack signs what it sends by HTTP; at least one of the two
	BotToken string `yaml:"bot_token"`      // the same of the token for everything else
	Channel  string `yaml:"channel"`        // its id
	API      string `yaml:"api"`            // of the Web API, default https://slack.com/api/
}

// SlackSecrets are the tokens themselves, "" for none. They are printed nowhere.
type SlackSecrets struct{ App, Bot, Signing string }

// Ways says how presses come in.
func (s SlackSecrets) Ways() string {
	switch {
	case s.Signing == "":
		return "a socket that is opened from here"
	case s.App == "":
		return "signed HTTP requests to /chat/slack"
	}
	return "a socket that is opened from here, and signed HTTP requests to /chat/slack"
}

// slackAPI is where Slack is for everybody who has no workspace of another kind.
const slackAPI = "https://slack.com/api/"

// chat checks the section and reads its tokens.
func (s section) chat(c *Chat, self string) (secrets SlackSecrets, people string) {
	if c == nil {
		return secrets, ""
	}
	if c.People == "" {
		s.bad("chat", "people is missing: name the file that says who is who in the chat; without it nobody could decide there")
	}
	people = s.named("chat.people", c.People, self, false)
	s.handover(c.Handover)
	if c.Slack == nil && c.Mattermost == nil {
		s.bad("chat", "slack and mattermost are missing: name at least one of them, or leave chat out")
	}
	if c.Slack == nil {
		return secrets, people
	}
	if c.Slack.API == "" {
		c.Slack.API = slackAPI
	}
	u, err := url.Parse(c.Slack.API)
	if err != nil || u.Host == "" || !strings.HasSuffix(u.Path, "/") || u.RawQuery != "" || u.User != nil {
		s.bad("chat.slack.api", "want a URL that ends in /, for example %s", slackAPI)
	} else if u.Scheme != "https" && !(u.Scheme == "http" && Listen{HTTP: u.Host}.Local()) {
		s.bad("chat.slack.api", "want https: tokens would cross the network in clear")
	}
	if !regexp.MustCompile(`^[CG][A-Z0-9]{2,20}$`).MatchString(c.Slack.Channel) {
		s.bad("chat.slack.channel", "%q: want a channel's id, for example C012AB3CD; Slack shows it at the end of the channel's details", c.Slack.Channel)
	}
	if c.Slack.AppToken == "" && c.Slack.Signing == "" {
		s.bad("chat.slack", "give app_token for a socket, or signing_secret for signed HTTP requests to /chat/slack: otherwise no button works")
	}
	if c.Slack.AppToken != "" {
		secrets.App = s.token("chat.slack.app_token", c.Slack.AppToken, "xapp-")
	}
	if c.Slack.Signing != "" {
		secrets.Signing = s.signingSecret(c.Slack.Signing)
	}
	secrets.Bot = s.token("chat.slack.bot_token", c.Slack.BotToken, "xoxb-")
	return secrets, people
}

// token reads a token of the sort that begins with prefix.
func (s section) token(key, ref, prefix string) string {
	secret, err := Secret(ref, s.dir)
	switch {
	case err != nil:
		s.bad(key, "%s", err)
	case !strings.HasPrefix(secret, prefix):
		s.bad(key, "it does not begin with %s: it is another sort of token", prefix)
	}
	return secret
}

// signingSecret reads the secret with which Slack signs.
func (s section) signingSecret(ref string) string {
	const key = "chat.slack.signing_secret"
	secret, err := Secret(ref, s.dir)
	switch {
	case err != nil:
		s.bad(key, "%s", err)
	case !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(secret):
		s.bad(key, "it is not 32 of 0-9 and a-f: it is another sort of secret")
	}
	return secret
}

// People is who is who in the chat.
type People struct {
	People []Member `yaml:"people"`
	OnCall []string `yaml:"on_call"` // names: who is called first, and who next when half of the time is over
}

// Member is one person. The name is that of the person's API token: one name is one person, whichever way they decide.
type Member struct {
	Name       string   `yaml:"name"`
	Slack      string   `yaml:"slack"`      // member id
	Mattermost string   `yaml:"mattermost"` // user id; neither of the two of whoever links an account at the console
	Roles      []string `yaml:"roles"`      // as in the tokens file
}

// PeopleFile is the file of people. It is read anew while the service runs, so that a rotation needs no restart.
type PeopleFile struct {
	path   string
	reader *bounded.Reader
}

// NewPeopleFile is the file of people at path.
func NewPeopleFile(path string) PeopleFile {
	return PeopleFile{path, new(bounded.Reader)}
}

// Read returns who is in the file. One that everybody may write is refused.
func (f PeopleFile) Read() (People, error) {
	raw, info, err := f.reader.Read(f.path, strict.MaxBytes)
	if err != nil {
		return People{}, fmt.Errorf("read people: %w", err)
	}
	const others = 0o002
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&others != 0 {
		return People{}, fmt.Errorf("%s may be written by everybody (mode %04o), and says who may decide: chmod o-w %s", f.path, mode, f.path)
	}
	var p People
	doc, err := strict.Read(f.path, raw, &p)
	if err != nil {
		return People{}, err
	}
	p.check(doc)
	if err := doc.Err(); err != nil {
		return People{}, err
	}
	return p, nil
}

func (p People) check(doc *strict.Document) {
	slack := regexp.MustCompile(`^[UW][A-Z0-9]{2,20}$`)
	names, ids := map[string]bool{}, map[string]bool{}
	for n, m := range p.People {
		at := index("people", n)
		if m.Name == "" || names[m.Name] {
			doc.Bad(at, "name %q is missing or given twice; it stands on the record", m.Name)
		}
		if m.Slack != "" && (!slack.MatchString(m.Slack) || ids[m.Slack]) {
			doc.Bad(at, "slack %q: want a member id, for example U012AB3CD, each once; Slack shows it in the profile's menu", m.Slack)
		}
		if m.Mattermost != "" && (!mattermostID.MatchString(m.Mattermost) || ids[m.Mattermost]) {
			doc.Bad(at, "mattermost %q: want a user id of 26 letters and digits, each once; the System Console shows it with the user, and so does mmctl user search", m.Mattermost)
		}
		if !slices.ContainsFunc(m.Roles, func(r string) bool { return slices.Contains(Roles(), r) }) {
			doc.Bad(at, "%q may do nothing; want at least one of the roles %s", m.Name, strings.Join(Roles(), ", "))
		}
		for k, role := range m.Roles {
			if !plain.MatchString(role) || slices.Contains(m.Roles[:k], role) {
				doc.Bad(fmt.Sprintf("%s.roles[%d]", at, k), "role %q: want plain names, each once", role)
			}
		}
		names[m.Name], ids[m.Slack], ids[m.Mattermost] = true, true, true
	}
	for n, name := range p.OnCall {
		if !names[name] || slices.Contains(p.OnCall[:n], name) {
			doc.Bad(index("on_call", n), "%q is none of the people, or is given twice", name)
		}
	}
}

// known checks that everybody's account is given, where nobody can sign in at a provider and link it.
func (p People) known(path string) error {
	for _, m := range p.People {
		if m.Slack == "" && m.Mattermost == "" {
			return fmt.Errorf("%s: %q has no account: give slack, mattermost or both; without auth.oidc nobody can link one", path, m.Name)
		}
	}
	return nil
}
