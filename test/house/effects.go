package house

import (
	"go/ast"
	"go/token"
	"slices"
)

// oneWriter: outside internal/device nobody makes a gNMI client, nor a SetRequest for somebody to send; a simulated
// router makes requests to itself, for what a person types at it. Tests may be clients.
func oneWriter(t *Tree) []Finding {
	const gnmi = "github.com/openconfig/gnmi/proto/gnmi"
	var found []Finding
	t.source(false, func(p *Package, f *File) {
		if p.Path == "internal/device" {
			return
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if library, name := p.named(n); library == gnmi && slices.Contains([]string{"NewGNMIClient", "GNMIClient"}, name) {
					found = append(found, Finding{p.at(n), name + ": ask internal/device, the one writer"})
				}
			case *ast.CompositeLit:
				if library, name := p.named(n.Type); library == gnmi && name == "SetRequest" && !under(p.Path, "internal/backbone") {
					found = append(found, Finding{p.at(n), "makes a SetRequest: ask internal/device, the one writer"})
				}
			}
			return true
		})
	})
	return found
}

// errorText finds decisions that rest on an error's text. Tests may: there the text is what is tested.
func errorText(t *Tree) []Finding {
	var found []Finding
	t.source(false, func(p *Package, f *File) {
		report := func(n ast.Node) {
			found = append(found, Finding{p.at(n), "decides by an error's text: use errors.Is, errors.As, or a status code at its boundary"})
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				library, name := p.named(n.Fun)
				looks := slices.Contains([]string{"strings", "regexp", "path"}, library) && !slices.Contains([]string{"TrimSpace", "ReplaceAll", "ToLower", "ToUpper"}, name)
				if looks && slices.ContainsFunc(n.Args, isErrorText) {
					report(n)
				}
			case *ast.BinaryExpr:
				equal := n.Op == token.EQL || n.Op == token.NEQ
				if equal && (isErrorText(n.X) || isErrorText(n.Y)) && !(isErrorText(n.X) && isErrorText(n.Y)) {
					report(n)
				}
			case *ast.SwitchStmt:
				if n.Tag != nil && isErrorText(n.Tag) {
					report(n)
				}
			}
			return true
		})
	})
	return found
}

// isErrorText knows a call x.Error() without arguments.
func isErrorText(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok || len(call.Args) > 0 {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "Error"
}

// longestPoll is the longest pause between two looks at a condition in a test.
const longestPoll = "50 ms"

// sleeps allows time.Sleep in two places: where time is synctest's, and as the short pause of a test's loop that looks
// at a condition.
func sleeps(t *Tree) []Finding {
	var found []Finding
	t.source(true, func(p *Package, f *File) {
		var free []ast.Node // nodes below which a sleep is allowed
		ast.Inspect(f.File, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if library, name := p.named(n.Fun); library == "testing/synctest" && name == "Test" {
					free = append(free, n)
				} else if library == "time" && name == "Sleep" && !slices.ContainsFunc(free, func(outer ast.Node) bool { return outer.Pos() <= n.Pos() && n.End() <= outer.End() }) {
					found = append(found, Finding{p.at(n), "time.Sleep: wait on a channel or a context, use synctest, or look again in a loop at most every " + longestPoll})
				}
			case *ast.ForStmt:
				if f.Test {
					free = append(free, shortSleeps(p, n)...)
				}
			}
			return true
		})
	})
	return found
}

// shortSleeps finds the sleeps in a loop whose length is a literal of at most longestPoll.
func shortSleeps(p *Package, loop *ast.ForStmt) []ast.Node {
	var short []ast.Node
	ast.Inspect(loop.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 {
			return true
		}
		if library, name := p.named(call.Fun); library == "time" && name == "Sleep" && isShort(p, call.Args[0]) {
			short = append(short, call)
		}
		return true
	})
	return short
}

// isShort knows time.Millisecond, and products of it with a literal up to 50.
func isShort(p *Package, e ast.Expr) bool {
	if library, name := p.named(e); library == "time" {
		return slices.Contains([]string{"Millisecond", "Microsecond", "Nanosecond"}, name)
	}
	product, ok := e.(*ast.BinaryExpr)
	if !ok || product.Op != token.MUL {
		return false
	}
	factor, ok := product.X.(*ast.BasicLit)
	unit := product.Y
	if !ok {
		factor, ok = product.Y.(*ast.BasicLit)
		unit = product.X
	}
	if !ok {
		return false
	}
	n := len(factor.Value)
	return isShort(p, unit) && (n == 1 || n == 2 && factor.Value <= "50")
}
