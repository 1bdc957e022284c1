// Package target is what makes a device a gNMI target, whatever is behind it: a simulated router, or a daemon and a kernel.
//
// It has two halves. A Server answers Capabilities, Get and Subscribe from the leaves that a Device shows. For Set there
// are the pieces of a transaction, and the device puts them together, since it alone knows what a commit is: Understand
// validates a request against the schema; Masters lets it pass by master arbitration; Plan.Ask says what the commit
// extension wants, given what waits to be confirmed; Plan.Apply computes what the configuration becomes. None of these
// changes anything.
//
// A configuration is a set of leaves. State leaves are read when they are asked for.
package target
