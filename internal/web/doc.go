// Package web is how people and programs reach a replica over HTTP: the JSON API, the event stream, the console for a
// browser, metrics and health.
//
// It decides nothing. Reading is a look at the Board under its lock, copied out; an order is an incident.Order handed to
// the worker, and what it answers stands on the ledger. Everything that it needs comes in through the small interfaces
// of sources.go. Routes stand in one table (routes.go) with the role that each needs and the types that go in and out;
// the OpenAPI document is made from the same table, so it cannot promise what is not served. The console's own routes say
// nothing and need no role: what it shows, it asks of the API.
//
// Programs are known by bearer tokens. A person at a browser gives theirs once and is given a session instead: a cookie that
// no script can read and no other site can make a browser send, good for eight hours. It is the session, sealed: replicas that
// were given the same key take each other's, and no replica remembers any. What ends one before its time is a record, which
// every replica has. In a session, what changes something must carry what only the console's own page was told, and come from
// this origin; and what takes more than a click takes a sign-in of not long ago. What somebody may do is looked up at every
// request, from the token.
//
// Whoever has an account in the chat and is not known there is sent here with a ticket, sealed as a session is, and links the
// account to the person that they have signed in as. That is a record, which also uses the ticket up.
//
// Whoever signs in at the provider (package login) gets a session as well, with what the provider said that they may do. That
// counts for as long as Config.Fresh; then they may look, and sign in again to do more. Replicas do not ask the provider in
// between. Without a token or a provider, a caller on this machine may look, and nobody may change anything.
//
// Whoever has shown who it is may ask so often, and strangers so often by address and all together; the memory for that is
// bounded. Every error is a problem document (RFC 9457), and every call that would change something is accounted for: audit.go.
//
// The event stream carries state, not history: each message says what has changed since the position that the reader
// knew, so a reader that was away and comes back with Last-Event-ID has missed nothing. When there is nothing to say it
// beats, so that a page can tell a quiet network from a dead connection. The ledger is the history.
package web
