package e2e

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/chatops/mattermost/mattermosttest"
	"github.com/detour-net/detour/internal/chatops/slack/slacktest"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/notify/pagerduty/pagerdutytest"
	"github.com/detour-net/detour/internal/notify/teams/teamstest"
)

// TestSecretsStayInside gives two replicas every secret there is, and looks for them in whatever comes out: what they print and
// log at its finest, the ledger, metrics, and all that the API and the command line say. One of them has a good day; the other
// meets services that are not there, routers that do not know it and callers with false tokens.
func TestSecretsStayInside(t *testing.T) {
	long(t)
	t.Parallel()
	hook := teamstest.New(t)
	workspace, server := slacktest.New(t), mattermosttest.New(t)
	workspace.Join(nil, "U0ALICE", "U0BOB")
	server.Join(nil, "alice", "bob")
	s := raise(t, setup{replicas: 1, proven: true, slack: workspace, mattermost: server, pager: pagerdutytest.New(t), hook: hook})
	good := s.replicas[0]
	s.sicken(linkPlain)
	s.reaches(linkPlain, incident.Holding)
	s.heal(linkPlain)
	s.ends(linkPlain, events.Restored)

	planted := s.secrets(hook)
	bad := s.unlucky(good, hook.URL())
	planted["a password that routers refuse"] = read(t, filepath.Join(s.dir, "password"))
	said := s.outpourings(good, bad)
	for what, secret := range planted {
		if len(secret) < 8 {
			t.Fatalf("%s is %q: too short to be looked for", what, secret)
		}
		for where, text := range said {
			for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
				if at := strings.Index(text, form); at >= 0 {
					t.Errorf("%s stands in %s: ...%s", what, where, text[max(0, at-200):at])
					break
				}
			}
		}
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// secrets are what replicas are given, by what they are for.
func (s *stage) secrets(hook *teamstest.Server) map[string]string {
	s.t.Helper()
	u, err := url.Parse(hook.URL())
	if err != nil {
		s.t.Fatal(err)
	}
	all := map[string]string{
		"Slack's app token": slacktest.AppToken, "Slack's bot token": slacktest.BotToken, "Mattermost's token": mattermosttest.Token,
		"Mattermost's secret": read(s.t, filepath.Join(s.dir, "mattermost-secret")), "PagerDuty's key": pagerdutytest.Key, "the path of Teams' webhook": u.RequestURI(),
		"the routers' password": read(s.t, filepath.Join(s.dir, "password")),
	}
	for _, line := range strings.Split(read(s.t, filepath.Join(s.dir, "client.key")), "\n") {
		if line != "" && !strings.HasPrefix(line, "-----") {
			all["the client's key"] = line
			break
		}
	}
	for name := range people {
		all["the token of "+name] = read(s.t, filepath.Join(s.dir, "token-"+name))
	}
	return all
}

// unlucky is a replica with the configuration of a good one, but for the services, which are not where it looks, and for the
// password, which routers do not know. It is returned once it has found out.
func (s *stage) unlucky(good *replica, hook string) *replica {
	s.t.Helper()
	s.write("password", "a-password-that-no-router-knows")
	bad := s.addReplicaOn(1, lineOf(s.t, good.config, "nats: "), nil)
	nowhere := read(s.t, bad.config)
	for _, there := range []string{s.slack.URL(), s.mattermost.URL(), s.pager.URL()} {
		nowhere = strings.ReplaceAll(nowhere, host(s.t, there), "127.0.0.1:1")
	}
	s.write("hook", strings.Replace(hook, host(s.t, hook), "127.0.0.1:1", 1))
	s.write(filepath.Base(bad.config), nowhere+"log: {level: debug}\n")
	bad.start()
	s.wait("it to find no chat and no router that knows it", func() bool {
		log := read(s.t, bad.logs.Name())
		return !bad.condition("chat").OK && strings.Contains(log, "Unauthenticated") && strings.Contains(log, "127.0.0.1:1")
	})
	return bad
}

// lineOf is the rest of the line of a file that begins so.
func lineOf(t testing.TB, path, begins string) string {
	t.Helper()
	for line := range strings.Lines(read(t, path)) {
		if rest, ok := strings.CutPrefix(line, begins); ok {
			return strings.TrimSpace(rest)
		}
	}
	t.Fatalf("%s has no line that begins with %q", path, begins)
	return ""
}

func host(t testing.TB, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// outpourings is all that comes out of the replicas, and of verbs that are given secrets in the wrong place.
func (s *stage) outpourings(replicas ...*replica) map[string]string {
	s.t.Helper()
	all := map[string]string{}
	id := s.latest(linkPlain).ID
	for _, r := range replicas {
		for _, path := range []string{
			"/api/v1/incidents", "/api/v1/incidents/" + id, "/api/v1/decisions", "/api/v1/drains", "/api/v1/freeze", "/api/v1/maintenance", "/api/v1/routers",
			"/api/v1/policy", "/api/v1/status", "/api/v1/ledger", "/api/v1/ledger/export", "/api/v1/openapi.json", "/metrics", "/readyz", "/livez", "/", "/nowhere",
		} {
			for _, token := range []string{"token-carol", "password", "slack-bot"} { // the latter two are no tokens
				all[r.name+" "+path+" with "+token] = s.get(r, path, token)
			}
		}
		all["the log of "+r.name] = read(s.t, r.logs.Name())
		check := run(s.t, "", "config", "check", r.config)
		all["config check of "+r.name] = check.out + check.err
	}
	for name, line := range map[string]string{
		"a token": "chat: {slack: {app_token: " + slacktest.AppToken + ", bot_token: " + slacktest.BotToken + ", channel: C1}, people: people.yaml}\n",
		"a URL":   "notify: {console: 'https://x', teams: {webhook: '" + s.hook.URL() + "'}}\n",
		"a key":   "notify: {console: 'https://x', pagerduty: {routing_key: " + pagerdutytest.Key + "}}\n",
	} {
		config := s.write("written-down.yaml", "nats: {embedded: {dir: d}}\ninventory: inventory.yaml\ntopology: topology.yaml\npolicy: policy.yaml\n"+line)
		check := run(s.t, "", "config", "check", config)
		if check.code != 2 {
			s.t.Errorf("%s that is written down: exit %d", name, check.code)
		}
		all[name+" that is written down"] = check.out + check.err
	}
	return all
}

// get is what a replica answers, headers included; the bearer shows the contents of a file.
func (s *stage) get(r *replica, path, token string) string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.within(), http.MethodGet, r.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(read(s.t, filepath.Join(s.dir, token))))
	client := &http.Client{Timeout: patience, Transport: http.DefaultTransport}
	answer, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 64<<20))
	if err != nil {
		s.t.Fatal(err)
	}
	var b strings.Builder
	_ = answer.Header.Write(&b) // a Builder takes everything
	return b.String() + string(body)
}
