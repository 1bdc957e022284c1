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
	"github.com/detour-net/detour/internal/histogram/promtest"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/test/wire"
)

// rulesFile is what Prometheus is given, seen from here.
const rulesFile = "../../deployments/prometheus/alerts.yaml"

// TestAlertRules has promtool read the rules and try each of them, as it just fires and as it just does not.
func TestAlertRules(t *testing.T) {
	t.Parallel()
	tool := promtest.Path(t)
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

// scene is one that promtool is shown, and the alerts that it must make fire.
type scene struct {
	promtest.Scene
	want []string
}

// trouble is a stage with a replica whose alerts are looked at.
type trouble struct {
	*stage
	r      *replica
	well   promtest.Samples // before what comes next
	scenes []scene

	beside map[string]*replica // that are scraped, too, by the names of their instances
}

// scrape is what a Prometheus has that scrapes the replica, and those beside it.
func (w *trouble) scrape() promtest.Samples {
	w.t.Helper()
	all := w.r.scrape()
	for instance, r := range w.beside {
		maps.Copy(all, r.scrape().Of(instance))
	}
	return all
}

// shows waits until a series is as it should be, and returns what was scraped then.
func (w *trouble) shows(series string, is func(v float64) bool) (now promtest.Samples) {
	w.t.Helper()
	w.wait(series, func() bool {
		now = w.scrape()
		v, ok := now[series]
		return ok && is(v)
	})
	return now
}

// over has all be well again once a series is as it should be.
func (w *trouble) over(series string, is func(v float64) bool) { w.well = w.shows(series, is) }

// fire waits until a series is as it should be: then these alerts are to fire.
func (w *trouble) fire(series string, is func(float64) bool, want ...string) {
	w.t.Helper()
	c := scene{promtest.Scene{Well: w.well, Now: w.shows(series, is)}, want}
	if name, _, _ := strings.Cut(series, "{"); strings.HasSuffix(name, "_age_seconds") || strings.HasSuffix(name, "_behind_seconds") {
		c.Now, c.Grows = w.shows(series, above(c.Now[series])), series
	}
	w.scenes, w.well = append(w.scenes, c), c.Now
}

// judge has promtool evaluate every scene. In the first, where all is well, nothing fires but what says that this machine is
// slow; in the others more may, since on such a machine more may be the matter for a moment.
func (w *trouble) judge() {
	w.t.Helper()
	t := w.t.(*testing.T)
	tool := promtest.Path(t)
	if tool == "" {
		return
	}
	var shown []promtest.Scene
	for _, c := range w.scenes {
		shown = append(shown, c.Scene)
	}
	for n, got := range promtest.Fired(t, tool, rulesFile, shown) {
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

const taking = "detour_taking_in"

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
	w := &trouble{stage: s, r: s.replicas[0], well: promtest.Samples{}}
	const chat, down = `detour_chat_connected{chat="slack"}`, `detour_routers{state="down"}`
	s.wait("all to be well", func() bool {
		w.well = w.r.scrape()
		return w.well[chat] == 1 && w.well[down] == 0 && w.well["detour_bus_connected"] == 1 && w.well["detour_ledger_writable"] == 1 && w.well[taking] == 1
	})
	healthy := w.well
	w.scenes = append(w.scenes, scene{promtest.Scene{Well: healthy, Now: healthy}, nil})

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
	w.scenes = append(w.scenes, scene{promtest.Scene{Well: healthy}, []string{"DetourGone"}})
	w.judge()
}

// loseBus cuts the replica's bus and mends it.
func (w *trouble) loseBus() {
	w.t.Helper()
	w.r.wire.Set(wire.Cut)
	w.fire("detour_bus_connected", zero, "DetourBusAway")
	w.fire(taking, zero, "DetourBusAway", "DetourNobodyTakesIn")
	w.r.wire.Set(wire.Whole)
	w.shows("detour_bus_connected", above(0))
	w.over(taking, above(0))
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
