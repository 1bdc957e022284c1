package whatif

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"
)

func cpuNow() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

type clock map[string]time.Duration

func (c clock) do(name string, f func()) {
	t := cpuNow()
	f()
	c[name] += cpuNow() - t
}

func TestProbe(t *testing.T) {
	if os.Getenv("PROBE") == "" {
		t.Skip()
	}
	count := 40
	fmt.Sscan(os.Getenv("PROBE"), &count)
	for _, x := range []struct {
		name string
		spec func() Spec
	}{
		{"Kdl", func() Spec { return zoo(t, "Kdl", 4e10).spec() }},
		{"isp", func() Spec { return ispLike(1000, 4000, 950, 1) }},
		{"geometric", func() Spec { return geometric(1000, 4000, 950, 1) }},
	} {
		if only := os.Getenv("NET"); only != "" && only != x.name {
			continue
		}
		c := clock{}
		s := x.spec()
		n := mustNew(t, s)
		var st *State
		c.do("solve", func() { st = n.Solve() })
		all := slices.Concat(st.net.Links(), st.net.Groups(), st.net.Nodes())
		var sv *Survey
		c.do("survey", func() { sv, _ = NewSurvey(st, all, 1<<30) })
		fmt.Printf("%s: solve %v survey %v MB %.1f present %+v\n", x.name, c["solve"], c["survey"], float64(sv.Bytes())/1e6, sv.Present(DefaultLimits()).Worst)
		var took []time.Duration
		r := rand.New(rand.NewPCG(5, 5))
		var exacts []int
		for range count {
			link := s.Links[r.IntN(len(s.Links))].Name
			begin := cpuNow()
			var after *State
			var out Survival
			c.do("apply", func() { after, _ = st.Apply(SoftDrain(link)) })
			out = probeSurvive(c, sv, after)
			took = append(took, cpuNow()-begin)
			exacts = append(exacts, out.Exact)
		}
		slices.Sort(took)
		slices.Sort(exacts)
		fmt.Printf("  cpu p50 %v p95 %v max %v; exact p50 %d p95 %d max %d\n", took[len(took)/2], took[len(took)*95/100], took[len(took)-1], exacts[len(exacts)/2], exacts[len(exacts)*95/100], exacts[len(exacts)-1])
		for k, v := range c {
			fmt.Printf("   %-10s %v/op\n", k, v/time.Duration(count))
		}
	}
}

func probeSurvive(c clock, sv *Survey, after *State) (out Survival) {
	var tr *trial
	c.do("newTrial", func() { tr = newTrial(sv, after, DefaultLimits()) })
	c.do("look", func() { tr.look(sv.order) })
	musts := func() (m int) {
		for _, o := range tr.open {
			if o.must() {
				m++
			}
		}
		return m
	}
	a, must := len(tr.open), musts()
	c.do("aim", tr.aim)
	a1 := len(tr.open)
	rowsN, rowsAll, eRows, listed := 0, 0, 0, 0
	for _, o := range tr.open {
		if o.bound.above() && tr.additive(o.index) && tr.exact[o.index] == nil {
			cl := closer{open: o}
			tr.choose(&cl, false)
			rowsN += len(cl.rows)
			listed++
			rowsAll += len(tr.slack.meets(&sv.failures[o.index]))
			eRows += sv.effects[o.index].rows
		}
	}
	fmt.Printf("   listed %d, rows chosen %d of %d meeting of %d\n", listed, rowsN, rowsAll, eRows)
	c.do("refine1", func() { tr.refine(false) })
	b1, must1 := len(tr.open), musts()
	c.do("refine2", func() { tr.refine(true) })
	must2 := musts()
	best := tr.best.peak.permil
	rows := 0
	for i := range after.rows {
		if after.rows[i] != sv.before.rows[i] {
			rows++
		}
	}
	b := len(tr.open)
	c.do("resolve", tr.resolve)
	c.do("survival", func() { out = tr.survival() })
	fmt.Printf("  rows %d open %d must %d; aimed %d; refined %d must %d; more %d must %d; bar %d worst %d viol %d cut %d exact %d\n", rows, a, must, a1, b1, must1, b, must2, best, tr.best.peak.permil, out.Violations, out.Cut, out.Exact)
	return out
}
