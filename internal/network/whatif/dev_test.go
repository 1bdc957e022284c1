package whatif

import (
	"slices"
	"testing"
	"time"
)

func TestDev(t *testing.T) {
	s := ispLike(1000, 4000, 600, 1)
	st := solved(t, s)
	all := slices.Concat(st.net.Links(), st.net.Groups(), st.net.Nodes())
	b := time.Now()
	sv, _ := NewSurvey(st, all, 1<<30)
	t.Log("survey", time.Since(b), sv.Bytes()/1e6, "MB", len(all))
	t.Logf("worst %+v present %+v", st.Worst(), sv.Present(DefaultLimits()))
	for i := 0; i < 4000; i += 400 {
		after, _ := st.Apply(SoftDrain(s.Links[i].Name))
		b := time.Now()
		tr := newTrial(sv, after, DefaultLimits())
		t1 := time.Since(b)
		for _, i := range sv.order {
			tr.bound(i)
		}
		t2 := time.Since(b)
		must, loads, n0 := 0, 0, 0
		for _, o := range tr.open {
			if o.must {
				must++
			}
			if o.loads {
				loads++
				f := &sv.failures[o.index]
				if n0++; n0%150 == 1 {
					t.Log("   ", f.name, "slack", tr.slack.of(f, &sv.effects[o.index])>>10, "moved", after.moved(f)>>10, "bound", o.bound.permil, "was", sv.effects[o.index].peak.permil, len(sv.effects[o.index].arcs), "must", o.must, "k.all", tr.slack.all>>10)
				}
			}
		}
		diff := 0
		for j := range after.rows {
			if after.rows[j] != st.rows[j] {
				diff++
			}
		}
		tr.resolve()
		out := tr.survival()
		t.Log(i, t1, t2, time.Since(b), "open", len(tr.open), "must", must, "loads", loads, "rows", diff, out.Settled, out.Exact, out.Violations, out.Cut, out.Worst)
	}
}
