package policy

import (
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/detour-net/detour/events"
)

// stage says what must have happened before a field is known.
type stage int

// The stages, in the order of an incident's life.
const (
	given    stage = iota // with the alarm and the inventory: what decides whether a rule matches
	planned               // when there is a plan
	observed              // when the routers were looked at
	foreseen              // when the plan's outcome was computed
)

// kind is one of the things that conditions ask about. What is said here is the whole language: a name that stands in no
// table is refused when the policy is read.
type kind struct {
	variable string
	typ      string // its name in complaints
	unknown  string // why a field may not be known
	fields   []field
}

// field is one thing that is known of a kind. of returns nil while it is not known.
type field struct {
	name  string
	typ   *types.Type
	since stage
	of    func(s *scene, end int) ref.Val
}

// nowVariable is the time of the decision.
const nowVariable = "now"

// The kinds by their variable. device is a list: the routers at the ends of the target, in the topology's order.
const (
	anomalyVariable = "anomaly"
	deviceVariable  = "device"
	linkVariable    = "link"
	planVariable    = "plan"
	verdictVariable = "verdict"
)

// kinds is the language of conditions.
func kinds() []kind {
	return []kind{
		{anomalyVariable, "Anomaly", "the alarm does not say", anomalyFields()},
		{deviceVariable, "Device", "neither the inventory nor the router has told", deviceFields()},
		{linkVariable, "Link", "neither the topology nor a router has told", linkFields()},
		{planVariable, "Plan", "there is no plan", planFields()},
		{verdictVariable, "Verdict", "the outcome was not computed", verdictFields()},
	}
}

func anomalyFields() []field {
	list := []field{
		{"kind", types.StringType, given, func(s *scene, _ int) ref.Val { return textOrNil(string(s.subject.Kind)) }},
		{"severity", types.StringType, given, func(s *scene, _ int) ref.Val { return textOrNil(string(s.subject.Severity)) }},
		{"value", types.DoubleType, given, func(s *scene, _ int) ref.Val {
			if !s.told {
				return nil
			}
			return types.Double(s.subject.Value)
		}},
		{"age", types.DurationType, given, func(s *scene, _ int) ref.Val {
			if s.subject.Anomaly == nil || s.subject.Anomaly.ObservedAt.IsZero() || s.now.IsZero() {
				return nil
			}
			return types.Duration{Duration: s.now.Sub(s.subject.Anomaly.ObservedAt)}
		}},
	}
	of := func(name string, t *types.Type, get func(a *events.Anomaly) ref.Val) {
		list = append(list, field{name, t, given, func(s *scene, _ int) ref.Val {
			if s.subject.Anomaly == nil {
				return nil
			}
			return get(s.subject.Anomaly)
		}})
	}
	of("state", types.StringType, func(a *events.Anomaly) ref.Val { return textOrNil(string(a.State)) })
	of("unit", types.StringType, func(a *events.Anomaly) ref.Val { return textOrNil(a.Unit) })
	of("threshold", types.DoubleType, func(a *events.Anomaly) ref.Val {
		if a.Threshold == 0 {
			return nil // an event that gives none reads as zero
		}
		return types.Double(a.Threshold)
	})
	of("evidence", types.NewMapType(types.StringType, types.DoubleType), func(a *events.Anomaly) ref.Val { return native(a.Evidence) })
	of("labels", types.NewMapType(types.StringType, types.StringType), func(a *events.Anomaly) ref.Val { return native(a.Labels) })
	of("observed_at", types.TimestampType, func(a *events.Anomaly) ref.Val {
		if a.ObservedAt.IsZero() {
			return nil
		}
		return types.Timestamp{Time: a.ObservedAt.UTC()}
	})
	return list
}

func deviceFields() []field {
	list := []field{
		{"name", types.StringType, given, func(s *scene, end int) ref.Val { return types.String(s.target.Ends[end].Device) }},
		{"interface", types.StringType, given, func(s *scene, end int) ref.Val { return types.String(s.target.Ends[end].Interface) }},
	}
	configured := func(name string, t *types.Type, get func(d events.Device) ref.Val) {
		list = append(list, field{name, t, given, func(s *scene, end int) ref.Val {
			for _, d := range s.subject.Devices {
				if d.Name == s.target.Ends[end].Device {
					return get(d)
				}
			}
			return nil
		}})
	}
	configured("site", types.StringType, func(d events.Device) ref.Val { return types.String(d.Site) })
	configured("plane", types.StringType, func(d events.Device) ref.Val { return types.String(d.Plane) })
	configured("roles", types.NewListType(types.StringType), func(d events.Device) ref.Val { return native(d.Roles) })

	seen := func(name string, t *types.Type, get func(e events.EndFacts) ref.Val) {
		list = append(list, field{name, t, observed, func(s *scene, end int) ref.Val {
			if e, ok := s.end(end); ok {
				return get(e)
			}
			return nil
		}})
	}
	seen("profile", types.StringType, func(e events.EndFacts) ref.Val { return textOrNil(e.Profile.Name) })
	seen("software", types.StringType, func(e events.EndFacts) ref.Val { return textOrNil(e.Profile.Software) })
	seen("qualified", types.BoolType, func(e events.EndFacts) ref.Val { return types.Bool(e.Profile.Qualified) })
	seen("oper", types.StringType, func(e events.EndFacts) ref.Val { return textOrNil(e.Oper) })
	seen("adjacencies", types.IntType, func(e events.EndFacts) ref.Val { return types.Int(e.Adjacencies) })
	seen("metric", types.IntType, func(e events.EndFacts) ref.Val { return metricOf(e) })
	traffic := func(name string, get func(t events.Traffic) int64) {
		seen(name, types.IntType, func(e events.EndFacts) ref.Val {
			if e.Traffic == nil {
				return nil
			}
			return types.Int(get(*e.Traffic))
		})
	}
	traffic("in_bps", func(t events.Traffic) int64 { return t.InBPS })
	traffic("out_bps", func(t events.Traffic) int64 { return t.OutBPS })
	traffic("in_errors_per_s", func(t events.Traffic) int64 { return t.InErrors })
	traffic("in_pps", func(t events.Traffic) int64 { return t.InPPS })
	return list
}

func linkFields() []field {
	var list []field
	of := func(name string, t *types.Type, since stage, get func(s *scene) ref.Val) {
		list = append(list, field{name, t, since, func(s *scene, _ int) ref.Val {
			if s.target.Kind != events.TargetLink {
				return nil
			}
			return get(s)
		}})
	}
	names := types.NewListType(types.StringType)
	of("name", types.StringType, given, func(s *scene) ref.Val { return textOrNil(s.target.Name) })
	of("capacity_bps", types.IntType, given, func(s *scene) ref.Val {
		if s.target.Capacity == 0 {
			return nil
		}
		return types.Int(s.target.Capacity)
	})
	of("bundle", types.StringType, given, func(s *scene) ref.Val {
		if in := s.scoped("bundle"); len(in) > 0 {
			return types.String(in[0])
		}
		return types.String("") // a link by itself
	})
	of("srlgs", names, given, func(s *scene) ref.Val { return native(s.scoped("srlg")) })
	of("sites", names, given, func(s *scene) ref.Val { return native(s.scoped("site")) })
	of("planes", names, given, func(s *scene) ref.Val { return native(s.scoped("plane")) })
	of("metric", types.NewListType(types.IntType), observed, func(s *scene) ref.Val { return s.eachEnd(metricOf) })
	of("load_permil", types.NewListType(types.IntType), observed, func(s *scene) ref.Val { return s.eachEnd(s.loadOf) })
	return list
}

func planFields() []field {
	var list []field
	of := func(name string, t *types.Type, get func(q *Question) ref.Val) {
		list = append(list, field{name, t, planned, func(s *scene, _ int) ref.Val {
			if s.question == nil {
				return nil
			}
			return get(s.question)
		}})
	}
	of("action", types.StringType, func(q *Question) ref.Val { return types.String(q.action()) })
	of("remediation", types.StringType, func(q *Question) ref.Val { return types.String(q.Plan.Remediator) })
	of("rule", types.StringType, func(q *Question) ref.Val { return types.String(q.Rule.Name) })
	of("autonomy", types.StringType, func(q *Question) ref.Val { return types.String(q.Rule.Autonomy) })
	of("mode", types.StringType, func(q *Question) ref.Val { return types.String(q.Mode) })
	of("approved", types.BoolType, func(q *Question) ref.Val { return types.Bool(q.Approved) })
	of("devices", types.NewListType(types.StringType), func(q *Question) ref.Val { return native(q.Plan.Devices()) })
	of("steps", types.IntType, func(q *Question) ref.Val { return types.Int(len(q.Plan.Steps)) })
	of("changes", types.IntType, func(q *Question) ref.Val { return types.Int(changes(q.Plan)) })
	of("metric", types.IntType, func(q *Question) ref.Val { return finalMetric(q.Plan) })
	return list
}

func verdictFields() []field {
	list := []field{{"known", types.BoolType, foreseen, func(s *scene, _ int) ref.Val { return types.Bool(s.prospect() != nil) }}}
	of := func(name string, t *types.Type, get func(p *events.Prospect) ref.Val) {
		list = append(list, field{name, t, foreseen, func(s *scene, _ int) ref.Val {
			if p := s.prospect(); p != nil {
				return get(p)
			}
			return nil
		}})
	}
	number := func(name string, get func(p *events.Prospect) int64) {
		of(name, types.IntType, func(p *events.Prospect) ref.Val { return types.Int(get(p)) })
	}
	text := func(name string, get func(p *events.Prospect) string) {
		of(name, types.StringType, func(p *events.Prospect) ref.Val { return types.String(get(p)) })
	}
	text("method", func(p *events.Prospect) string { return string(p.Method) })
	agreeing := func(name string, get func(p *events.Prospect) events.Fit) {
		of(name, types.IntType, func(p *events.Prospect) ref.Val {
			f := get(p)
			if f.Links <= 0 {
				return nil // nothing was compared: a bound predicts nothing
			}
			return types.Int(int64(f.Close) * 1000 / int64(f.Links))
		})
	}
	agreeing("fit_permil", func(p *events.Prospect) events.Fit { return p.Fit })
	agreeing("counters_permil", func(p *events.Prospect) events.Fit { return p.Counters })
	of("conserved_permil", types.IntType, func(p *events.Prospect) ref.Val {
		if p.Conserved.Routers <= 0 {
			return nil // no router is counted whole
		}
		return types.Int(int64(p.Conserved.Balanced) * 1000 / int64(p.Conserved.Routers))
	})
	list = append(list, field{"matrix_age", types.DurationType, foreseen, func(s *scene, _ int) ref.Val {
		p := s.prospect()
		if p == nil || p.MatrixAt.IsZero() || s.now.IsZero() {
			return nil
		}
		return types.Duration{Duration: s.now.Sub(p.MatrixAt)}
	}})
	number("base_worst_permil", func(p *events.Prospect) int64 { return int64(p.InService.WorstPermil) })
	number("base_survive_permil", func(p *events.Prospect) int64 { return int64(p.InService.SurvivePermil) })
	number("after_worst_permil", func(p *events.Prospect) int64 { return int64(p.Drained.WorstPermil) })
	text("after_worst_link", func(p *events.Prospect) string { return p.Drained.WorstLink })
	number("survive_permil", func(p *events.Prospect) int64 { return int64(p.Drained.SurvivePermil) })
	text("survive_failure", func(p *events.Prospect) string { return p.Drained.Failure })
	text("survive_link", func(p *events.Prospect) string { return p.Drained.Link })
	number("new_violations", func(p *events.Prospect) int64 { return int64(p.NewViolations) })
	number("cut_off_bps", func(p *events.Prospect) int64 { return p.Drained.CutOff })
	of("cut_off", types.NewListType(types.StringType), func(p *events.Prospect) ref.Val { return native(p.Drained.CutOffNames) })
	number("moved_bps", func(p *events.Prospect) int64 { return p.Moved })
	number("steps", func(p *events.Prospect) int64 { return int64(len(p.Way)) })
	of("micro_loops", types.BoolType, func(p *events.Prospect) ref.Val { return types.Bool(p.Loops) })
	number("benefit_bps", func(p *events.Prospect) int64 { return p.Benefit })
	number("harm_bps", func(p *events.Prospect) int64 { return p.Harm })
	return list
}

// textOrNil is a text, not known when it is empty.
func textOrNil(s string) ref.Val {
	if s == "" {
		return nil
	}
	return types.String(s)
}

// native is a list or a map as conditions see it.
func native(v any) ref.Val { return types.DefaultTypeAdapter.NativeToValue(v) }
