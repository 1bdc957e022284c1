package policy

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/detour-net/detour/events"
)

// scene is all that a condition may look at.
type scene struct {
	now      time.Time
	subject  Subject
	told     bool // the subject was handed in, not guessed from the question
	target   events.Target
	question *Question // nil while a rule is being looked for
}

// scene is what conditions see when a rule is looked for.
func (s Subject) scene() *scene {
	target := s.Target
	if target.Scopes == nil {
		target.Scopes = s.Scopes
	}
	return &scene{now: s.Now, subject: s, told: true, target: target}
}

// scene is what conditions see when a plan is judged. The kind of the anomaly is always known, the rest of the subject
// only when it was handed in.
func (q Question) scene() *scene {
	s := &scene{now: q.Now, subject: q.Subject, told: q.Subject.Kind != "", target: q.Plan.Target, question: &q}
	if !s.told {
		s.subject.Kind = q.Symptom
	}
	return s
}

// ResolveName is the value of a variable; what has no value is an error of the condition that asks for it.
func (s *scene) ResolveName(name string) (any, bool) {
	switch name {
	case nowVariable:
		if s.now.IsZero() {
			return nil, false
		}
		return types.Timestamp{Time: s.now.UTC()}, true
	case deviceVariable:
		ends := make([]ref.Val, len(s.target.Ends))
		for i := range ends {
			ends[i] = &object{scene: s, end: i}
		}
		return types.NewRefValList(types.DefaultTypeAdapter, ends), true
	}
	return &object{scene: s}, true
}

// Parent is nil: a scene is everything.
func (s *scene) Parent() cel.Activation { return nil }

// end is what was seen of the i-th end of the target.
func (s *scene) end(i int) (events.EndFacts, bool) {
	if s.question == nil {
		return events.EndFacts{}, false
	}
	return endOf(s.question.Facts, s.target.Ends[i].Device, s.target.Ends[i].Interface)
}

// eachEnd is a list of what get says of every end; nil when it is not known of one.
func (s *scene) eachEnd(get func(events.EndFacts) ref.Val) ref.Val {
	list := make([]ref.Val, len(s.target.Ends))
	for i := range list {
		e, ok := s.end(i)
		if !ok {
			return nil
		}
		if list[i] = get(e); list[i] == nil {
			return nil
		}
	}
	return types.NewRefValList(types.DefaultTypeAdapter, list)
}

// scoped are the names of the target's scopes of one kind.
func (s *scene) scoped(kind string) []string {
	names := []string{}
	for _, scope := range s.target.Scopes {
		if name, ok := strings.CutPrefix(string(scope), kind+":"); ok {
			names = append(names, name)
		}
	}
	return names
}

// prospect is what was computed of the plan's outcome, nil when nothing was.
func (s *scene) prospect() *events.Prospect {
	if s.question == nil || s.question.Facts.Prospect == nil || s.question.Facts.Prospect.Missing != "" {
		return nil
	}
	return s.question.Facts.Prospect
}

// loadOf is what the end sends, in thousandths of the link's capacity, rounded up.
func (s *scene) loadOf(e events.EndFacts) ref.Val {
	if e.Traffic == nil || e.Traffic.OutBPS < 0 || s.target.Capacity <= 0 {
		return nil
	}
	return types.Int(permilOf(uint64(e.Traffic.OutBPS), uint64(s.target.Capacity)))
}

// metricOf is the highest metric that SPF sees at an end, over levels and families.
func metricOf(e events.EndFacts) ref.Val {
	var highest ref.Val
	for _, leaf := range e.Leaves {
		if n, ok := effective(leaf); ok && (highest == nil || n > uint64(highest.(types.Int))) {
			highest = types.Int(min(n, math.MaxInt64))
		}
	}
	return highest
}

// finalMetric is the highest metric that the plan's last step sets.
func finalMetric(p events.Plan) ref.Val {
	var highest ref.Val
	if len(p.Steps) == 0 {
		return nil
	}
	p.Steps = p.Steps[len(p.Steps)-1:]
	settings(p, func(_ string, s events.Setting) {
		if n, ok := s.After.Uint(); ok && (highest == nil || n > uint64(highest.(types.Int))) {
			highest = types.Int(min(n, math.MaxInt64))
		}
	})
	return highest
}

// changes counts the changes of all steps.
func changes(p events.Plan) (n int) {
	for _, s := range p.Steps {
		n += len(s.Changes)
	}
	return n
}

// What a plan does to its link, as conditions see it.
const (
	actionMetric  = "metric"  // its metric changes, and it stays in normal use
	actionDrain   = "drain"   // it becomes the last resort
	actionIsolate = "isolate" // it leaves SPF altogether
)

func (q Question) action() string {
	switch {
	case q.isolates():
		return actionIsolate
	case q.drains():
		return actionDrain
	}
	return actionMetric
}

// object is a scene seen as one of the kinds; which one is the asker's to say, since every expression is typed.
type object struct {
	scene *scene
	end   int // of a device
}

// ConvertToNative is refused: nothing of a scene leaves it whole.
func (o *object) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("it cannot be read as %s", t)
}

// ConvertToType is refused, like ConvertToNative.
func (o *object) ConvertToType(t ref.Type) ref.Val {
	return types.NewErr("it cannot be turned into %s", t.TypeName())
}

// Equal reports whether both are the same end of the same scene.
func (o *object) Equal(other ref.Val) ref.Val {
	p, ok := other.(*object)
	return types.Bool(ok && *o == *p)
}

// Type is a type without a name: the checker knows the kind.
func (o *object) Type() ref.Type { return types.NewObjectType("Scene") }

// Value is the object itself, for the getters of fields.
func (o *object) Value() any { return o }
