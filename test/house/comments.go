package house

import (
	"fmt"
	"go/ast"
	"strings"
)

func packageComments(t *Tree) []Finding {
	var found []Finding
	for _, p := range t.Packages {
		text, own := "", false
		for _, f := range p.Files {
			if f.Doc != nil {
				text += f.Doc.Text()
			}
			own = own || !strings.HasSuffix(f.Path, "_test.go")
		}
		if !own && strings.HasSuffix(p.Name, "_test") {
			continue // external tests speak for the package that they test
		}
		begin := "Package " + p.Name + " "
		if p.Name == "main" {
			begin = "Command "
		}
		sentence, _, ended := strings.Cut(strings.ReplaceAll(text, "\n", " ")+" ", ". ")
		switch {
		case text == "":
			found = append(found, Finding{p.Path, "has no package comment"})
		case !strings.HasPrefix(text, begin):
			found = append(found, Finding{p.Path, fmt.Sprintf("the package comment begins with %q, not with %q", firstWords(text), begin)})
		case !ended && !strings.Contains(text, ":\n") || len(strings.Fields(sentence)) < 5:
			found = append(found, Finding{p.Path, "the package comment is no sentence"})
		}
	}
	return found
}

func firstWords(text string) string {
	words := strings.Fields(text)
	return strings.Join(words[:min(3, len(words))], " ")
}

// docComments asks for a comment on every exported constant, variable, type, function and method of an exported type.
// A group's comment, or one at the end of the line, is enough for constants and variables; the comment on the first of
// several methods of one name that follow each other line by line is enough for all.
func docComments(t *Tree) []Finding {
	var found []Finding
	t.source(true, func(p *Package, f *File) {
		if p.Name == "main" || strings.HasSuffix(f.Path, "_test.go") {
			return
		}
		report := func(id *ast.Ident) {
			found = append(found, Finding{p.at(id), id.Name + " is exported and has no comment"})
		}
		for i, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if i > 0 && p.continues(f.Decls[i-1], d) {
					continue
				}
				if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || ast.IsExported(receiver(d)) && !speaksForItself(d)) {
					report(d.Name)
				}
			case *ast.GenDecl:
				for _, id := range uncommented(d) {
					report(id)
				}
			}
		}
	})
	return found
}

// continues says whether fn is the next line's method of the same name as the one before.
func (p *Package) continues(before ast.Decl, fn *ast.FuncDecl) bool {
	previous, ok := before.(*ast.FuncDecl)
	if !ok || fn.Recv == nil || previous.Recv == nil || previous.Name.Name != fn.Name.Name {
		return false
	}
	return p.tree.fset.Position(previous.End()).Line+1 == p.tree.fset.Position(fn.Pos()).Line
}

// speaksForItself: methods whose name, arguments and results are the standard library's say nothing new in a comment.
func speaksForItself(fn *ast.FuncDecl) bool {
	switch fn.Name.Name {
	case "String", "Error", "Unwrap":
		return len(fn.Type.Params.List) == 0
	case "MarshalJSON", "MarshalText":
		return len(fn.Type.Params.List) == 0
	case "UnmarshalJSON", "UnmarshalText":
		return len(fn.Type.Params.List) == 1
	case "Len", "Less", "Swap", "Push", "Pop": // of container/heap
		return true
	}
	return false
}

func uncommented(d *ast.GenDecl) []*ast.Ident {
	var missing []*ast.Ident
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && s.Doc == nil && (d.Doc == nil || d.Lparen.IsValid()) {
				missing = append(missing, s.Name)
			}
		case *ast.ValueSpec:
			if d.Doc != nil || s.Doc != nil || s.Comment != nil {
				continue
			}
			for _, id := range s.Names {
				if id.IsExported() {
					missing = append(missing, id)
				}
			}
		}
	}
	return missing
}
