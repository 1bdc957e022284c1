package api_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/internal/web/api"
)

// TestFamilies writes incidents as "id" or "id>lead", and families as "id(children)".
func TestFamilies(t *testing.T) {
	for _, c := range []struct{ name, list, want string }{
		{"none", "", ""},
		{"strangers", "a b c", "a b c"},
		{"one speaks for two", "a>a b>a c d>a", "a(b d) c"},
		{"the lead comes later", "b>a c a>a", "c a(b)"},
		{"the lead is not in the list", "b>a c>a", "b c"},
		{"a lead that another one speaks for by now", "a>b b>c c>c", "c(a b)"},
		{"each speaks for the other", "a>b b>a c", "a b c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var list []api.Summary
			for text := range strings.FieldsSeq(c.list) {
				id, lead, _ := strings.Cut(text, ">")
				list = append(list, api.Summary{ID: id, Lead: lead})
			}
			var got []string
			for _, f := range api.Families(list) {
				var children []string
				for _, child := range f.Children {
					children = append(children, child.ID)
				}
				text := f.ID
				if children != nil {
					text += "(" + strings.Join(children, " ") + ")"
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
