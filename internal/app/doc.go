// Package app wires one replica together and takes it apart again. It is the only package that knows everyone: adapters
// know neither each other nor the worker, and here the small interfaces that each declares are joined.
//
// New opens what a replica needs, in the order bus, ledger, intake, routers, worker, API; what was opened is closed in the
// reverse order, each within a bounded time. Run runs a handful of named tasks until its context ends or one of them
// fails. Nothing acts before Run. One of the tasks looks at the policy's file and offers the worker what it holds; of what
// the configuration says nothing else changes before a restart but the traffic matrix.
package app
