package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

func noInit(t *Tree) []Finding {
	var found []Finding
	t.source(true, func(p *Package, f *File) {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				found = append(found, Finding{p.at(fn), "func init: do it where it is asked for"})
			}
		}
	})
	return found
}

// noRegistration bars the libraries' global lists, and calls made for their side effect while packages load. A metrics
// registry of one's own is no such list; a test's flags are (-update is a flag of the test binary).
func noRegistration(t *Tree) []Finding {
	barred := map[string][]string{
		"net/http":     {"Handle", "HandleFunc", "DefaultServeMux", "DefaultClient"},
		"encoding/gob": {"Register", "RegisterName"},
		"flag":         nil, // all of it: cobra's commands are built by functions
		"expvar":       nil,
		"github.com/prometheus/client_golang/prometheus":          {"Register", "MustRegister", "DefaultRegisterer", "DefaultGatherer"},
		"github.com/prometheus/client_golang/prometheus/promauto": {"NewCounter", "NewCounterVec", "NewGauge", "NewGaugeVec", "NewHistogram", "NewHistogramVec", "NewGaugeFunc", "NewCounterFunc"},
	}
	var found []Finding
	t.source(false, func(p *Package, f *File) {
		ast.Inspect(f.File, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			library, name := p.named(sel)
			if names, known := barred[library]; known && (names == nil || slices.Contains(names, name)) {
				found = append(found, Finding{p.at(sel), fmt.Sprintf("%s.%s is one list for the whole process", library, name)})
			}
			return true
		})
		for _, spec := range variables(f) {
			for i, value := range spec.Values {
				_, call := value.(*ast.CallExpr)
				if call && spec.Type == nil && spec.Names[min(i, len(spec.Names)-1)].Name == "_" {
					found = append(found, Finding{p.at(spec), "a call for its side effect while the package loads"})
				}
			}
		}
	})
	return found
}

// packageState bars every way to change a package's variable that syntax can show: assigning to it or to what it
// holds, counting, delete, clear, and ranging into it.
func packageState(t *Tree) []Finding {
	var found []Finding
	t.source(false, func(p *Package, f *File) {
		change := func(e ast.Expr) {
			if id := p.packageVariable(e); id != nil {
				found = append(found, Finding{p.at(e), fmt.Sprintf("changes the package's variable %s: keep it in a value that is handed on", id.Name)})
			}
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, left := range n.Lhs {
						change(left)
					}
				}
			case *ast.IncDecStmt:
				change(n.X)
			case *ast.RangeStmt:
				if n.Tok == token.ASSIGN {
					change(n.Key)
					change(n.Value)
				}
			case *ast.CallExpr:
				if len(n.Args) > 0 && (p.builtin(n.Fun, "delete") || p.builtin(n.Fun, "clear")) {
					change(n.Args[0])
				}
			}
			return true
		})
	})
	return found
}

// packageVariable returns the identifier at the root of e if it is a variable of this package or of another.
func (p *Package) packageVariable(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.ParenExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			if library, _ := p.named(x); library != "" {
				return x.Sel
			}
			e = x.X
		case *ast.Ident:
			v, ok := p.info.Uses[x].(*types.Var)
			if ok && v.Parent() == p.scope {
				return x
			}
			return nil
		default:
			return nil
		}
	}
}

func noGlobalLoggers(t *Tree) []Finding {
	var found []Finding
	t.source(true, func(p *Package, f *File) {
		for _, spec := range f.Imports {
			if name := unquote(spec.Path.Value); name == "log" || under(name, "log/slog") {
				found = append(found, Finding{p.at(spec), name + ": take a *zap.Logger"})
			}
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			library, name := p.named(sel)
			if library == "go.uber.org/zap" && (slices.Contains([]string{"L", "S"}, name) || strings.HasPrefix(name, "ReplaceGlobals") || strings.HasPrefix(name, "RedirectStdLog")) {
				found = append(found, Finding{p.at(sel), "zap." + name + ": take a *zap.Logger"})
			}
			return true
		})
	})
	return found
}
