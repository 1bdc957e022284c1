package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
)

// complaint is what is wrong with an expression, and where: the index of a rune in its text.
type complaint struct {
	at   int
	text string
}

// runeAt is the index of the rune at a location.
func runeAt(text string, at common.Location) int {
	n := 0
	for i, line := range strings.Split(text, "\n") {
		length := len([]rune(line))
		if i+1 == at.Line() {
			return n + min(max(at.Column(), 0), length)
		}
		n += length + 1
	}
	return 0
}

// syntax places the parser's first complaint: what follows it is mostly its echo.
func (l *language) syntax(text string, issues *cel.Issues) []complaint {
	first := issues.Errors()[0]
	said, _, _ := strings.Cut(strings.TrimPrefix(first.Message, "Syntax error: "), " expecting ") // a dozen of tokens
	said = strings.ReplaceAll(said, "mismatched input '<EOF>'", "it ends where more is expected")
	return []complaint{{runeAt(text, first.Location), "is no condition: " + said}}
}

// What the checker says of names and types. A complaint that none of them knows stands as it was said.
var (
	undefined  = regexp.MustCompile(`^undefined field '(.*)'$`)
	undeclared = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	fieldless  = regexp.MustCompile(`^type '(.*)' does not support field selection$`)
	unmatched  = regexp.MustCompile(`^found no matching overload for '([^']*)' applied to '(.*)'$`)
)

// untyped places the checker's complaints, and says of a name that is not known which ones are.
func (l *language) untyped(text string, parsed *cel.Ast, issues *cel.Issues) []complaint {
	var list []complaint
	for _, e := range issues.Errors() {
		c := complaint{runeAt(text, e.Location), e.Message}
		if m := undefined.FindStringSubmatch(e.Message); m != nil {
			k := l.operand(parsed.NativeRep(), e.ExprID)
			c.text = fmt.Sprintf("%s has no %q; it has %s", k.variable, m[1], strings.Join(k.names(), ", "))
			if rest := []rune(text)[c.at:]; len(rest) > 0 && rest[0] == '.' {
				c.at++ // the checker points at the dot
			}
		}
		if m := undeclared.FindStringSubmatch(e.Message); m != nil {
			c.text = fmt.Sprintf("%q is not known; a condition speaks of %s", m[1], strings.Join(l.variables(), ", "))
		}
		if m := fieldless.FindStringSubmatch(e.Message); m != nil {
			c.text = fmt.Sprintf("%s has no fields", m[1])
			if m[1] == "list(Device)" {
				c.text = "device is a list of the routers at the ends: ask device.exists(d, d...), device.all(d, d...) or device[0]"
			}
		}
		if m := unmatched.FindStringSubmatch(e.Message); m != nil {
			name := m[1]
			if sign, ok := operators.FindReverse(name); ok && sign != "" {
				name = sign
			}
			c.text = fmt.Sprintf("%q does not take %s", name, m[2])
		}
		list = append(list, c)
	}
	return list
}

// operand is the kind of which a field was selected. Types are not known of what did not check: an operand that is no
// variable is an element of the only list of a kind.
func (l *language) operand(parsed *ast.AST, id int64) kind {
	variable := deviceVariable
	ast.PreOrderVisit(parsed.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.ID() == id && e.Kind() == ast.SelectKind && e.AsSelect().Operand().Kind() == ast.IdentKind {
			variable = e.AsSelect().Operand().AsIdent()
		}
	}))
	i := slices.IndexFunc(l.kinds, func(k kind) bool { return k.variable == variable })
	if i < 0 {
		i = slices.IndexFunc(l.kinds, func(k kind) bool { return k.variable == deviceVariable })
	}
	return l.kinds[i]
}
