// Package api is the JSON that goes over the HTTP API: one struct for each request and reply, shared by the server, its
// Go client and the document that describes them. Whatever is already vocabulary (plans, checks, records) travels as
// package events writes it, and an incident as the Board holds it; nothing is renamed on the way out.
//
// Fields are only ever added. Lists are never null.
package api
