package whatif

import (
	"slices"
	"testing"
	"time"
)

// eachNetwork runs a benchmark on networks of a provider's size.
func eachNetwork(b *testing.B, run func(b *testing.B, s Spec)) {
	for _, x := range []struct {
		name string
		spec func() Spec
	}{
		{"Kdl", func() Spec { return zoo(b, "Kdl", 4e10).spec() }},
		{"isp-1000-4000", func() Spec { return ispLike(1000, 4000, 950, 1) }},
		{"geometric-1000-4000", func() Spec { return geometric(1000, 4000, 950, 1) }},
	} {
		b.Run(x.name, func(b *testing.B) { run(b, x.spec()) })
	}
}

func BenchmarkSolve(b *testing.B) {
	eachNetwork(b, func(b *testing.B, s Spec) {
		n, err := New(s)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			n.Solve()
		}
	})
}

func BenchmarkDrain(b *testing.B) {
	eachNetwork(b, func(b *testing.B, s Spec) {
		st := solved(b, s)
		i := 0
		for b.Loop() {
			if _, err := st.Apply(SoftDrain(s.Links[i%len(s.Links)].Name)); err != nil {
				b.Fatal(err)
			}
			i += 7
		}
	})
}

func BenchmarkSurvey(b *testing.B) {
	eachNetwork(b, func(b *testing.B, s Spec) {
		st := solved(b, s)
		all := slices.Concat(st.net.Links(), st.net.Groups(), st.net.Nodes())
		for b.Loop() {
			sv, err := NewSurvey(st, all, 1<<30)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(sv.Bytes())/1e6, "MB")
		}
	})
}

// BenchmarkVerdictOfTwo is a drain in two topologies over the same links at once, each with half of the traffic.
func BenchmarkVerdictOfTwo(b *testing.B) {
	eachNetwork(b, func(b *testing.B, s Spec) {
		halved := slices.Clone(s.Demands)
		for i := range halved {
			halved[i].BPS /= 2
		}
		other := Spec{Nodes: s.Nodes, Links: slices.Clone(s.Links), Demands: halved}
		s.Demands = halved
		for i := range other.Links {
			if i%10 == 0 {
				l := &other.Links[i]
				l.MetricAB, l.MetricBA = l.MetricAB*3/2, l.MetricBA*3/2
			}
		}
		base := []*State{solved(b, s), solved(b, other)}
		n := base[0].net
		sv, err := SurveyLayers(base, slices.Concat(n.Links(), n.Groups(), n.Nodes()), 1<<30)
		if err != nil {
			b.Fatal(err)
		}
		var took []time.Duration
		for i := 0; b.Loop(); i += 37 {
			begin := time.Now()
			var after []*State
			for _, st := range base {
				drained, err := st.Apply(SoftDrain(s.Links[i%len(s.Links)].Name))
				if err != nil {
					b.Fatal(err)
				}
				after = append(after, drained)
			}
			if _, err := sv.SurviveLayers(after, DefaultLimits()); err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(begin))
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1e3, "p50-ms")
		b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1e3, "p95-ms")
	})
}

// BenchmarkVerdict is one drain with every link, risk group and node failing on top of it, tables warm.
func BenchmarkVerdict(b *testing.B) {
	eachNetwork(b, func(b *testing.B, s Spec) {
		st := solved(b, s)
		sv, err := NewSurvey(st, slices.Concat(st.net.Links(), st.net.Groups(), st.net.Nodes()), 1<<30)
		if err != nil {
			b.Fatal(err)
		}
		var took []time.Duration
		failures, settled := 0, 0
		for i := 0; b.Loop(); i += 37 {
			begin := time.Now()
			after, err := st.Apply(SoftDrain(s.Links[i%len(s.Links)].Name))
			if err != nil {
				b.Fatal(err)
			}
			out, err := sv.Survive(after, DefaultLimits())
			if err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(begin))
			failures, settled = failures+out.Failures, settled+out.Settled
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1e3, "p50-ms")
		b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1e3, "p95-ms")
		b.ReportMetric(100*float64(settled)/float64(failures), "%settled")
		b.ReportMetric(float64(failures-settled)/float64(len(took)), "exact/op")
	})
}
