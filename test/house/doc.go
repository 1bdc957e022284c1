// Package house keeps the rules of the house: who may lean on whom, what the pure half may touch, how big a thing may
// grow, what every package must say about itself.
//
// A Rule looks at a Tree, the parsed files of the module, and returns what breaks it; its reason is part of every
// message, so that whoever meets one need not look for it. Rules read syntax and names only: the packages are checked
// against stand-ins for what they import, which is enough to know what an identifier means and keeps a run to seconds.
//
// A rule that cannot fail is worth nothing, so each has a small tree that breaks it among the tests. Where a rule has
// exceptions they stand beside it with their reasons, and an exception that excuses nothing any more is itself a finding.
package house
