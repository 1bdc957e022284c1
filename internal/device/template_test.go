package device

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/ygot/ygot"
)

func elems(t *testing.T, path string) []*gnmi.PathElem {
	t.Helper()
	p, err := ygot.StringToStructuredPath(path)
	if err != nil {
		t.Fatal(err)
	}
	return p.GetElem()
}

func TestTemplateFill(t *testing.T) {
	tpl, err := parseTemplate("openconfig", "/a/b[k={x}][l=two]/c[m={y}]/d")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		bind names
		want string
	}{
		{names{"x": "ethernet-1/1", "y": "2"}, "/a/b[k=ethernet-1/1][l=two]/c[m=2]/d"},
		{names{"x": "1"}, "/a/b[k=1][l=two]/c[m=*]/d"},
		{nil, "/a/b[k=*][l=two]/c[m=*]/d"},
	} {
		path := tpl.fill(c.bind)
		got, err := ygot.PathToString(path)
		if err != nil || got != c.want || path.GetOrigin() != "openconfig" {
			t.Errorf("fill(%v) = %s %s, %v; want %s", c.bind, path.GetOrigin(), got, err, c.want)
		}
	}
	if got := len(tpl.upTo("b").fill(nil).GetElem()); got != 2 {
		t.Errorf("upTo keeps %d elements, want 2", got)
	}
	if _, err := parseTemplate("openconfig", "/a[b"); err == nil || !strings.Contains(err.Error(), "/a[b") {
		t.Errorf("a broken template: %v", err)
	}
}

func TestTemplateFind(t *testing.T) {
	const tpl = "/isis/interfaces/interface[interface-id={interface}]/levels/level[level-number={level}]" +
		"/afi-safi/af[afi-name={family}][safi-name=UNICAST]/config/metric"
	const tree = `{"openconfig-isis:interface":[
		{"interface-id":"et-0/0/0:1","levels":{"level":[{"level-number":2,"afi-safi":{"af":[
			{"afi-name":"openconfig-isis-types:IPV4","safi-name":"openconfig-isis-types:UNICAST","config":{"afi-name":"IPV4","metric":16777214}},
			{"afi-name":"openconfig-isis-types:IPV6","safi-name":"MULTICAST","config":{"metric":7}}]}}]}},
		{"interface-id":"lo0","levels":{}},
		{"config":{"interface-id":"no key"}},
		"not an object"]}`
	for name, c := range map[string]struct {
		path, value string
		want        []string
	}{
		"leaf": {"/isis/interfaces/interface[interface-id=a]/levels/level[level-number=1]/afi-safi/af[afi-name=IPV6][safi-name=UNICAST]/config/metric",
			"20", []string{"a 1 IPV6 20"}},
		"leaf with prefixes": {"/openconfig-isis:isis/interfaces/interface[interface-id=a:1]/levels/level[level-number=1]/afi-safi/" +
			"af[afi-name=openconfig-isis-types:IPV6][safi-name=openconfig-isis-types:UNICAST]/config/metric", "20", []string{"a:1 1 IPV6 20"}},
		"other safi": {"/isis/interfaces/interface[interface-id=a]/levels/level[level-number=1]/afi-safi/af[afi-name=IPV6][safi-name=MULTICAST]/config/metric",
			"20", nil},
		"other leaf":    {"/isis/interfaces/interface[interface-id=a]/levels/level[level-number=1]/config/enabled", "true", nil},
		"container":     {"/isis/interfaces", tree, []string{"et-0/0/0:1 2 IPV4 16777214"}},
		"root":          {"/", `{"isis":{"interfaces":` + tree + `}}`, []string{"et-0/0/0:1 2 IPV4 16777214"}},
		"list":          {"/isis/interfaces/interface", `[{"interface-id":"x"}]`, nil},
		"list, entries": {"/isis/interfaces/interface", tree[len(`{"openconfig-isis:interface":`) : len(tree)-1], []string{"et-0/0/0:1 2 IPV4 16777214"}},
		"entry": {"/isis/interfaces/interface[interface-id=b]/levels/level[level-number=2]",
			`{"afi-safi":{"af":{"afi-name":"IPV4","safi-name":"UNICAST","config":{"metric":5}}}}`, []string{"b 2 IPV4 5"}},
		"too deep":     {tpl + "/more", "1", nil},
		"not a tree":   {"/isis/interfaces", `"text"`, nil},
		"broken JSON":  {"/isis/interfaces", `{"interface":[`, nil},
		"unknown key":  {"/isis/interfaces/interface[name=b]/levels", `{}`, nil},
		"other branch": {"/bgp/neighbors", tree, nil},
	} {
		t.Run(name, func(t *testing.T) {
			parsed, err := parseTemplate("openconfig", tpl)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, i := range parsed.find(elems(t, c.path), ietf(c.value)) {
				got = append(got, strings.Join([]string{i.names["interface"], i.names["level"], i.names["family"], string(i.value.GetJsonIetfVal())}, " "))
			}
			slices.Sort(got)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCovers(t *testing.T) {
	const full = "/isis/interfaces/interface[interface-id=a]/levels/level[level-number=2]/state/x"
	for path, want := range map[string]bool{
		full: true,
		"/isis/interfaces/interface[interface-id=a]":        true,
		"/isis/interfaces/interface[interface-id=*]/levels": true,
		"/isis/interfaces/interface":                        true,
		"/openconfig-isis:isis":                             true,
		"/":                                                 true,
		"/isis/interfaces/interface[interface-id=b]":        false,
		"/isis/interfaces/interface[interface-id=a]/levels/level[level-number=1]": false,
		full + "/y": false,
		"/bgp":      false,
	} {
		if got := covers(elems(t, path), elems(t, full)); got != want {
			t.Errorf("%s: %t, want %t", path, got, want)
		}
	}
}
