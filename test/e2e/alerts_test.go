package e2e

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/chatops/slack/slacktest"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/test/wire"
)

// rulesFile is what Prometheus is given, seen from here.
const rulesFile = "../../deployments/prometheus/alerts.yaml"

// promtool is how it is called, "" where it is not installed. DETOUR_PROMTOOL=1 demands it.
func promtool(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("promtool")
	switch {
	case err == nil:
		return path
	case os.Getenv("DETOUR_PROMTOOL") == "1":
		t.Fatal(err)
	}
	t.Log("no promtool here (Debian: apt-get install prometheus): what it would evaluate is left out")
	return ""
}

// TestAlertRules has promtool read the rules and try each of them, as it just fires and as it just does not.
func TestAlertRules(t *testing.T) {
	t.Parallel()
	tool := promtool(t)
	if tool == "" {
		return
	}
	for _, args := range [][]string{{"check", "rules", "alerts.yaml"}, {"test", "rules", "alerts_test.yaml"}} {
		cmd := exec.CommandContext(t.Context(), tool, args...)
		cmd.Dir = filepath.Dir(rulesFile)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", args, err, out)
		}
	}
	raw, err := os.ReadFile("../../deployments/grafana/detour.json")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := parses(t, tool, string(raw)); err != nil {
		t.Errorf("the dashboard's expressions: %v\n%s", err, out)
	}
}

// parses has promtool read every expression of a dashboard, as if it were a rule.
func parses(t *testing.T, tool, dashboard string) (string, error) {
	t.Helper()
	var rules strings.Builder
	rules.WriteString("groups:\n  - name: dashboard\n    rules:\n")
	for n, rest := range strings.Split(dashboard, `"expr": `)[1:] {
		expr, _, _ := strings.Cut(rest, ",\n")
		fmt.Fprintf(&rules, "      - {record: 'x:%d', expr: %s}\n", n, strings.ReplaceAll(expr, "$__rate_interval", "5m"))
	}
	path := filepath.Join(t.TempDir(), "dashboard.yaml")
	if err := os.WriteFile(path, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), tool, "check", "rules", path).CombinedOutput()
	return string(out), err
}

// scene is what was scraped while all was well and while it was not, and the series of which it was seen that it grows, "" for
// none: it is an age.
type scene struct {
	well, now samples
	grows     string
}

// told is how many samples, one every 15 s, Prometheus is given of how things are now: of three hours, longer than any alert
// waits.
const told = 3 * 240

// values are one series over time: as it was, then as it is.
func (c scene) values(series string) string {
	tell := func(s samples) string {
		if v, ok := s[series]; ok {
			return fmt.Sprint(v)
		}
		return "_"
	}
	step := ""
	if series == c.grows {
		step = "+15"
	}
	return fmt.Sprintf("%sx20 %s%sx%d", tell(c.well), tell(c.now), step, told)
}

// fires lists the alerts that fire in a scene at any time, as promtool evaluates the rules.
func (c scene) fires(t *testing.T, tool string) []string {
	t.Helper()
	path, err := filepath.Abs(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "rule_files: [%s]\nevaluation_interval: 15s\ntests:\n  - interval: 15s\n    input_series:\n", path)
	all := maps.Clone(c.well)
	maps.Copy(all, c.now)
	for _, series := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "      - {series: '%s', values: '%s'}\n", series, c.values(series))
	}
	fmt.Fprint(&b, "    promql_expr_test:\n      - expr: count by (alertname) (max_over_time(ALERTS{alertstate=\"firing\"}[4h]))\n        eval_time: 3h\n        exp_samples: [{labels: '{alertname=\"none\"}', value: 1}]\n")
	test := filepath.Join(t.TempDir(), "scene.yaml")
	if err := os.WriteFile(test, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), tool, "test", "rules", test).CombinedOutput()
	_, got, found := strings.Cut(string(out), "got:")
	if err == nil || !found {
		t.Fatalf("promtool was to say what fires: %v\n%s", err, out)
	}
	var names []string
	for _, part := range strings.Split(got, `alertname="`)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		names = append(names, name)
	}
	return names
}

// trouble is a stage with one replica whose alerts are looked at.
type trouble struct {
	*stage
	r    *replica
	tool string
	well samples // before what comes next
}

// shows waits until a series is as it should be, and returns what was scraped then.
func (w *trouble) shows(series string, is func(v float64) bool) (now samples) {
	w.t.Helper()
	w.wait(series, func() bool { now = w.r.scrape(); return is(now[series]) })
	return now
}

// over has all be well again once a series is as it should be.
func (w *trouble) over(series string, is func(v float64) bool) { w.well = w.shows(series, is) }

// fire wants a series to become as it should be, and then these alerts to fire and no others but those that only say how slow
// this machine is. On a busy one something else may be the matter for a moment: it is waited until that is over.
func (w *trouble) fire(t *testing.T, series string, is func(float64) bool, want ...string) {
	t.Helper()
	c := scene{well: w.well, now: w.shows(series, is)}
	if strings.HasSuffix(series, "_age_seconds") {
		c.now, c.grows = w.shows(series, above(c.now[series])), series
	}
	slices.Sort(want)
	var got []string
	w.wait(fmt.Sprintf("%v to fire", want), func() bool {
		if w.tool == "" {
			return true
		}
		got = slices.DeleteFunc(c.fires(t, w.tool), func(name string) bool { return strings.HasPrefix(name, "DetourSlow") })
		slices.Sort(got)
		if slices.Equal(got, want) {
			return true
		}
		t.Logf("%v fire, want %v", got, want)
		c.now = w.shows(series, is)
		return false
	})
	w.well = c.now
}

func above(limit float64) func(float64) bool { return func(v float64) bool { return v > limit } }
func zero(v float64) bool                    { return v == 0 }

// ordered has a person order something that must be done.
func (w *trouble) ordered(args ...string) {
	w.t.Helper()
	if a := w.r.detour("alice", args...); a.code != 0 {
		w.t.Fatalf("%v: exit %d: %s", args, a.code, a.err)
	}
}

// TestAlertsFire brings a replica into one trouble after the other. What it shows then makes the alert of that trouble fire.
func TestAlertsFire(t *testing.T) {
	t.Parallel()
	workspace := slacktest.New(t)
	workspace.Join(nil, "U0ALICE", "U0BOB", "U0CAROL")
	s := raise(t, setup{replicas: 1, proven: true, slack: workspace})
	w := &trouble{stage: s, r: s.replicas[0], tool: promtool(t)}
	const chat, down = `detour_chat_connected{chat="slack"}`, `detour_routers{state="down"}`
	w.over(chat, above(0))
	healthy := w.well
	w.fire(t, chat, above(0))

	w.ordered("freeze", "--reason", "exercise")
	w.fire(t, "detour_freezes", above(0), "DetourFrozen")
	w.ordered("thaw")
	w.over("detour_freezes", zero)

	s.net.Router(ams).SetUnreachable(true)
	w.fire(t, down, above(0), "DetourRoutersAway")
	s.net.Router(ams).SetUnreachable(false)
	s.seesAll(w.r)
	w.over(down, zero)

	workspace.Trouble("apps.connections.open", slices.Repeat([]slacktest.Trouble{{Lost: true}}, 200)...)
	workspace.Disconnect()
	w.fire(t, chat, zero, "DetourChatAway")
	workspace.Mend()
	w.over(chat, above(0))

	msg := &nats.Msg{Subject: events.PrefixAnomalies + domain + ".link-errors.x", Data: []byte("{")}
	if _, err := s.conn.JetStream().PublishMsg(s.within(), msg); err != nil {
		t.Fatal(err)
	}
	w.fire(t, "detour_dead_letters_total", above(0), "DetourDeadLetters")

	s.write("policy.yaml", "rules: nonsense\n")
	w.fire(t, "detour_policy_refused", above(0), "DetourPolicyRefused")
	s.savePolicy("policy.yaml")
	w.over("detour_policy_refused", zero)

	s.publish(s.event(linkPlain, kind(events.SilentLoss)))
	s.reaches(linkPlain, incident.Asking)
	w.fire(t, "detour_question_age_seconds", above(0), "DetourQuestionOpen")
	w.ordered("reject", s.latest(linkPlain).ID)
	w.over("detour_question_age_seconds", zero)

	w.loseBus(t)
	w.loseLedger(t)
	s.stick(linkUnfenced)
	w.fire(t, `detour_incidents{phase="stuck"}`, above(0), "DetourStuck")

	s.record(events.Record{Body: events.Foreign{Name: "from-the-future", Raw: []byte(`{}`)}})
	w.fire(t, "detour_halted", above(0), "DetourHalted", "DetourStuck")

	w.r.kill()
	if w.tool == "" {
		return
	}
	if got := (scene{well: healthy}).fires(t, w.tool); !slices.Equal(got, []string{"DetourGone"}) {
		t.Errorf("without a replica %v fire", got)
	}
}

// loseBus cuts the replica's bus and mends it.
func (w *trouble) loseBus(t *testing.T) {
	t.Helper()
	w.r.wire.Set(wire.Cut)
	w.fire(t, "detour_bus_connected", zero, "DetourBusAway")
	w.r.wire.Set(wire.Whole)
	w.over("detour_bus_connected", above(0))
}

// loseLedger has the ledger's stream take nothing, publishes what would have to be recorded, and has it take records again.
func (w *trouble) loseLedger(t *testing.T) {
	t.Helper()
	takes := func(size int32) {
		c := goodStream()
		c.MaxMsgSize = size
		if _, err := w.conn.JetStream().UpdateStream(w.within(), c); err != nil {
			t.Fatal(err)
		}
	}
	takes(1)
	w.publish(w.event(linkPlain, about(events.Resource{Device: "nowhere", Interface: "x"})))
	w.fire(t, "detour_ledger_writable", zero, "DetourLedgerUnwritable")
	w.fire(t, "detour_anomaly_age_seconds", above(0), "DetourAnomaliesWait", "DetourLedgerUnwritable")
	takes(-1)
	w.shows("detour_anomaly_age_seconds", zero)
	w.over("detour_ledger_writable", above(0))
}

// stick has somebody else change what Detour has set on a link.
func (s *stage) stick(link string) {
	s.t.Helper()
	s.sicken(link)
	s.reaches(link, incident.Holding)
	a := s.linkNamed(link).A
	router := s.net.Router(a.Device)
	path := router.Path("interfaces", "interface[interface-id="+a.Interface+"]", "levels", "level[level-number=2]", "afi-safi", "af[afi-name=IPV4][safi-name=UNICAST]", "config", "metric")
	if err := router.Configure(path, "777"); err != nil {
		s.t.Fatal(err)
	}
	s.reaches(link, incident.Stuck)
}
