package house

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// mayPanic are the functions that panic, by package and name, with the reason. What they meet is a programming error that
// the package's own tests would show, never something from outside.
func mayPanic() map[string]string {
	return map[string]string{
		"events.DigestOf":                  "the vocabulary always encodes; what does not is no vocabulary",
		"internal/worker.Worker.run":       "commands are a closed set of the core's",
		"internal/device.openConfigPaths":  "the templates are literals of one table",
		"internal/backbone.describer.leaf": "the paths are literals, resolved in the schema that is compiled in",
		"internal/web.Server.outer":        "hands on http.ErrAbortHandler, net/http's own way to cut off an answer",
		"cmd/detour.must":                  "commands are built of literals",
	}
}

func panics(t *Tree) []Finding {
	excused := map[string]bool{}
	var found []Finding
	t.source(false, func(p *Package, f *File) {
		for _, d := range f.Decls {
			ast.Inspect(d, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || !p.builtin(call.Fun, "panic") || p.abortsAnswer(call) {
					return true
				}
				name := p.Path + "." + declared(d)
				if _, may := mayPanic()[name]; may {
					excused[name] = true
					return true
				}
				found = append(found, Finding{p.at(call), "panic in " + declared(d) + ": return an error"})
				return true
			})
		}
	})
	return append(found, unused(t, mayPanic(), excused)...)
}

// abortsAnswer knows panic(http.ErrAbortHandler), with which a handler cuts off an answer that it has begun.
func (p *Package) abortsAnswer(call *ast.CallExpr) bool {
	if len(call.Args) != 1 {
		return false
	}
	library, name := p.named(call.Args[0])
	return library == "net/http" && name == "ErrAbortHandler"
}

// declared is the name of a function or method, such as run or Board.Apply, and "a declaration" for anything else.
func declared(d ast.Decl) string {
	fn, ok := d.(*ast.FuncDecl)
	if !ok {
		return "a declaration"
	}
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return fn.Name.Name
	}
	return receiver(fn) + "." + fn.Name.Name
}

// receiver is the name of the type that fn is a method of.
func receiver(fn *ast.FuncDecl) string {
	e := fn.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// unused finds exceptions that excuse nothing. It speaks of packages that are there only, so that a small tree in a
// test is not asked for the whole house.
func unused(t *Tree, exceptions map[string]string, excused map[string]bool) []Finding {
	var found []Finding
	for _, p := range t.Packages {
		for name := range exceptions {
			if rest, ok := strings.CutPrefix(name, p.Path+"."); ok && !strings.Contains(rest, "/") && !excused[name] && !strings.HasSuffix(p.Name, "_test") {
				found = append(found, Finding{p.Path, fmt.Sprintf("the exception for %s excuses nothing: take it out", name)})
			}
		}
	}
	slices.SortFunc(found, func(a, b Finding) int { return strings.Compare(a.String(), b.String()) })
	return found
}
