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

// scene is what was scraped while all was well and while it was not, the series of which it was seen that it grows, "" for
// none: it is an age; and the alerts that it must make fire.
type scene struct {
	well, now samples
	grows     string
	want      []string
}

// told is how many samples, one a minute, Prometheus is given of how things are now: of two hours, longer than any alert waits.
const told = 120

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
		step = "+60"
	}
	return fmt.Sprintf("%sx5 %s%sx%d", tell(c.well), tell(c.now), step, told)
}

// fired lists, for each scene, the alerts that fire in it at any time, as promtool evaluates the rules.
func fired(t *testing.T, tool string, scenes []scene) (lists [][]string) {
	t.Helper()
	path, err := filepath.Abs(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "rule_files: [%s]\nevaluation_interval: 1m\ntests:\n", path)
	for _, c := range scenes {
		fmt.Fprint(&b, "  - interval: 1m\n    input_series:\n")
		all := maps.Clone(c.well)
		maps.Copy(all, c.now)
		for _, series := range slices.Sorted(maps.Keys(all)) {
			fmt.Fprintf(&b, "      - {series: '%s', values: '%s'}\n", series, c.values(series))
		}
		// It expects what is not so: then it says what is.
		fmt.Fprint(&b, "    promql_expr_test:\n      - expr: count by (alertname) (max_over_time(ALERTS{alertstate=\"firing\"}[4h]))\n        eval_time: 2h\n        exp_samples: [{labels: '{alertname=\"none\"}', value: 1}]\n")
	}
	test := filepath.Join(t.TempDir(), "scenes.yaml")
	if err := os.WriteFile(test, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), tool, "test", "rules", test).CombinedOutput()
	said := strings.Split(string(out), "got:")[1:]
	if err == nil || len(said) != len(scenes) {
		t.Fatalf("promtool was to say of %d scenes what fires: %v\n%s", len(scenes), err, out)
	}
	for _, got := range said {
		got, _, _ = strings.Cut(got, "expr:")
		var names []string
		for _, part := range strings.Split(got, `alertname="`)[1:] {
			name, _, _ := strings.Cut(part, `"`)
			names = append(names, name)
		}
		lists = append(lists, names)
	}
	return lists
}

// trouble is a stage with one replica whose alerts are looked at.
type trouble struct {
	*stage
	r      *replica
	well   samples // before what comes next
	scenes []scene
}

// shows waits until a series is as it should be, and returns what was scraped then.
func (w *trouble) shows(series string, is func(v float64) bool) (now samples) {
	w.t.Helper()
	w.wait(series, func() bool { now = w.r.scrape(); return is(now[series]) })
	return now
}

// over has all be well again once a series is as it should be.
func (w *trouble) over(series string, is func(v float64) bool) { w.well = w.shows(series, is) }

// fire waits until a series is as it should be: then these alerts are to fire.
func (w *trouble) fire(series string, is func(float64) bool, want ...string) {
	w.t.Helper()
	c := scene{well: w.well, now: w.shows(series, is), want: want}
	if strings.HasSuffix(series, "_age_seconds") {
		c.now, c.grows = w.shows(series, above(c.now[series])), series
	}
	w.scenes, w.well = append(w.scenes, c), c.now
}

// judge has promtool evaluate every scene. In the first, where all is well, nothing fires but what says that this machine is
// slow; in the others more may, since on such a machine more may be the matter for a moment.
func (w *trouble) judge() {
	w.t.Helper()
	t := w.t.(*testing.T)
	tool := promtool(t)
	if tool == "" {
		return
	}
	for n, got := range fired(t, tool, w.scenes) {
		c := w.scenes[n]
		for _, name := range c.want {
			if !slices.Contains(got, name) {
				t.Errorf("%s does not fire, only %v", name, got)
			}
		}
		if alarms := slices.DeleteFunc(got, func(name string) bool { return strings.HasPrefix(name, "DetourSlow") }); n == 0 && len(alarms) > 0 {
			t.Errorf("all is well, and %v fire", alarms)
		}
	}
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
	w := &trouble{stage: s, r: s.replicas[0], well: samples{}}
	const chat, down = `detour_chat_connected{chat="slack"}`, `detour_routers{state="down"}`
	s.wait("all to be well", func() bool {
		w.well = w.r.scrape()
		return w.well[chat] == 1 && w.well[down] == 0 && w.well["detour_bus_connected"] == 1 && w.well["detour_ledger_writable"] == 1
	})
	healthy := w.well
	w.scenes = append(w.scenes, scene{well: healthy, now: healthy})

	w.ordered("freeze", "--reason", "exercise")
	w.fire("detour_freezes", above(0), "DetourFrozen")
	w.ordered("thaw")
	w.over("detour_freezes", zero)

	s.net.Router(ams).SetUnreachable(true)
	w.fire(down, above(0), "DetourRoutersAway")
	s.net.Router(ams).SetUnreachable(false)
	s.seesAll(w.r)
	w.over(down, zero)

	workspace.Trouble("apps.connections.open", slices.Repeat([]slacktest.Trouble{{Lost: true}}, 200)...)
	workspace.Disconnect()
	w.fire(chat, zero, "DetourChatAway")
	workspace.Mend()
	w.over(chat, above(0))

	msg := &nats.Msg{Subject: events.PrefixAnomalies + domain + ".link-errors.x", Data: []byte("{")}
	if _, err := s.conn.JetStream().PublishMsg(s.within(), msg); err != nil {
		t.Fatal(err)
	}
	w.fire("detour_dead_letters_total", above(0), "DetourDeadLetters")

	s.write("policy.yaml", "rules: nonsense\n")
	w.fire("detour_policy_refused", above(0), "DetourPolicyRefused")
	s.savePolicy("policy.yaml")
	w.over("detour_policy_refused", zero)

	s.publish(s.event(linkPlain, kind(events.SilentLoss)))
	s.reaches(linkPlain, incident.Asking)
	w.fire("detour_question_age_seconds", above(0), "DetourQuestionOpen")
	w.ordered("reject", s.latest(linkPlain).ID)
	w.over("detour_question_age_seconds", zero)

	w.loseBus()
	w.loseLedger()
	s.stick(linkUnfenced)
	w.fire(`detour_incidents{phase="stuck"}`, above(0), "DetourStuck")

	s.record(events.Record{Body: events.Foreign{Name: "from-the-future", Raw: []byte(`{}`)}})
	w.fire("detour_halted", above(0), "DetourHalted", "DetourStuck")

	w.r.kill()
	w.scenes = append(w.scenes, scene{well: healthy, want: []string{"DetourGone"}})
	w.judge()
}

// loseBus cuts the replica's bus and mends it.
func (w *trouble) loseBus() {
	w.t.Helper()
	w.r.wire.Set(wire.Cut)
	w.fire("detour_bus_connected", zero, "DetourBusAway")
	w.r.wire.Set(wire.Whole)
	w.over("detour_bus_connected", above(0))
}

// loseLedger has the ledger's stream take nothing, publishes what would have to be recorded, and has it take records again.
func (w *trouble) loseLedger() {
	w.t.Helper()
	takes := func(size int32) {
		c := goodStream()
		c.MaxMsgSize = size
		if _, err := w.conn.JetStream().UpdateStream(w.within(), c); err != nil {
			w.t.Fatal(err)
		}
	}
	takes(1)
	w.publish(w.event(linkPlain, about(events.Resource{Device: "nowhere", Interface: "x"})))
	w.fire("detour_ledger_writable", zero, "DetourLedgerUnwritable")
	w.fire("detour_anomaly_age_seconds", above(0), "DetourAnomaliesWait", "DetourLedgerUnwritable")
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
