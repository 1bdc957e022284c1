// Package webtest is a replica's worth of state for tests of the HTTP API and of what calls it: a Board folded from the
// records of five incidents, a ledger in memory whose lines can be altered, and orders that are carried out on both. It
// behaves; it does not remember what it was asked.
package webtest
