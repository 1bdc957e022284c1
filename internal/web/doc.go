// Package web is how people and programs reach a replica over HTTP: the JSON API, the event stream, a page for a
// browser, metrics and health.
//
// It decides nothing. Reading is a look at the Board under its lock, copied out; an order is an incident.Order handed to
// the worker, and what it answers stands on the ledger. Everything that it needs comes in through the small interfaces
// of sources.go. Routes stand in one table (routes.go) with the role that each needs and the types that go in and out;
// the OpenAPI document is made from the same table, so it cannot promise what is not served.
//
// Callers are known by bearer tokens alone. There is no cookie, so a browser cannot be made to send a credential; a
// cross-origin request that would change something is refused all the same. Without a configured token, a caller on this
// machine may look, and nobody may change anything.
//
// The event stream carries state, not history: each message says what has changed since the position that the reader
// knew, so a reader that was away and comes back with Last-Event-ID has missed nothing. The ledger is the history.
package web
