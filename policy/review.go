package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// mention is something that a condition asks for: a field of a kind, an entry of a field that is a map, or the time.
type mention struct {
	kind  kind // the zero kind: the time
	field field
	key   string // of an entry
}

func (m mention) name() string {
	name := nowVariable
	if m.kind.variable != "" {
		name = m.kind.variable + "." + m.field.name
	}
	if m.key != "" {
		name += "." + m.key
	}
	return name
}

// in is the mention with its value, for example "link.capacity_bps=10000000000"; of devices the values of all ends.
func (m mention) in(s *scene) string {
	switch m.kind.variable {
	case "":
		if s.now.IsZero() {
			return nowVariable + "=" + show(nil)
		}
		return nowVariable + "=" + s.now.UTC().Format(time.RFC3339)
	case deviceVariable:
		ends := make([]string, len(s.target.Ends))
		for i := range ends {
			ends[i] = m.show(m.field.of(s, i))
		}
		return m.name() + "=" + strings.Join(ends, "/")
	}
	return m.name() + "=" + m.show(m.field.of(s, 0))
}

func (m mention) show(v ref.Val) string {
	if entries, ok := v.(traits.Mapper); ok && m.key != "" {
		v, _ = entries.Find(types.String(m.key))
	}
	const shown = 80
	return clip(show(v), shown)
}

// show is a value for people.
func show(v ref.Val) string {
	switch v := v.(type) {
	case nil:
		return "not known"
	case types.Timestamp:
		return v.UTC().Format(time.RFC3339)
	case traits.Lister:
		var parts []string
		for i := v.Iterator(); i.HasNext() == types.True; {
			parts = append(parts, show(i.Next()))
		}
		return "[" + strings.Join(parts, " ") + "]"
	case traits.Mapper:
		entries := map[string]string{}
		for i := v.Iterator(); i.HasNext() == types.True; {
			key := i.Next()
			entries[show(key)] = show(v.Get(key))
		}
		parts := make([]string, 0, len(entries))
		for _, key := range slices.Sorted(maps.Keys(entries)) {
			parts = append(parts, key+":"+entries[key])
		}
		return "{" + strings.Join(parts, " ") + "}"
	}
	return fmt.Sprint(v.Value())
}

// reviewed is what a walk over a checked expression finds.
type reviewed struct {
	language *language
	ast      *ast.AST
	text     string
	whole    map[int64]bool // fields of which an entry is mentioned: they are not mentioned once more themselves

	mentions   []mention
	since      stage
	complaints []complaint
}

// review collects what the expression mentions, and refuses what would make its answer depend on chance or on somebody
// else's pattern.
func (l *language) review(text string, checked *cel.Ast) *reviewed {
	r := &reviewed{language: l, ast: checked.NativeRep(), text: text, whole: map[int64]bool{}}
	ast.PreOrderVisit(r.ast.Expr(), ast.NewExprVisitor(r.visit))
	return r
}

func (r *reviewed) visit(e ast.Expr) {
	switch e.Kind() {
	case ast.IdentKind:
		if e.AsIdent() == nowVariable {
			r.mention(mention{})
		}
	case ast.SelectKind:
		r.selected(e)
	case ast.CallKind:
		r.called(e)
	case ast.ComprehensionKind:
		if over := e.AsComprehension().IterRange(); r.ast.GetType(over.ID()).Kind() == types.MapKind {
			r.bad(over, "the entries of a map have no order: ask for one by its name, or with in")
		}
	case ast.StructKind:
		r.bad(e, "%s cannot be made in a condition", e.AsStruct().TypeName())
	}
}

func (r *reviewed) selected(e ast.Expr) {
	sel := e.AsSelect()
	of := r.ast.GetType(sel.Operand().ID())
	if of.Kind() == types.MapKind {
		r.entry(sel.Operand(), sel.FieldName())
		return
	}
	if m, ok := r.named(e); ok && !r.whole[e.ID()] {
		r.mention(m)
	}
}

// named is the field that e selects.
func (r *reviewed) named(e ast.Expr) (mention, bool) {
	if e.Kind() != ast.SelectKind {
		return mention{}, false
	}
	of := r.ast.GetType(e.AsSelect().Operand().ID())
	for _, k := range r.language.kinds {
		if f, ok := k.field(e.AsSelect().FieldName()); ok && of.Kind() == types.StructKind && of.TypeName() == k.typ {
			return mention{kind: k, field: f}, true
		}
	}
	return mention{}, false
}

// entry mentions one entry of a field that is a map.
func (r *reviewed) entry(of ast.Expr, key string) {
	if m, ok := r.named(of); ok {
		m.key = key
		r.whole[of.ID()] = true
		r.mention(m)
	}
}

func (r *reviewed) called(e ast.Expr) {
	args := e.AsCall().Args()
	if e.AsCall().IsMemberFunction() {
		args = slices.Insert(slices.Clone(args), 0, e.AsCall().Target())
	}
	switch e.AsCall().FunctionName() {
	case operators.Index:
		if r.ast.GetType(args[0].ID()).Kind() == types.MapKind && args[1].Kind() == ast.LiteralKind {
			if key, ok := args[1].AsLiteral().(types.String); ok {
				r.entry(args[0], string(key))
			}
		}
	case "matches":
		pattern, ok := types.String(""), args[1].Kind() == ast.LiteralKind
		if ok {
			pattern, ok = args[1].AsLiteral().(types.String)
		}
		switch {
		case !ok:
			r.bad(args[1], "want the pattern written out: one that comes from elsewhere cannot be checked")
		case len(pattern) > maxPattern:
			r.bad(args[1], "the pattern has %d bytes, at most %d are taken", len(pattern), maxPattern)
		}
	}
}

func (r *reviewed) mention(m mention) {
	r.since = max(r.since, m.field.since)
	if !slices.ContainsFunc(r.mentions, func(o mention) bool { return o.name() == m.name() }) {
		r.mentions = append(r.mentions, m)
	}
}

func (r *reviewed) bad(e ast.Expr, format string, args ...any) {
	at := r.ast.SourceInfo().GetStartLocation(e.ID())
	r.complaints = append(r.complaints, complaint{runeAt(r.text, at), fmt.Sprintf(format, args...)})
}
