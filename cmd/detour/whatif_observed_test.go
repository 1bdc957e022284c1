package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/internal/network"
)

// topology writes the topology that the routers were started with.
func (f *field) topology() string {
	f.t.Helper()
	var text bytes.Buffer
	if err := network.WriteTopology(&text, f.Topology().Links, func(network.Link) string { return "" }); err != nil {
		f.t.Fatal(err)
	}
	f.write("topology.yaml", text.String())
	return f.path("topology.yaml")
}

// whatif asks about the field with the present as the routers show it, or as it is configured.
func (f *field) whatif(args ...string) (code int, a whatifAnswer, words string) {
	f.t.Helper()
	args = append([]string{"whatif", "--inventory", f.path("inventory.yaml"), "--topology", f.topology(), "--gravity", "10G", "--worst", "1000", "--survive-limit", "2000", "-o", "json"}, args...)
	code, out, words := f.detour(args...)
	if out != "" {
		if err := json.Unmarshal([]byte(out), &a); err != nil {
			f.t.Fatalf("%v\n%s", err, out)
		}
	}
	return code, a, words
}

// What is drained, down or overloaded now, by whomever, is where the what-if starts; files alone know nothing of it.
func TestWhatifObserved(t *testing.T) {
	f := newField(t)
	code, plain, words := f.whatif("chi-nyc")
	if code != 0 {
		t.Fatalf("as configured: exit %d: %s", code, words)
	}
	code, quiet, words := f.whatif("chi-nyc", "--observed")
	if code != 0 || strings.Contains(words, "now") {
		t.Errorf("nothing is different: exit %d: %s", code, words)
	}
	if diff := cmp.Diff(plain.Drains[0].Drained, quiet.Drains[0].Drained); diff != "" {
		t.Errorf("nothing is different, and the answer is (-configured +observed):\n%s", diff)
	}

	f.drain("atl-wdc", "16777214") // at one end
	code, drained, words := f.whatif("chi-nyc", "--observed")
	if code == 0 || !strings.Contains(words, "drained now, by whomever: atl-wdc") || cmp.Equal(plain.Drains[0].Drained, drained.Drains[0].Drained) {
		t.Errorf("beside somebody's drain: exit %d: %s%+v", code, words, drained.Drains[0])
	}
	if _, same, _ := f.whatif("chi-nyc"); !cmp.Equal(plain.Drains[0], same.Drains[0]) {
		t.Errorf("without --observed the routers were asked: %+v", same.Drains[0])
	}
	if code, _, words := f.whatif("atl-wdc", "--observed"); code != exitUsage || !strings.Contains(words, "is drained already (--observed)") {
		t.Errorf("what is drained: exit %d: %s", code, words)
	}
	f.drain("atl-wdc", fmt.Sprint(f.metricOf("atl-wdc")))

	if err := f.SetLinkDown("den-kcy"); err != nil {
		t.Fatal(err)
	}
	code, all, words := f.whatif("--all", "--observed")
	if len(all.Drains) != 13 || !strings.Contains(words, "down now: den-kcy") {
		t.Errorf("beside a cut: exit %d, %d drains: %s", code, len(all.Drains), words)
	}
	if err := f.Heal("den-kcy"); err != nil {
		t.Fatal(err)
	}

	r := f.Router("wdc")
	if err := r.Configure(r.Path("global", "lsp-bit", "overload-bit", "config", "set-bit"), "true"); err != nil {
		t.Fatal(err)
	}
	code, overloaded, words := f.whatif("chi-nyc", "--observed")
	if code != exitRefused || !strings.Contains(words, "not transited now, by the overload bit: wdc") || len(overloaded.Drains[0].CutOff) == 0 {
		t.Errorf("beside an overloaded router: exit %d: %s%+v", code, words, overloaded.Drains[0])
	}
}

// A router that does not answer is known by what its neighbours have of it; where nobody has anything, nothing is computed.
func TestWhatifObservedSilent(t *testing.T) {
	f := newField(t)
	f.drain("chi-nyc", "16777214")
	a := f.linkNamed("chi-nyc").A.Device
	f.Router(a).SetUnreachable(true)
	if code, _, words := f.whatif("--all", "--observed", "--timeout", "1m"); code == exitFailed || !strings.Contains(words, "drained now, by whomever: chi-nyc") {
		t.Errorf("the neighbours tell: exit %d: %s", code, words)
	}
	for _, r := range f.Routers() {
		r.SetUnreachable(true)
	}
	if code, _, words := f.whatif("--all", "--observed", "--timeout", "1m"); code != exitFailed || !strings.Contains(words, "is not known") {
		t.Errorf("nobody tells: exit %d: %s", code, words)
	}
	if code, _, words := f.detour("whatif", "--all", "--observed", "--gml", "../../internal/network/testdata/topologyzoo/Abilene.gml"); code != exitUsage || !strings.Contains(words, "no routers to ask") {
		t.Errorf("a drawing: exit %d: %s", code, words)
	}
}

func (f *field) linkNamed(name string) network.Link {
	f.t.Helper()
	for _, l := range f.Topology().Links {
		if l.Name == name {
			return l
		}
	}
	f.t.Fatalf("no link %s", name)
	return network.Link{}
}

func (f *field) metricOf(name string) uint32 { return f.linkNamed(name).A.Metric }
