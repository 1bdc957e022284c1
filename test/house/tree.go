package house

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Tree is the module as it lies on disk: every file that is not ignored, and every Go package, parsed.
type Tree struct {
	Module   string // the module's path
	Top      []string
	Packages []*Package // by folder; a folder's external tests are a package of their own
	fset     *token.FileSet
	text     map[string][]byte // by path from the root; go.sum and binaries left out
}

// A Package is the Go files of one folder that share a package clause.
type Package struct {
	Path  string // import path from the module's root, such as internal/worker; "." is the root
	Name  string
	Files []*File
	scope *types.Scope
	info  *types.Info
	tree  *Tree
}

// A File is one parsed Go file.
type File struct {
	*ast.File
	Path      string // from the module's root
	Test      bool   // a _test.go file, any file under test/, or of a package of test support
	Generated bool
	Lines     int
}

// Load reads the module in fsys. Folders named testdata are read as text only.
func Load(fsys fs.FS) (*Tree, error) {
	t := &Tree{fset: token.NewFileSet(), text: map[string][]byte{}}
	ignored, err := readIgnored(fsys)
	if err != nil {
		return nil, err
	}
	packages := map[string]*Package{}
	err = fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == ".":
			return nil
		case name == ".git" || ignored.match(name):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.Contains(name, "/") {
			t.Top = append(t.Top, name)
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		raw, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		if name != "go.sum" && bytes.IndexByte(raw, 0) < 0 {
			t.text[name] = raw
		}
		if path.Ext(name) != ".go" || strings.Contains("/"+name, "/testdata/") {
			return nil
		}
		return t.add(packages, name, raw)
	})
	if err != nil {
		return nil, fmt.Errorf("house: read the tree: %w", err)
	}
	if t.Module, err = moduleOf(t.text["go.mod"]); err != nil {
		return nil, err
	}
	for _, p := range packages {
		t.Packages = append(t.Packages, p)
		p.check()
	}
	slices.SortFunc(t.Packages, func(a, b *Package) int {
		return strings.Compare(a.Path+" "+a.Name, b.Path+" "+b.Name)
	})
	return t, nil
}

func moduleOf(gomod []byte) (string, error) {
	for line := range strings.Lines(string(gomod)) {
		if name, ok := strings.CutPrefix(line, "module "); ok {
			return strings.TrimSpace(name), nil
		}
	}
	return "", fmt.Errorf("house: no go.mod with a module line at the root of the tree")
}

func (t *Tree) add(packages map[string]*Package, name string, raw []byte) error {
	parsed, err := parser.ParseFile(t.fset, name, raw, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	folder := path.Dir(name)
	key := folder + " " + parsed.Name.Name
	p := packages[key]
	if p == nil {
		p = &Package{Path: folder, Name: parsed.Name.Name, tree: t}
		packages[key] = p
	}
	p.Files = append(p.Files, &File{
		File:      parsed,
		Path:      name,
		Test:      strings.HasSuffix(name, "_test.go") || under(folder, "test") || isTestSupport(folder),
		Generated: ast.IsGenerated(parsed),
		Lines:     bytes.Count(raw, []byte("\n")),
	})
	return nil
}

// check resolves the package's identifiers. What it imports is replaced by empty stand-ins, so the errors that this
// brings are expected and dropped; the compiler is the judge of those.
func (p *Package) check() {
	p.info = &types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
	var files []*ast.File
	for _, f := range p.Files {
		if !f.Generated {
			files = append(files, f.File)
		}
	}
	conf := types.Config{Importer: standIns{}, Error: func(error) {}}
	checked, _ := conf.Check(p.Path, p.tree.fset, files, p.info) // see above for the error
	p.scope = checked.Scope()
}

// standIns imports every path as an empty package with the name that such a path commonly has.
type standIns struct{}

func (standIns) Import(importPath string) (*types.Package, error) {
	standIn := types.NewPackage(importPath, nameOf(importPath))
	standIn.MarkComplete()
	return standIn, nil
}

func nameOf(importPath string) string {
	name := path.Base(importPath)
	if regexp.MustCompile(`^v[0-9]+$`).MatchString(name) {
		name = path.Base(path.Dir(importPath))
	}
	name = strings.TrimPrefix(strings.TrimSuffix(name, ".go"), "go-")
	return strings.NewReplacer("-", "_", ".", "_").Replace(name)
}

// at is the place of a node, for a Finding.
func (p *Package) at(n ast.Node) string {
	where := p.tree.fset.Position(n.Pos())
	return where.Filename + ":" + strconv.Itoa(where.Line)
}

// named returns the import path and the name if e is a name of another package, such as time.Now, and "" otherwise.
func (p *Package) named(e ast.Expr) (importPath, name string) {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	id, ok := sel.X.(*ast.Ident)
	if !ok {
		return "", ""
	}
	other, ok := p.info.Uses[id].(*types.PkgName)
	if !ok {
		return "", ""
	}
	return other.Imported().Path(), sel.Sel.Name
}

// builtin says whether e is the builtin function of that name, not something that hides it.
func (p *Package) builtin(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	if !ok || id.Name != name {
		return false
	}
	_, ok = p.info.Uses[id].(*types.Builtin)
	return ok
}

// under says whether the import path is the folder or lies below it.
func under(importPath, folder string) bool {
	return importPath == folder || strings.HasPrefix(importPath, folder+"/")
}

// isTestSupport knows packages such as ledger/ledgertest and net/http/httptest by their names.
func isTestSupport(importPath string) bool {
	return strings.HasSuffix(path.Base(importPath), "test") && path.Base(importPath) != "test"
}

// source yields the hand-written files of the module, tests only if asked for.
func (t *Tree) source(tests bool, visit func(*Package, *File)) {
	for _, p := range t.Packages {
		for _, f := range p.Files {
			if !f.Generated && (tests || !f.Test) {
				visit(p, f)
			}
		}
	}
}
