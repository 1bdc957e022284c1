package house

import "fmt"

// A Rule is one thing that holds everywhere in the module.
type Rule struct {
	Name   string // short, lower case, with hyphens
	Reason string // why it is so: one sentence, without a full stop
	check  func(*Tree) []Finding
}

// A Finding is one place where a rule is broken.
type Finding struct {
	Place string // file:line, a file, or a folder, from the module's root
	What  string // what is wrong there, and what to do instead where that is not plain
}

func (f Finding) String() string { return f.Place + ": " + f.What }

// Check returns every place in the tree where the rule is broken, in the order of the files.
func (r Rule) Check(t *Tree) []Finding { return r.check(t) }

// Rules returns all rules, those about the whole first.
func Rules() []Rule {
	return []Rule{
		{"top-level", "the layout is given, so that everyone finds things where they were", topLevel},
		{"package-names", "a name says what a package is for; these say only that something was left over", packageNames},
		{"words", "the project reads and builds the same on any machine", words},
		{"imports", "the imports are the drawing of the house", imports},
		{"libraries", "what a library brings (a wire, a clock, a format) stays behind the one package that answers for it", libraries},

		{"pure-imports", "the pure half is searched exhaustively and replayed: it can reach nothing outside its arguments", pureImports},
		{"pure-calls", "the pure half gives every replica the same answer: time and chance are arguments, output is data", pureCalls},
		{"pure-goroutines", "the pure half is a function of its arguments, in one order", pureGoroutines},
		{"pure-variables", "what the pure half knows besides its arguments are tables that never change", pureVariables},

		{"init", "what happens happens because main asked for it, in an order that can be read", noInit},
		{"registration", "a list that can be read beats a list that assembles itself: All(), a table, a registerer handed in", noRegistration},
		{"package-state", "two of anything can live in one process; replicas in one test do", packageState},
		{"loggers", "a logger is handed in and carries who speaks; a global one belongs to nobody", noGlobalLoggers},

		{"sets", "there is one writer to routers: fences, dry-run and freeze are enforced there and nowhere else", oneWriter},
		{"error-text", "errors are told apart by type or sentinel: a text is for people and may be improved at any time", errorText},
		{"panics", "a service that panics stops guarding what it has set; errors are returned", panics},
		{"sleep", "a pause hopes that something has happened: wait for it, with a deadline", sleeps},

		{"metrics", "whoever is paged finds what a number means, and no number is asked for that is not there", metricsAreKnown},
		{"alerts", "an alert without a way out only wakes people", alertsAreExplained},

		{"package-comment", "a package's comment is its design, and the first thing that a newcomer reads", packageComments},
		{"doc-comment", "who calls a thing reads its comment, not its body", docComments},
		{"file-size", fmt.Sprintf("a file is read in one sitting: up to %d lines", fileLimit), fileSizes},
		{"function-size", fmt.Sprintf("a function is seen whole: up to %d lines, a test with its table up to %d", functionLimit, testFunctionLimit), functionSizes},
	}
}
