package incident

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/policy"
)

// review makes all decisions of a ledger once more.
func review(t *testing.T, l *testLedger, w World) (all []Redecision) {
	t.Helper()
	b := NewBoard()
	for n := range l.entries {
		c := l.read(uint64(n) + 1)
		before := b.Fork()
		all = append(all, Redecide(b, c, w)...)
		if fork := b.Fork(); !reflect.DeepEqual(before.incidents, fork.incidents) || before.Position != fork.Position || before.moved != fork.moved {
			t.Fatalf("position %d: the Board is another than before", c.Position)
		}
		if err := b.Apply(c); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestRedecideSimulations makes every decision of simulated histories once more by the policy of then: nothing may differ, and
// next to nothing be unknown.
func TestRedecideSimulations(t *testing.T) {
	seeds, decisions, unknown := uint64(12), 0, map[string]int{}
	if raceEnabled || testing.Short() {
		seeds = 2
	}
	verdicts := map[events.Verdict]int{}
	for seed := uint64(1); seed <= seeds; seed++ {
		s := newSimulation(t, seed)
		s.play()
		for _, r := range review(t, s.ledger, s.world) {
			decisions++
			verdicts[r.Was.Verdict]++
			switch {
			case r.Unknown != "":
				unknown[r.Unknown]++
			case !r.Now.Same(r.Was):
				t.Errorf("seed %d: %s: (-was +now):\n%s", seed, r.Incident, cmp.Diff(r.Was, r.Now))
			}
		}
	}
	few := 0
	for _, n := range unknown {
		few += n
	}
	t.Logf("%d decisions %v, unknown %v", decisions, verdicts, unknown)
	if 20*few > decisions || decisions < 20*int(seeds) || len(verdicts) < 4 {
		t.Errorf("%d decisions, %d unknown, verdicts %v", decisions, few, verdicts)
	}
}

// TestRedecide plays a script and makes its decisions once more by another policy.
func TestRedecide(t *testing.T) {
	sick := []string{"event e1 firing major a-b"}
	asked := []string{"event e1 firing major a-b kind=silent-loss", "approve a-b-1 ann", "approve a-b-1 bob"}
	for _, tt := range []struct {
		name     string
		script   []string
		old, now string // of the policy, after the script
		want     []string
	}{
		{"the same policy", append(sick, "tick 30s", "event e2 resolved major a-b", "tick 10m"), "", "", []string{"a-b-1 allow live"}},
		{"a restart and a relapse", append(sick, "silence 2", "event e2 firing major c-d"), "", "", []string{"a-b-1 allow live", "c-d-1 allow live", "c-d-1 allow live"}},
		{"no rule any more", sick, "kinds: [link-errors, ", "kinds: [", []string{"a-b-1 allow live -> deny left-to-person"}},
		{"a person must approve", sick, "autonomy: auto", "autonomy: approve", []string{"a-b-1 allow live -> ask live"}},
		{"in shadow", sick, "autonomy: auto", "autonomy: shadow", []string{"a-b-1 allow live -> allow dry-run"}},
		{"no longer in shadow", []string{"event e1 firing major a-b kind=link-flap"}, "autonomy: shadow", "autonomy: auto", []string{"a-b-1 allow dry-run -> allow live"}},
		{"another plan", sick, "remediation: link-drain, with: {settle: 0s}", "remediation: isis-metric, with: {raise_by: 1000}", []string{"a-b-1 allow live -> allow live"}},
		{"a hard drain", sick, "with: {settle: 0s}", "with: {style: hard, settle: 0s}", []string{"a-b-1 allow live -> ask live"}},
		{"another rule to the same end", sick, "name: drain,", "name: spare,", []string{"a-b-1 allow live"}},
		{"less at once", append(sick, "event e2 firing major c-d"), "network: 2", "network: 1", []string{"a-b-1 allow live", "c-d-1 allow live -> defer live"}},
		{"held, and not any more", append([]string{"links 60"}, append(sick, "event e2 firing major c-d", "event e3 firing major e-f")...), "network: 2", "network: 3", []string{"a-b-1 allow live", "c-d-1 allow live", "e-f-1 defer live -> allow live"}},
		{"never", sick, "breaker:", "keep: {never: [a-b]}\nbreaker:", []string{"a-b-1 allow live -> deny live refused"}},
		{"what was approved counts", asked, "", "", []string{"a-b-1 ask live", "a-b-1 allow live"}},
		{"by another policy too", asked, "expiry: 2m", "expiry: 3m", []string{"a-b-1 ask live", "a-b-1 allow live"}},
		{"but for another plan", asked, "remediation: link-drain, autonomy: approve", "remediation: link-drain, with: {style: hard}, autonomy: approve", []string{"a-b-1 ask live -> ask live", "a-b-1 allow live -> ask live"}},
		{"nobody need be asked", asked, "autonomy: approve", "autonomy: auto", []string{"a-b-1 ask live -> allow live", "a-b-1 allow live"}},
		{"held still", []string{"freeze network eve", "event e1 firing major a-b", "tick 1m", "thaw network eve"}, "", "", []string{"a-b-1 defer live", "a-b-1 allow live"}},
		{"no rule then", []string{"event e1 firing major a-b kind=adjacency-flap"}, "silent-loss]", "silent-loss, adjacency-flap]", []string{"a-b-1 deny left-to-person -> unknown: what this policy would have looked at was not recorded"}},
		{"too old for it", []string{"event e1 firing major a-b age=4m"}, "default: 5m", "default: 3m", []string{"a-b-1 allow live -> let-go"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := usualPolicy(t)
			s := newStage(t, text)
			for _, line := range tt.script {
				s.say(line)
			}
			if !strings.Contains(text, tt.old) {
				t.Fatalf("the policy has no %q", tt.old)
			}
			w := s.world
			var err error
			if w.Policy, err = policy.Parse("proposed.yaml", []byte(strings.Replace(text, tt.old, tt.now, 1))); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range review(t, s.ledger, w) {
				line := r.Incident + " " + inWords(r.Was)
				if r.Unknown != "" {
					line += " -> unknown: " + r.Unknown
				} else if !r.Now.Same(r.Was) {
					line += " -> " + inWords(r.Now)
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, s.out.String())
			}
		})
	}
}

func inWords(c Choice) string {
	return strings.Join(strings.Fields(fmt.Sprint(c.Verdict, " ", c.Mode, " ", c.Outcome)), " ")
}
