package house

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A leaning says what of this module a package and all below it may import. Packages that share a row may import each
// other: a package and its parts are one thing. The longest row that fits counts.
type leaning struct {
	pkg    string
	on     []string
	reason string
}

// leanings is the drawing of the house, bottom up.
func leanings() []leaning {
	adapters := []string{
		"internal/certs", "internal/bus", "internal/ledger", "internal/ledger/checkpoint", "internal/intake", "internal/network", "internal/device", "internal/chatops", "internal/notify",
		"internal/web", "internal/web/api", "internal/config", "internal/config/bounded", "internal/duty", "internal/histogram", "internal/tracing",
	}
	inner := []string{"events", "policy", "remediators", "internal/incident", "internal/worker"}
	everyone := slices.Concat(inner, adapters)
	return []leaning{
		{"events", nil, "the vocabulary knows nobody: everyone speaks it"},
		{"internal/tracing", nil, "where spans go is nobody's business but the exporter's"},
		{"internal/histogram", nil, "the shapes of histograms are one leaf that whoever measures can use"},
		{"internal/config/strict", nil, "reading YAML strictly is one leaf that every section's owner can use"},
		{"internal/config/bounded", nil, "reading a file no further than it may be long, and waiting for it no longer than a disk takes, is one leaf that every reader of files can use"},
		{"policy", []string{"events", "internal/config/strict"}, "what may be done is judged on recorded facts alone"},
		{"remediators", []string{"events"}, "a mitigation proposes a plan in the vocabulary; adding one touches nothing else"},
		{"internal/incident", []string{"events", "policy", "remediators"}, "the core sees the vocabulary, what may be done and what can be done, and no adapter"},
		{"internal/worker", []string{"events", "policy", "remediators", "internal/incident", "internal/histogram"}, "the loop declares the small interfaces that it needs; it cannot tell NATS from memory, nor gNMI from a fake"},

		{"internal/certs", []string{"internal/config/bounded"}, "the files of TLS are read in one place, for whoever speaks it"},
		{"internal/bus/streams", nil, "asking JetStream patiently is one leaf that every owner of streams can use"},
		{"internal/bus", []string{"events", "internal/certs", "internal/config/bounded"}, "the way to NATS knows no stream, and none of those who speak over it"},
		{"internal/ledger/checkpoint", []string{"events"}, "what is signed of a ledger is read without one, by whoever has the key"},
		{"internal/ledger", []string{"events", "internal/bus/streams", "internal/ledger/checkpoint"}, "the ledger is handed its connection and keeps records, whatever they mean"},
		{"internal/intake", []string{"events", "internal/bus/streams"}, "intake is handed its connection and hands on what arrived; what that means is decided elsewhere"},
		{"internal/network", []string{"events", "internal/config/strict", "internal/config/bounded"}, "the topology is data; who reads routers or draws it comes to it"},
		{"internal/device/oc", nil, "it is generated from the models and knows nothing else"},
		{"internal/device", []string{"events", "internal/certs", "internal/config/bounded", "internal/network", "internal/device/oc"}, "the gNMI boundary knows where routers are and what is asked of them, not why"},
		{"internal/chatops/clean", nil, "making a text harmless is one leaf that everybody who shows one can use"},
		{"internal/notify", []string{"events", "internal/incident", "internal/chatops/clean"}, "who is told of the Board and cannot answer is no chat, and decides nothing"},
		{"internal/chatops", []string{"events", "internal/incident", "internal/chatops/clean", "internal/histogram"}, "a chat shows the Board and carries people's answers; it decides nothing"},
		{"internal/duty", []string{"internal/config/strict", "internal/config/bounded"}, "who is on call is names and times; what they may do is asked elsewhere"},
		{"internal/web/seal", nil, "what is kept by others is sealed in one leaf, which also says what secret is long enough"},
		{"internal/web/api", []string{"events", "internal/incident"}, "what goes over the wire is what server and client share"},
		{"internal/web/client", []string{"events", "internal/incident", "internal/web/api"}, "a client that needs the server's insides could not be another program's"},
		{"internal/web", []string{"events", "policy", "internal/incident", "internal/web/api", "internal/web/seal", "internal/histogram"}, "the API shows the Board and carries people's orders; it decides nothing"},
		{"internal/config", []string{"events", "policy", "remediators", "internal/network", "internal/duty", "internal/notify", "internal/ledger/checkpoint", "internal/web/seal", "internal/config/strict", "internal/config/bounded"}, "one file is read here; each section is judged by the package that it configures"},

		{"internal/app", everyone, "the only package that knows everyone; what stands on it are the demonstration and the command"},
		{"internal/serving", nil, "running the service as a process of its own is one leaf that demonstrations and tests can use"},
		{"internal/backbone", []string{"internal/network", "internal/device/oc"}, "simulated routers share the models with what they test, and none of its code"},
		{"internal/demo", slices.Concat([]string{"internal/app", "internal/backbone", "internal/chatops/clean", "internal/serving", "internal/web/client"}, everyone), "a demonstration is the real service before simulated routers"},
		{"cmd", slices.Concat([]string{"internal/app", "internal/demo", "internal/web/client", "internal/web/api"}, []string{
			"events", "policy", "internal/incident", "internal/chatops/clean", "internal/config", "internal/network", "internal/bus", "internal/ledger", "internal/ledger/checkpoint", "internal/intake",
		}), "flags and signals only: deeds are app's and demo's, orders go through the API, and offline verbs read"},
		{"test", slices.Concat([]string{"internal/config/strict", "internal/app", "internal/demo", "internal/serving", "internal/backbone", "internal/web/client"}, everyone), "what is tested as a whole may see the whole"},
	}
}

// testLeanings may be imported by every test beside what the package itself may import: real servers and routers,
// the ledger in memory, the API, and the files that describe a network.
func testLeanings() []string {
	return []string{"internal/backbone", "internal/bus", "internal/ledger", "internal/network", "internal/web"}
}

func imports(t *Tree) []Finding {
	var found []Finding
	rows := leanings()
	for _, p := range t.Packages {
		row, ok := rowOf(rows, p.Path)
		if !ok {
			found = append(found, Finding{p.Path, "has no row in the table of leanings: say what it may import, and why"})
			continue
		}
		for _, f := range p.Files {
			for _, spec := range f.Imports {
				target, ours := strings.CutPrefix(unquote(spec.Path.Value), t.Module+"/")
				switch {
				case !ours:
				case !f.Test && isTestSupport(target):
					found = append(found, Finding{p.at(spec), fmt.Sprintf("%s imports %s, which is there for tests", p.Path, target)})
				case !mayImport(rows, row, target, f.Test):
					found = append(found, Finding{p.at(spec), fmt.Sprintf("%s imports %s, which it may not: %s", p.Path, target, row.reason)})
				}
			}
		}
	}
	return found
}

func rowOf(rows []leaning, pkg string) (leaning, bool) {
	var best leaning
	for _, row := range rows {
		if under(pkg, row.pkg) && len(row.pkg) > len(best.pkg) {
			best = row
		}
	}
	return best, best.pkg != ""
}

// mayImport: the own row's packages, and those whose row is listed. A test may also import what every test may, and the
// rows above and below its own: the server to test the client, a second implementation to test a contract.
func mayImport(rows []leaning, from leaning, target string, test bool) bool {
	to, ok := rowOf(rows, target)
	switch {
	case !ok:
		return false
	case to.pkg == from.pkg || slices.Contains(from.on, to.pkg):
		return true
	}
	return test && (anyUnder(target, testLeanings()) || under(to.pkg, from.pkg) || under(from.pkg, to.pkg))
}

func anyUnder(importPath string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool { return under(importPath, folder) })
}

func unquote(literal string) string {
	text, err := strconv.Unquote(literal)
	if err != nil {
		return literal // the parser has refused it already
	}
	return text
}
