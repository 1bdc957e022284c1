package house

import (
	"fmt"
	"go/ast"
)

// The limits, in lines. Generated files have none.
const (
	fileLimit         = 400
	functionLimit     = 70
	testFunctionLimit = 150
)

// mayBeLong are files (by path) and functions (by package and name) that are longer, with the reason.
func mayBeLong() map[string]string {
	return map[string]string{}
}

func fileSizes(t *Tree) []Finding {
	var found []Finding
	t.source(true, func(_ *Package, f *File) {
		_, excused := mayBeLong()[f.Path]
		switch {
		case f.Lines > fileLimit && !excused:
			found = append(found, Finding{f.Path, fmt.Sprintf("%d lines, %d at most: find the second subject in it", f.Lines, fileLimit)})
		case f.Lines <= fileLimit && excused:
			found = append(found, Finding{f.Path, "the exception for its length excuses nothing: take it out"})
		}
	})
	return found
}

func functionSizes(t *Tree) []Finding {
	excused := map[string]bool{}
	var found []Finding
	t.source(true, func(p *Package, f *File) {
		limit := functionLimit
		if f.Test {
			limit = testFunctionLimit
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := t.fset.Position(fn.End()).Line - t.fset.Position(fn.Pos()).Line + 1
			if lines <= limit {
				continue
			}
			name := p.Path + "." + declared(fn)
			if _, may := mayBeLong()[name]; may {
				excused[name] = true
				continue
			}
			found = append(found, Finding{p.at(fn), fmt.Sprintf("%s has %d lines, %d at most: find the steps in it", declared(fn), lines, limit)})
		}
	})
	return append(found, unused(t, mayBeLong(), excused)...)
}
