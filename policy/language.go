package policy

import (
	"fmt"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// language compiles conditions: CEL with the kinds as its only types. It has no clock, no chance and no way out: what a
// condition says depends on its scene. What would weaken the types is left out of it (dyn, type, messages).
type language struct {
	env   *cel.Env
	kinds []kind
}

func newLanguage() (*language, error) {
	l := &language{kinds: kinds()}
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, fmt.Errorf("make the language of conditions: %w", err)
	}
	without := env.NewLibrarySubset().AddExcludedFunctions(&env.Function{Name: "dyn"}, &env.Function{Name: "type"})
	options := []cel.EnvOption{
		cel.StdLib(cel.StdLibSubset(without)),
		cel.CustomTypeProvider(&provider{Registry: registry, kinds: l.kinds}),
		cel.EnableMacroCallTracking(),
		cel.CrossTypeNumericComparisons(true), // anomaly.value > 1 is what people write
		cel.DefaultUTCTimeZone(true),
		cel.ParserRecursionLimit(64),
		cel.ParserErrorRecoveryLimit(4),
		cel.ParserExpressionSizeLimit(MaxConditionBytes),
		cel.ExpressionNodeLimit(MaxConditionBytes),
		cel.RegexProgramSizeLimit(1000),
		cel.ASTValidators(
			cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateRegexLiterals(),
			cel.ValidateHomogeneousAggregateLiterals(), cel.ValidateComprehensionNestingLimit(2),
		),
		cel.Variable(nowVariable, cel.TimestampType),
	}
	for _, k := range l.kinds {
		t := cel.ObjectType(k.typ)
		if k.variable == deviceVariable {
			t = cel.ListType(t)
		}
		options = append(options, cel.Variable(k.variable, t))
	}
	if l.env, err = cel.NewCustomEnv(options...); err != nil {
		return nil, fmt.Errorf("make the language of conditions: %w", err)
	}
	return l, nil
}

// variables are the names that an expression may begin with, in order.
func (l *language) variables() []string {
	names := []string{nowVariable}
	for _, k := range l.kinds {
		names = append(names, k.variable)
	}
	slices.Sort(names)
	return names
}

// provider tells CEL's checker and interpreter about the kinds.
type provider struct {
	*types.Registry
	kinds []kind
}

func (p *provider) kind(typ string) (kind, bool) {
	i := slices.IndexFunc(p.kinds, func(k kind) bool { return k.typ == typ })
	if i < 0 {
		return kind{}, false
	}
	return p.kinds[i], true
}

// FindStructType returns the type of a kind.
func (p *provider) FindStructType(typ string) (*types.Type, bool) {
	if _, ok := p.kind(typ); ok {
		return types.NewTypeTypeWithParam(types.NewObjectType(typ)), true
	}
	return nil, false
}

// FindStructFieldNames returns the names of a kind's fields.
func (p *provider) FindStructFieldNames(typ string) ([]string, bool) {
	k, ok := p.kind(typ)
	return k.names(), ok
}

func (k kind) names() []string {
	names := make([]string, len(k.fields))
	for i, f := range k.fields {
		names[i] = f.name
	}
	return names
}

func (k kind) field(name string) (field, bool) {
	i := slices.IndexFunc(k.fields, func(f field) bool { return f.name == name })
	if i < 0 {
		return field{}, false
	}
	return k.fields[i], true
}

// FindStructFieldType returns how a kind's field is read. A field that is not known is an error for who reads it, and not
// there for who asks with has().
func (p *provider) FindStructFieldType(typ, name string) (*types.FieldType, bool) {
	k, _ := p.kind(typ)
	f, ok := k.field(name)
	if !ok {
		return nil, false
	}
	of := func(target any) ref.Val {
		o, ok := target.(*object)
		if !ok {
			return nil
		}
		return f.of(o.scene, o.end)
	}
	return &types.FieldType{
		Type:  f.typ,
		IsSet: func(target any) bool { return of(target) != nil },
		GetFrom: func(target any) (any, error) {
			v := of(target)
			if v == nil {
				return nil, fmt.Errorf("%s.%s is not known: %s", k.variable, name, k.unknown)
			}
			return v, nil
		},
	}, true
}

// NewValue is refused: kinds are seen, not made.
func (p *provider) NewValue(typ string, _ map[string]ref.Val) ref.Val {
	return types.NewErr("%s cannot be made", typ)
}

// sizes bounds what an estimate of cost may assume of what is handed in. What turns out longer is met by the limit on the
// cost in fact.
type sizes struct{}

// EstimateSize is the size of what an expression names.
func (sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	if len(node.Path()) == 0 {
		return nil
	}
	const ends, entries, letters = 2, 64, 256 // of a link, of a list or a map, of a text (events bounds the last two for alarms)
	switch {
	case slices.Equal(node.Path(), []string{deviceVariable}):
		return &cost.SizeEstimate{Max: ends}
	case node.Type().Kind() == types.ListKind || node.Type().Kind() == types.MapKind:
		return &cost.SizeEstimate{Max: entries}
	case node.Type().Kind() == types.StringKind:
		return &cost.SizeEstimate{Max: letters}
	}
	return nil
}

// EstimateCallCost leaves the cost of functions to CEL.
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}
