package policy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/events"
)

// apart are the keys of a policy that are not limits: they are lists, which have accessors of their own.
var apart = map[string]string{"rules": "Rules", "windows": "Windows", "checks": "Checks"}

// setting is one value of a policy's file that can be changed.
type setting struct {
	path string
	is   reflect.Value
	set  func(reflect.Value)
}

// settingsBelow are all values below v, found as the file's reader finds them: by the yaml tags.
func settingsBelow(t *testing.T, path string, v reflect.Value, set func(reflect.Value)) (list []setting) {
	t.Helper()
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
			if key == "" || key == "-" {
				t.Fatalf("%s.%s has no key", path, v.Type().Field(i).Name)
			}
			if _, listed := apart[key]; path == "" && listed {
				continue
			}
			list = append(list, settingsBelow(t, strings.TrimPrefix(path+"."+key, "."), v.Field(i), v.Field(i).Set)...)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			list = append(list, settingsBelow(t, path+"."+key.String(), v.MapIndex(key), func(to reflect.Value) { v.SetMapIndex(key, to) })...)
		}
	default:
		list = append(list, setting{path, v, set})
	}
	return list
}

// other is a value unlike v, and how it is to be printed.
func other(t *testing.T, v reflect.Value) (reflect.Value, string) {
	t.Helper()
	to := reflect.New(v.Type()).Elem()
	switch of := v.Interface().(type) {
	case events.Duration:
		to.Set(reflect.ValueOf(of + 7e9))
		return to, (of + 7e9).String()
	case []Rate:
		to.Set(reflect.ValueOf([]Rate{{Per: 60e9, AtMost: 4711}}))
		return to, "4711 in 1m0s"
	case []string:
		to.Set(reflect.ValueOf([]string{"odd", "even"}))
		return to, "odd, even"
	}
	switch v.Kind() {
	case reflect.Int, reflect.Int64:
		to.SetInt(4711)
		return to, "4711"
	case reflect.Float64:
		to.SetFloat(0.4711)
		return to, "0.4711"
	case reflect.String:
		to.SetString("odd")
		return to, "odd"
	}
	t.Fatalf("a %s in a policy: how is it printed?", v.Type())
	return to, ""
}

// TestEveryKeyIsPrinted changes one value after the other of everything that a policy can say: exactly one limit is printed
// otherwise, under the key's own path, with the new value. Lists have accessors of their own.
func TestEveryKeyIsPrinted(t *testing.T) {
	settings := func() (*Policy, map[string]setting) {
		p, by := parse(t, whole), map[string]setting{}
		for _, s := range settingsBelow(t, "", reflect.ValueOf(&p.file).Elem(), nil) {
			by[s.path] = s
		}
		return p, by
	}
	printed := func(p *Policy) map[string]string {
		values := map[string]string{}
		for _, l := range p.Limits() {
			values[l.Name] = l.Value
		}
		return values
	}
	before, all := settings()
	was := printed(before)
	if len(all) < 50 {
		t.Fatalf("only %d settings: %v", len(all), all)
	}
	for path := range all {
		p, by := settings()
		to, text := other(t, by[path].is)
		by[path].set(to)
		want := maps.Clone(was)
		want[path] = text
		if diff := cmp.Diff(want, printed(p)); diff != "" {
			t.Errorf("%s (-want +printed):\n%s", path, diff)
		}
	}
	for key, accessor := range apart {
		if _, there := reflect.TypeFor[*Policy]().MethodByName(accessor); !there {
			t.Errorf("%s are neither a limit nor told by %s", key, accessor)
		}
	}
}

// TestSourceOfEveryKey: what the file says is said to be from there, and nothing else.
func TestSourceOfEveryKey(t *testing.T) {
	for _, l := range parse(t, "{}").Limits() {
		if l.Source == FromFile || (l.Source == Compiled) != strings.HasPrefix(l.Name, "ceiling.") {
			t.Errorf("%+v of an empty file", l)
		}
	}
	p := parse(t, whole)
	for _, l := range p.Limits() {
		if want := p.doc.Has(l.Name); want != (l.Source == FromFile) {
			t.Errorf("%+v: given in the file: %t", l, want)
		}
	}
}

// TestEveryCeilingIsPrinted holds the compiled limits against those in the source.
func TestEveryCeilingIsPrinted(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "ceiling.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			for _, name := range v.Names {
				names[name.Name] = true
			}
		}
		return true
	})
	delete(names, "LastMetric") // a metric, and no limit
	if len(names) < 10 || len(names) != len(ceilings()) {
		t.Errorf("ceilings in the source %v, printed %v", names, ceilings())
	}
}
