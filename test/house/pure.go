package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
)

// pure are the folders of the pure half, with their reader of YAML, which policy leans on.
func pure() []string {
	return []string{"events", "policy", "remediators", "internal/incident", "internal/config/strict"}
}

// eachPure visits the pure half's files, tests left out.
func (t *Tree) eachPure(visit func(*Package, *File)) {
	t.source(false, func(p *Package, f *File) {
		if anyUnder(p.Path, pure()) {
			visit(p, f)
		}
	})
}

// pureImports allows by name: what is new must be looked at. io is there for its EOF and its interfaces, time for its
// types (pureCalls bars its clocks).
func pureImports(t *Tree) []Finding {
	allowed := []string{
		"bytes", "cmp", "container/heap", "crypto/sha256", "encoding", "encoding/binary", "encoding/hex", "encoding/json", "errors", "fmt", "hash/maphash", "io", "iter",
		"maps", "math", "math/big", "math/bits", "net/netip", "reflect", "regexp", "slices", "sort", "strconv", "strings", "time",
		"unicode", "unicode/utf8",
	}
	libraries := []string{"github.com/goccy/go-yaml", "cel.dev/cel-go"}
	for _, folder := range pure() {
		allowed = append(allowed, t.Module+"/"+folder)
	}
	var found []Finding
	t.eachPure(func(p *Package, f *File) {
		for _, spec := range f.Imports {
			name := unquote(spec.Path.Value)
			if slices.Contains(allowed, name) || under(name, t.Module) && anyUnder(name, allowed) || anyUnder(name, libraries) {
				continue
			}
			found = append(found, Finding{p.at(spec), fmt.Sprintf("%s is not on the list of what the pure half may import", name)})
		}
	})
	return found
}

func pureCalls(t *Tree) []Finding {
	barred := map[string][]string{
		"time": {"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "NewTimer", "NewTicker", "Tick", "Local"},
		"fmt":  {"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"},
		"io":   {"Pipe"},
	}
	var found []Finding
	t.eachPure(func(p *Package, f *File) {
		ast.Inspect(f.File, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if library, name := p.named(n); slices.Contains(barred[library], name) {
					found = append(found, Finding{p.at(n), fmt.Sprintf("%s.%s: time is an argument, output is returned", library, name)})
				}
			case *ast.CallExpr:
				if p.builtin(n.Fun, "print") || p.builtin(n.Fun, "println") {
					found = append(found, Finding{p.at(n), "print: output is returned"})
				}
			}
			return true
		})
	})
	return found
}

func pureGoroutines(t *Tree) []Finding {
	var found []Finding
	report := func(p *Package, n ast.Node, what string) {
		found = append(found, Finding{p.at(n), what + " in the pure half"})
	}
	t.eachPure(func(p *Package, f *File) {
		ast.Inspect(f.File, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				report(p, n, "a goroutine")
			case *ast.ChanType:
				report(p, n, "a channel")
			case *ast.SelectStmt:
				report(p, n, "a select")
			}
			return true
		})
	})
	return found
}

// pureVariables allows package variables that are tables: a literal, an error, a compiled pattern, a blank assertion.
// That they stay as they are is package-state's business, for every package.
func pureVariables(t *Tree) []Finding {
	makers := map[string][]string{"errors": {"New"}, "fmt": {"Errorf"}, "regexp": {"MustCompile"}, "strings": {"NewReplacer"}, "time": {"Date"}, "reflect": {"TypeFor", "TypeOf"}}
	table := func(p *Package, e ast.Expr) bool {
		switch e := e.(type) {
		case *ast.CompositeLit, *ast.FuncLit, *ast.BasicLit:
			return true
		case *ast.CallExpr:
			library, name := p.named(e.Fun)
			return slices.Contains(makers[library], name)
		}
		return false
	}
	var found []Finding
	t.eachPure(func(p *Package, f *File) {
		for _, spec := range variables(f) {
			for i, id := range spec.Names {
				if id.Name != "_" && (i >= len(spec.Values) || !table(p, spec.Values[i])) {
					found = append(found, Finding{p.at(id), id.Name + " is no table: give it a literal, or make it an argument"})
				}
			}
		}
	})
	return found
}

// variables returns the package-level variable declarations of a file.
func variables(f *File) []*ast.ValueSpec {
	var specs []*ast.ValueSpec
	for _, d := range f.Decls {
		gen, ok := d.(*ast.GenDecl)
		if !ok || gen.Tok != token.VAR {
			continue
		}
		for _, s := range gen.Specs {
			specs = append(specs, s.(*ast.ValueSpec))
		}
	}
	return specs
}
