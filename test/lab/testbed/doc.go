// Package testbed brings a lab up and takes it down: namespaces with links between them, zebra and isisd of FRR in each, and
// a gNMI agent for each outside of them, on 127.0.0.1.
//
// A lab is a folder, a set of namespaces whose names begin alike, what runs in those, and agents whose command line names
// the lab. Nothing else is touched, and each of the four can be found without the others: that is how Down takes away
// what a crash has left. Up refuses to begin where anything is left, and takes away what it has made when it fails. While one
// process does either nobody else does.
package testbed
